"""Images by digest: a tag may be moved by its maker, a digest cannot."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.catalogue import Template
from provisioner.catalogue.addons import AddOn
from provisioner.catalogue.schema import REFERENCE

MARK = "@sha256:"


def loose(template: Template) -> tuple[str, ...]:
    """Images that the template itself names, and by tag only; what the customer names is theirs."""
    used = [image for one in template.components for image in (one.image, one.shell)] + [one.image for one in template.setup]
    return tuple(dict.fromkeys(image for image in used if image and MARK not in image and not REFERENCE.search(image)))


def named(image: str, digests: Mapping[str, str]) -> str:
    """`image:tag@digest` where the digest is known; the tag stays, for people."""
    digest = digests.get(image)
    return f"{image}@{digest}" if digest else image


def pinned(template: Template, digests: Mapping[str, str]) -> Template:
    """The template with each image by its digest where that is known."""
    components = tuple(
        one.model_copy(update={"image": named(one.image, digests), "shell": named(one.shell, digests) if one.shell else None})
        for one in template.components
    )
    setup = tuple(one.model_copy(update={"image": named(one.image, digests)}) if one.image else one for one in template.setup)
    return template.model_copy(update={"components": components, "setup": setup})


def pinned_component(addon: AddOn, digests: Mapping[str, str]) -> AddOn:
    """The same of a component that is added to apps."""
    component = addon.component
    return addon.model_copy(update={"component": component.model_copy(update={"image": named(component.image, digests)})})
