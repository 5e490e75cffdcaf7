"""Components that a customer added to an app: what is wanted of each, from generation to generation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum


class Keeping(StrEnum):
    """What is wanted of a component that was added once."""

    RUNS = "runs"
    KEPT = "kept"
    """It does not run, and its volumes stay."""
    DISCARDED = "discarded"
    """Its volumes are to go as well; a person said so."""


@dataclass(frozen=True, slots=True)
class Added:
    """One component beside an app's own. `edition`: digest of its document; `since`: the generation in which its data began."""

    component: str
    edition: str
    keeping: Keeping
    since: int


def read(text: str) -> tuple[Added, ...]:
    """What `write` wrote."""
    return tuple(Added(one["component"], one["edition"], Keeping(one["keeping"]), one["since"]) for one in json.loads(text or "[]"))


def write(added: Iterable[Added]) -> str:
    return json.dumps([asdict(one) for one in added], separators=(",", ":"))


def of(added: Iterable[Added], component: str) -> Added | None:
    return next((one for one in added if one.component == component), None)


def run(added: Iterable[Added], component: str, edition: str, generation: int) -> tuple[Added, ...]:
    """With the component running. One whose volumes were kept goes on with them, as the edition that wrote them; any other begins anew."""
    found = tuple(added)
    before = of(found, component)
    if before is not None and before.keeping is Keeping.KEPT:
        made = replace(before, keeping=Keeping.RUNS)
    else:
        made = Added(component, edition, Keeping.RUNS, generation)
    return (*(one for one in found if one.component != component), made)


def end(added: Iterable[Added], component: str, keeping: Keeping) -> tuple[Added, ...]:
    """With the component ended in that way."""
    return tuple(replace(one, keeping=keeping) if one.component == component else one for one in added)
