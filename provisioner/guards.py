"""What must not be done without a person: pure rules over a change set, before anything is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.catalogue.quantities import bytes_of
from provisioner.changes import Change, Verb, is_ours
from provisioner.labels import INSTANCE

MOST_DELETIONS = 0.5
"""Share of an instance's objects above which deleting is no clean-up any more."""
FEW = 3
"""So many may always go."""
_FIXED = {
    "Deployment": ("spec.selector",),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes"),
    "Service": ("spec.clusterIP",),
}


class Danger(StrEnum):
    FOREIGN = "foreign"
    """The object is somebody else's."""
    DATA = "data"
    """Data would be lost."""
    IMMUTABLE = "immutable"
    """The API does not change that field; it would take deleting and making anew."""
    SHRINK = "shrink"
    """A volume cannot become smaller."""
    MASS = "mass"
    """So much would go that the wish is probably wrong."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a change is not carried out until a person has agreed to exactly it."""

    danger: Danger
    kind: str
    name: str
    sentence: str


def objections(changes: Sequence[Change], *, instance_id: str, objects: int, making: bool = True) -> tuple[Objection, ...]:
    """All that speaks against the change set. `objects` is how many the instance has now.

    Without `making` the instance stood before: what held its data and is not there is lost, and an empty one in its place would hide that.
    """
    return (*_each(changes, instance_id), *_mass(changes, objects), *(() if making else _lost(changes)))


def _lost(changes: Iterable[Change]) -> Iterator[Objection]:
    for change in changes:
        if change.verb is Verb.CREATE and change.kind in ("Namespace", "PersistentVolumeClaim"):
            yield Objection(
                Danger.DATA,
                change.kind,
                change.name,
                f"{change.kind} {change.name} is gone, and with it the data of the app. Made anew it would be empty.",
            )


def _each(changes: Iterable[Change], instance_id: str) -> Iterator[Objection]:
    for change in changes:
        what = f"{change.kind} {change.name}"
        if change.found is not None and not is_ours(change.found, instance_id):
            owner = (change.found["metadata"].get("labels") or {}).get(INSTANCE, "nobody that Moorage knows")
            yield Objection(
                Danger.FOREIGN,
                change.kind,
                change.name,
                f"{what} belongs to {owner}. Remove it by hand, or choose another namespace.",
            )
        if change.verb is Verb.DELETE and change.kind in ("PersistentVolumeClaim", "Namespace", "Secret"):
            yield Objection(Danger.DATA, change.kind, change.name, f"Deleting {what} destroys data.")
        if change.verb is Verb.UPDATE:
            yield from _updates(change, what)


def _updates(change: Change, what: str) -> Iterator[Objection]:
    for difference in change.differences:
        if difference.path.startswith(_FIXED.get(change.kind, ("\0",))):
            yield Objection(
                Danger.IMMUTABLE, change.kind, change.name, f"{difference.path} of {what} cannot be changed, only made anew."
            )
        if change.kind == "PersistentVolumeClaim" and difference.path.endswith("requests.storage"):
            try:
                shrinks = bytes_of(str(difference.wanted)) < bytes_of(str(difference.now))
            except ValueError:
                shrinks = True
            if shrinks:
                yield Objection(
                    Danger.SHRINK,
                    change.kind,
                    change.name,
                    f"{what} has {difference.now} and cannot shrink to {difference.wanted}. Back up and restore into a smaller one.",
                )


def _mass(changes: Sequence[Change], objects: int) -> Iterator[Objection]:
    gone = [change for change in changes if change.verb is Verb.DELETE]
    if len(gone) > max(FEW, MOST_DELETIONS * objects):
        yield Objection(
            Danger.MASS,
            gone[0].kind,
            gone[0].name,
            f"{len(gone)} of {objects} objects would be deleted. Look whether that is meant.",
        )
