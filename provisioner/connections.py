"""How an app finds what was added to it: variables of the component that answers at its address, never over what somebody else said.

A template may call them by names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.domain.components import Keeping
from provisioner.catalogue.schema import REFERENCE
from provisioner.wanted import Wanted

CUSTOMER, TEMPLATE = "customer", "template"


@dataclass(frozen=True, slots=True)
class Connection:
    """One variable that a component gives. `text` as in templates; `taken_by`: who had said that variable before, so that it stays theirs:
    `customer`, `template`, or the id of a component that was added earlier. Empty when the app gets it.
    """

    component: str
    variable: str
    text: str
    taken_by: str = ""

    @property
    def secret(self) -> bool:
        return any(kind == "secret" for kind, _ in REFERENCE.findall(self.text))


def connections(wanted: Wanted) -> tuple[Connection, ...]:
    """Every variable of every component that runs beside the app, in the order in which they were added."""
    exposed = next(one for one in wanted.template.components if one.name == wanted.template.exposes)
    own: Mapping[str, Any] = wanted.parameters.get("environment", {})
    taken = dict.fromkeys((*exposed.environment, *exposed.secret_files), TEMPLATE) | dict.fromkeys(own, CUSTOMER)
    found: list[Connection] = []
    for one in wanted.additions:
        if one.keeping is not Keeping.RUNS:
            continue
        called = wanted.template.connections.get(one.addon.id)
        gives = one.addon.given
        # an edition of the component that was added long ago may lack what the template of today names
        texts = gives if called is None else {own: gives[theirs] for own, theirs in called.items() if theirs in gives}
        for variable, text in texts.items():
            found.append(Connection(one.addon.id, variable, text, taken.get(variable, "")))
            taken.setdefault(variable, one.addon.id)
    return tuple(found)


def given(wanted: Wanted) -> dict[str, str]:
    """What the app gets: variable to text."""
    return {one.variable: one.text for one in connections(wanted) if not one.taken_by}
