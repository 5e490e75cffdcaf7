"""How an app finds what was added to it: variables of the component that answers at its address, never over what somebody else said.
Of components that a customer listed those get them that are said to use it; where none is, the one at the address.

A template may call them by names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.domain.components import Keeping
from provisioner.catalogue.listed import Listed
from provisioner.catalogue.schema import REFERENCE, Component
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


def receivers(wanted: Wanted, addon: str) -> tuple[Component, ...]:
    """Which of the app's components get the variables of one that was added."""
    users = tuple(one for one in wanted.template.components if isinstance(one, Listed) and addon in one.uses)
    return users or tuple(one for one in wanted.template.components if one.name == wanted.template.exposes)


def own_variables(wanted: Wanted, component: Component) -> Mapping[str, str]:
    """What the customer said of that component, as it was written."""
    if isinstance(component, Listed):
        name = component.variables
    elif component.name == wanted.template.exposes:
        name = "environment"
    else:
        return {}
    found: Mapping[str, str] = wanted.parameters.get(name, {})
    return found


def connections(wanted: Wanted, component: Component | None = None) -> tuple[Connection, ...]:
    """Every variable that the component (without one: the one at the app's address) gets of what runs beside the app, in the order in
    which that was added."""
    component = component or next(one for one in wanted.template.components if one.name == wanted.template.exposes)
    own = own_variables(wanted, component)
    taken = dict.fromkeys((*component.environment, *component.secret_files), TEMPLATE) | dict.fromkeys(own, CUSTOMER)
    found: list[Connection] = []
    for one in wanted.additions:
        if one.keeping is not Keeping.RUNS or component not in receivers(wanted, one.addon.id):
            continue
        called = wanted.template.connections.get(one.addon.id)
        gives = one.addon.given
        # an edition of the component that was added long ago may lack what the template of today names
        texts = gives if called is None else {own: gives[theirs] for own, theirs in called.items() if theirs in gives}
        for variable, text in texts.items():
            found.append(Connection(one.addon.id, variable, text, taken.get(variable, "")))
            taken.setdefault(variable, one.addon.id)
    return tuple(found)


def given(wanted: Wanted, component: Component | None = None) -> dict[str, str]:
    """What the component gets: variable to text."""
    return {one.variable: one.text for one in connections(wanted, component) if not one.taken_by}
