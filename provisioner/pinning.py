"""Images by digest: a tag may be moved by its maker, a digest cannot."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.catalogue import Template
from provisioner.catalogue.addons import AddOn
from provisioner.catalogue.schema import REFERENCE

MARK = "@sha256:"


def loose(template: Template) -> tuple[str, ...]:
    """Images that the template itself names, and by tag only; what the customer names is theirs."""
    named = [one.image for one in template.components] + [one.image for one in template.setup if one.image]
    return tuple(dict.fromkeys(image for image in named if image and MARK not in image and not REFERENCE.search(image)))


def pinned(template: Template, digests: Mapping[str, str]) -> Template:
    """The template with `image:tag@digest` where a digest is known; the tag stays, for people."""

    def fixed(image: str | None) -> str | None:
        digest = digests.get(image or "")
        return f"{image}@{digest}" if digest else image

    return template.model_copy(
        update={
            "components": tuple(one.model_copy(update={"image": fixed(one.image)}) for one in template.components),
            "setup": tuple(one.model_copy(update={"image": fixed(one.image)}) for one in template.setup),
        }
    )


def pinned_component(addon: AddOn, digests: Mapping[str, str]) -> AddOn:
    """The same of a component that is added to apps."""
    digest = digests.get(addon.component.image)
    if not digest:
        return addon
    return addon.model_copy(update={"component": addon.component.model_copy(update={"image": f"{addon.component.image}@{digest}"})})
