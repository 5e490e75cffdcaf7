"""What has to be done so that the cluster is as wanted: a pure comparison of what is wanted with what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provisioner.cluster.port import KINDS, kind_of
from provisioner.desired import Step
from provisioner.labels import INSTANCE, MANAGER, Object

Key = tuple[str, str]
"""(kind, name) within the instance's namespace."""
MANAGED_BY = "app.kubernetes.io/managed-by"


class Verb(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not as wanted; `path` as in `spec.replicas` or `spec.template.spec.containers[web].image`."""

    path: str
    now: Any
    wanted: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One object to create, update or delete."""

    verb: Verb
    kind: str
    name: str
    differences: tuple[Difference, ...] = ()
    wanted: Object | None = None
    found: Object | None = None


def key_of(one: Object) -> Key:
    return one["kind"], one["metadata"]["name"]


def changes(
    steps: Iterable[Step], found: Mapping[Key, Object], instance_id: str, discarded: Collection[str] = ()
) -> tuple[Change, ...]:
    """In the order in which they are carried out: the wanted objects by phase, then what nobody wants any more.

    Deleted is only what carries the manager's label and this instance's id, and of what holds data only the claims `discarded`.
    """
    wanted = [one for step in steps for one in step.objects]
    made = tuple(change for one in wanted if (change := _change(one, found.get(key_of(one)))) is not None)
    keys = {key_of(one) for one in wanted}
    order = [kind.name for kind in KINDS]
    left = sorted((key for key in found if key not in keys), key=lambda key: (-order.index(key[0]), key[1]))
    gone = tuple(
        Change(Verb.DELETE, *key, found=found[key])
        for key in left
        if (kind_of(key[0]).pruned or (key[0] == "PersistentVolumeClaim" and key[1] in discarded))
        and is_ours(found[key], instance_id)
        and not found[key]["metadata"].get("deletionTimestamp")
    )
    return made + gone


def is_ours(found: Object, instance_id: str) -> bool:
    """Whether the object was made by the provisioner for that instance."""
    labels = found["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and labels.get(INSTANCE) == instance_id


def _change(wanted: Object, found: Object | None) -> Change | None:
    kind, name = key_of(wanted)
    if found is None:
        return Change(Verb.CREATE, kind, name, wanted=wanted)
    if kind == "Job":
        return None  # its name carries a digest of what it does; a finished one stays as the record that it ran
    different = tuple(_differences(wanted, found))
    return Change(Verb.UPDATE, kind, name, different, wanted, found) if different else None


def _differences(wanted: Object, found: Object) -> Iterator[Difference]:
    for part in ("spec", "roleRef", "subjects", "automountServiceAccountToken"):
        if part in wanted:
            yield from _compare(part, wanted[part], found.get(part))
    labels = found["metadata"].get("labels") or {}
    for name, value in wanted["metadata"]["labels"].items():
        if labels.get(name) != value:
            yield Difference(f"metadata.labels.{name}", labels.get(name), value)


def _compare(path: str, wanted: Any, found: Any) -> Iterator[Difference]:
    """Fields that are wanted and are not so. What the API added by itself (defaults) is nobody's wish and not compared."""
    if isinstance(wanted, Mapping):
        if not wanted and found in ({}, None):
            return
        if not isinstance(found, Mapping):
            yield Difference(path, found, wanted)
            return
        for key, value in wanted.items():
            yield from _compare(f"{path}.{key}", value, found.get(key))
    elif isinstance(wanted, list):
        yield from _compare_lists(path, wanted, found)
    elif wanted != found:
        yield Difference(path, found, wanted)


def _compare_lists(path: str, wanted: list[Any], found: Any) -> Iterator[Difference]:
    """Named items by name, as server-side apply merges them; others by position."""
    if not wanted and not found:
        return
    if not isinstance(found, list):
        yield Difference(path, found, wanted)
        return
    if all(isinstance(one, Mapping) and "name" in one for one in wanted):
        there = {one.get("name"): one for one in found if isinstance(one, Mapping)}
        for one in wanted:
            yield from _compare(f"{path}[{one['name']}]", one, there.get(one["name"]))
        for name in there.keys() - {one["name"] for one in wanted}:
            yield Difference(f"{path}[{name}]", there[name], None)
    elif len(wanted) != len(found):
        yield Difference(path, found, wanted)
    else:
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _compare(f"{path}[{number}]", one, other)
