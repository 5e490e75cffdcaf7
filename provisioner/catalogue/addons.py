"""What a component is that customers add to an app of theirs: one YAML file each in `components/`, and no code.

It is a workload with its own size beside the app's plan, and gives the app variables by which it is found. Names are made the app's own
when it is added: `${secret.password}` of `postgresql` becomes the app's secret `postgresql-password`, its volume `data` becomes
`postgresql-data`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, model_validator

from models.domain.errors import NotFound
from provisioner.catalogue.agreement import Place
from provisioner.catalogue.loading import FOLDER, parse_as, read_all
from provisioner.catalogue.schema import (
    CURRENCIES,
    LANGUAGES,
    REFERENCE,
    Backup,
    Component,
    Cpu,
    Label,
    Licence,
    Secret,
    Share,
    Size,
    Strict,
    Template,
    Words,
)

COMPONENTS = FOLDER / "components"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


class Beside(Component):
    """A workload that has its own size, whatever the app's plan is. All of its volumes together have `storage`."""

    cpu: Cpu
    memory: Size
    storage: Size
    cpu_share: Share = 1.0
    memory_share: Share = 1.0


class AddOn(Strict):
    """One component that can be added. `gives`: variables that the app gets, with references as in templates."""

    id: Label
    name: str
    version: str
    words: dict[str, Words]
    licence: Licence
    secrets: dict[Label, Secret] = Field(default={})
    component: Beside
    gives: Annotated[dict[str, str], Field(min_length=1)]
    backup: tuple[Backup, ...] = ()
    price: dict[str, Annotated[int, Field(ge=0)]]
    """Minor units a month by currency."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        """The workload has the add-on's name, and its backup saves that workload; neither is written twice."""
        if not isinstance(data, Mapping):
            return data
        component, backup = data.get("component"), data.get("backup", ())
        if isinstance(component, Mapping):
            data = {**data, "component": {"name": data.get("id"), **component}}
        if isinstance(backup, (list, tuple)):
            named = [{"of": data.get("id"), **one} if isinstance(one, Mapping) else one for one in backup]
            data = {**data, "backup": named}
        return data

    @model_validator(mode="after")
    def _prices(self) -> AddOn:
        if set(self.price) != CURRENCIES:
            raise ValueError(f"has a price in each of {', '.join(sorted(CURRENCIES))}")
        return self

    @property
    def claims(self) -> tuple[str, ...]:
        """Names of its volumes in an app."""
        return tuple(f"{self.id}-{volume.name}" for volume in self.component.volumes)

    @property
    def given(self) -> dict[str, str]:
        """`gives` with secrets by the names that they have in an app."""
        return {name: self._own(text) for name, text in self.gives.items()}

    def placed(self) -> Beside:
        """The workload as it is in an app."""
        found = self._renamed(self.component.model_dump())
        found["secret_files"] = {name: f"{self.id}-{secret}" for name, secret in self.component.secret_files.items()}
        for volume in found["volumes"]:
            volume["name"] = f"{self.id}-{volume['name']}"
        return Beside.model_validate(found)

    def kept_secrets(self) -> dict[str, Secret]:
        """Its secrets by the names that they have in an app."""
        return {
            f"{self.id}-{name}": secret.model_copy(update={"of": f"{self.id}-{secret.of}" if secret.of else None})
            for name, secret in self.secrets.items()
        }

    def saved(self) -> tuple[Backup, ...]:
        return tuple(
            Backup.model_validate(self._renamed(one.model_dump()) | {"files": tuple(f"{self.id}-{name}" for name in one.files)})
            for one in self.backup
        )

    def _renamed(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._own(value)
        if isinstance(value, dict):
            return {name: self._renamed(one) for name, one in value.items()}
        return [self._renamed(one) for one in value] if isinstance(value, (list, tuple)) else value

    def _own(self, text: str) -> str:
        return REFERENCE.sub(lambda f: f"${{secret.{self.id}-{f[2]}}}" if f[1] == "secret" else f[0], text)


def load_components() -> Mapping[str, AddOn]:
    """All components that can be added, by id. Raises Broken with everything that is wrong in any of them."""
    return dict(_loaded())


def component_named(name: str) -> AddOn:
    """One of them. Raises NotFound."""
    found = _loaded().get(name)
    if found is None:
        raise NotFound(f"There is no component “{name}”. There are {', '.join(sorted(_loaded()))}.")
    return found


@lru_cache(maxsize=1)
def _loaded() -> Mapping[str, AddOn]:
    return read_all(COMPONENTS, parse_component)


def parse_component(text: str, file: str) -> AddOn:
    """The component that `text` describes. Raises Broken."""
    return parse_as(AddOn, text, file, problems)


def problems(addon: AddOn) -> Iterator[tuple[Place, str]]:
    """What does not fit together, with its place."""
    if missing := LANGUAGES - set(addon.words):
        yield ("words",), f"words are missing in {', '.join(sorted(missing))}"
    for variable in addon.gives:
        if not _VARIABLE.fullmatch(variable):
            yield ("gives", variable), "is written in capitals, digits and underscores"
    if addon.component.copies != 1:
        yield ("component", "copies"), "there is one of it beside an app"
    for variable, secret in addon.component.secret_files.items():
        if secret not in addon.secrets:
            yield ("component", "secret_files", variable), f"there is no secret “{secret}”"
    volumes = {volume.name for volume in addon.component.volumes}
    for number, one in enumerate(addon.backup):
        for lacking in sorted(set(one.files) - volumes):
            yield ("backup", number), f"there is no volume “{lacking}”"
    known: Mapping[str, set[str]] = {"service": {addon.id}, "secret": set(addon.secrets)}
    for place, text in _texts(addon):
        for kind, name in REFERENCE.findall(text):
            if name not in known.get(kind, ()):
                yield place, f"“${{{kind}{'.' + name if name else ''}}}” refers to nothing"


def _texts(addon: AddOn) -> Iterator[tuple[Place, str]]:
    yield from ((("gives", name), text) for name, text in addon.gives.items())
    component = addon.component
    yield from ((("component", "environment", name), text) for name, text in component.environment.items())
    yield from ((("component", "arguments"), word) for word in component.arguments)
    yield from ((("component", "command"), word) for word in component.command)
    for name in ("startup", "readiness", "liveness"):
        probe = getattr(component.probes, name)
        yield from ((("component", "probes", name), word) for word in (probe.command if probe else ()))
    for number, one in enumerate(addon.backup):
        yield from ((("backup", number), word) for word in (*one.dump, *one.restore))


def joined(template: Template, addons: Iterable[AddOn]) -> Template:
    """The template with these components beside its own. Nothing of it is checked again: `clash` says whether they go together."""
    found = tuple(addons)
    if not found:
        return template
    secrets = dict(template.secrets)
    for one in found:
        secrets |= one.kept_secrets()
    return template.model_copy(
        update={
            "components": template.components + tuple(one.placed() for one in found),
            "secrets": secrets,
            "backup": template.backup + tuple(saved for one in found for saved in one.saved()),
        }
    )


def clash(template: Template, addon: AddOn) -> str:
    """A name that both have, so that they do not go together; empty when they do."""
    names = {one.name for one in template.components} | {volume.name for one in template.components for volume in one.volumes}
    theirs = {addon.id, *addon.claims}
    return next(iter(sorted((names & theirs) | (set(template.secrets) & set(addon.kept_secrets())))), "")
