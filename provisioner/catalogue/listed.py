"""Components that a customer lists: a template with a parameter of that kind has one component as the pattern of all of them.

The pattern says what is the same for every one (user, probes' rhythm, scratch); what the customer says of each stands in it as `${part.X}`.
The plan is divided over all pods: a copy of a component gets its size (small 1, medium 2, large 4) of the sum of all copies' sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.domain.errors import Invalid
from models.domain.ids import is_label
from provisioner.catalogue.addons import load_components
from provisioner.catalogue.quantities import bytes_of
from provisioner.catalogue.schema import AbsolutePath, Component, Label, Plan, Probe, Probes, Template

KIND = "components"
SIZES: Mapping[str, int] = {"small": 1, "medium": 2, "large": 4}
MOST = 12
LONGEST_NAME = 40
LEAST_MEMORY = 48 << 20
"""With less no container starts well."""
FIELDS = ("name", "image", "port", "path", "environment", "command", "copies", "health", "size", "uses")
_PART = re.compile(r"\$\{part\.([a-z]+)\}")
_RESERVED = frozenset({"notice", "app", "secrets", "localhost", "kubernetes"})
_ROUTE = re.compile(r"/(?:[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*)?")


class Listed(Component):
    """One of them as it is rendered. `route`: the path at which the public reaches it, None inside only; `uses`: the added components
    whose variables it gets; `variables`: the parameter with the customer's own."""

    route: AbsolutePath | None = None
    uses: tuple[Label, ...] = ()
    variables: str


@dataclass(frozen=True, slots=True)
class Checks:
    """How the single answers are understood: by the same rules as those of other templates."""

    image: Callable[[Any], str]
    port: Callable[[Any], int]
    environment: Callable[[Any], dict[str, str]]
    command: Callable[[Any], Sequence[str]]
    copies: Callable[[Any], int]
    health: Callable[[Any], str]


def parameter_of(template: Template) -> str:
    """Name of the parameter in which components are listed; empty when the template has none."""
    return next((name for name, one in template.parameters.items() if one.kind == KIND), "")


def understood(field: str, value: Any, checks: Checks) -> list[dict[str, Any]]:
    """The list whole and checked. Raises Invalid with a sentence that names the component."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, Mapping) for one in value):
        raise Invalid("Components are a list; each has at least a name and an image.", field=field)
    if not 1 <= len(value) <= MOST:
        raise Invalid(f"There can be 1 to {MOST} components; {len(value)} are listed.", field=field)
    found = [_one(field, number, one, checks) for number, one in enumerate(value, 1)]
    names, routes = [one["name"] for one in found], [one["path"] for one in found if one["path"]]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise Invalid(f"Two components are called “{twice}”. Give each its own name.", field=field)
    if twice := next((route for route in routes if routes.count(route) > 1), ""):
        raise Invalid(f"Two components want the path {twice}. Give each its own path.", field=field)
    if "/" not in routes:
        raise Invalid("No component answers at the path /. Give it to the one that visitors see first.", field=field)
    return found


def _one(field: str, number: int, said: Mapping[str, Any], checks: Checks) -> dict[str, Any]:
    name = str(said.get("name") or "").strip()
    if not is_label(name) or not name[0].isalpha() or len(name) > LONGEST_NAME:
        raise Invalid(
            f"The name of component {number} is at most {LONGEST_NAME} lower-case letters, digits and inner hyphens and begins with a "
            "letter, such as “api”.",
            field=field,
        )
    if name in _RESERVED or name in load_components() or name.startswith(("keeper-", "setup-")):
        raise Invalid(f"“{name}” is a name of the platform's own. Call the component otherwise, such as “my-{name}”.", field=field)
    if unknown := next((str(key) for key in said if key not in FIELDS), ""):
        raise Invalid(f"{name}: a component has no “{unknown}”. It has {', '.join(FIELDS)}.", field=field)

    def each(key: str, check: Callable[[Any], Any], default: Any) -> Any:
        value = said.get(key)
        try:
            return check(value) if value not in (None, "", {}, [], ()) else default
        except Invalid as error:
            raise Invalid(f"Component {name}: {error}", field=field) from None

    if not said.get("image"):
        raise Invalid(f"Component {name}: An image looks like ghcr.io/you/app:1.4.", field=field)
    return {
        "name": name,
        "image": each("image", checks.image, ""),
        "port": each("port", checks.port, 8080),
        "path": each("path", _route, ""),
        "environment": each("environment", checks.environment, {}),
        "command": list(each("command", checks.command, ())),
        "copies": each("copies", checks.copies, 1),
        "health": each("health", checks.health, ""),
        "size": each("size", _size, "small"),
        "uses": each("uses", _uses, []),
    }


def _route(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    text = text.rstrip("/") or text
    if not _ROUTE.fullmatch(text) or len(text) > 100 or {".", ".."} & set(text.split("/")):
        raise Invalid("A path is / or like /api: letters, digits, hyphens and inner slashes.")
    return text


def _size(value: Any) -> str:
    if value not in SIZES:
        raise Invalid(f"A size is one of {', '.join(SIZES)}.")
    return str(value)


def _uses(value: Any) -> list[str]:
    known = load_components()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise Invalid("What a component uses is a list of names, such as [postgresql].")
    if unknown := next((one for one in value if one not in known), ""):
        raise Invalid(f"There is no component “{unknown}” to use. There are {', '.join(sorted(known))}.")
    return list(dict.fromkeys(value))


def used(template: Template, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of the components of the catalogue that the listed ones use, each once."""
    listed = parameters.get(parameter_of(template)) or ()
    return tuple(dict.fromkeys(name for one in listed for name in one.get("uses", ())))


def composed(template: Template, parameters: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
    """The template with a component for each that is listed, and the parameters with what was said of each; others stay as they are."""
    field = parameter_of(template)
    listed = parameters.get(field) or ()
    if not listed:
        return template, dict(parameters)
    pattern = next(one for one in template.components if one.name == template.exposes)
    whole = sum(SIZES[one["size"]] * one["copies"] for one in listed)
    said = dict(parameters)
    for one in listed:
        said |= {f"{one['name']}_{key}": one[key] for key in ("image", "port", "copies", "health", "environment")}
        said[f"{one['name']}_command"] = tuple(one["command"])
    entrance = next(one["name"] for one in listed if one["path"] == "/")
    made = tuple(_made(pattern, one, SIZES[one["size"]] / whole) for one in listed)
    return template.model_copy(update={"components": made, "exposes": entrance}), said


def _made(pattern: Component, one: Mapping[str, Any], share: float) -> Listed:
    name = one["name"]
    facts: dict[str, Any] = _named(pattern.model_dump(), name)
    probes = pattern.probes if one["health"] else _by_port(pattern.probes)
    return Listed.model_validate(
        facts
        | {
            "name": name,
            "probes": _named(probes.model_dump(), name),
            "cpu_share": share,
            "memory_share": share,
            "route": one["path"] or None,
            "uses": tuple(one["uses"]),
            "variables": f"{name}_environment",
        }
    )


def _by_port(probes: Probes) -> Probes:
    """Without a path an open port is enough."""

    def open_(probe: Probe | None) -> Probe | None:
        return probe and probe.model_copy(update={"path": None})

    return Probes(startup=probes.startup.model_copy(update={"path": None}), readiness=probes.readiness.model_copy(update={"path": None}),
                  liveness=open_(probes.liveness))  # fmt: skip


def _named(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return _PART.sub(lambda found: f"${{parameter.{name}_{found[1]}}}", value)
    if isinstance(value, dict):
        return {key: _named(one, name) for key, one in value.items()}
    return [_named(one, name) for one in value] if isinstance(value, (list, tuple)) else value


def check_size(template: Template, plan: Plan) -> None:
    """Whether the plan is enough for all that is listed. Raises Invalid with what would do."""
    shares = [one.memory_share for one in template.components if isinstance(one, Listed)]
    if not shares:
        return
    least = min(int(bytes_of(plan.memory) * share) for share in shares)
    if least < LEAST_MEMORY:
        raise Invalid(
            f"The plan {plan.name} divided over all copies leaves {least >> 20} MiB for the smallest; {LEAST_MEMORY >> 20} are needed. "
            "Choose a larger plan, fewer copies or another size.",
            field="plan",
        )
