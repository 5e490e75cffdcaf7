"""One pass over one instance: look, compare, object or carry out as far as the cluster has come, and say what is waited for.

Level-triggered: a pass knows nothing of the one before and may be killed anywhere; the next one finds what stands and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.domain.components import Keeping
from models.domain.errors import PlatformError
from provisioner.changes import MANAGED_BY, Change, Key, Verb, changes, is_ours, key_of
from provisioner.cluster.port import KINDS, Cluster, Rejected, Rejection
from provisioner.desired import Phase, Step, desired
from provisioner.guards import Danger, Objection, objections
from provisioner.labels import INSTANCE, MANAGER, Object
from provisioner.secrets import homes, opened, sealed
from provisioner.standing import Coming, Failed, Stands, standing
from provisioner.stillness import is_keeper
from provisioner.wanted import Wanted

POLL = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=5)
PATIENT = 4
"""So many times in a row a missing right is taken for one that is not known yet."""
_READ = tuple(kind.name for kind in KINDS if kind.name not in ("Namespace", "RoleBinding", "Secret", "Pod", "Event"))


@dataclass(frozen=True, slots=True)
class Done:
    """Everything stands as wanted. `applied`: what this pass had to change for it."""

    applied: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet; look again at `again_at`."""

    reason: str
    again_at: datetime
    phase: Phase | None = None
    applied: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """It stops here until a person decides: `rejection` by the cluster, or `objections` of our own guards."""

    reason: str
    phase: Phase | None = None
    rejection: Rejection | None = None
    objections: tuple[Objection, ...] = ()


Outcome = Done | Waiting | Blocked
Agreed = tuple[str, str, str]
"""(danger, kind, name) of an objection."""
Drawn = Callable[[], Mapping[str, str]]
"""Gives values for the instance's secrets; asked only when it has none in the cluster yet."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is in the cluster of an instance."""

    namespace: Object | None
    objects: Mapping[Key, Object] = field(default_factory=dict)


def observe(cluster: Cluster, wanted: Wanted) -> Sight:
    """Its namespace and every object in it that the provisioner made, or that has the name of one it wants."""
    namespace = cluster.read("Namespace", None, wanted.namespace)
    if namespace is None:
        return Sight(None)
    found: dict[Key, Object] = {("Namespace", wanted.namespace): namespace}
    if cluster.read("RoleBinding", wanted.namespace, MANAGER) is None:
        return Sight(
            namespace, found
        )  # killed between the two: without its rights inside, nothing else was made and nothing can be read
    for kind in _READ:
        for one in cluster.find(kind, wanted.namespace, {MANAGED_BY: MANAGER}):
            found[key_of(one)] = one
    for step in desired(wanted):
        for one in step.objects:
            key = key_of(one)
            if key not in found and (there := cluster.read(*_place(one))) is not None:
                found[key] = there
    return Sight(namespace, found)


def plan(cluster: Cluster, wanted: Wanted, *, making: bool = True) -> tuple[tuple[Change, ...], tuple[Objection, ...]]:
    """What a pass would change now, and what speaks against it; nothing is written."""
    sight = observe(cluster, wanted)
    todo = changes(desired(wanted), sight.objects, wanted.instance_id, discarded(wanted))
    return todo, _against(wanted, todo, sight, (), making)


def advance(
    cluster: Cluster,
    wanted: Wanted,
    *,
    drawn: Drawn,
    now: datetime,
    attempts: int = 0,
    agreed: Collection[Agreed] = (),
    making: bool = True,
) -> Outcome:
    """Bring the instance as far as it comes in one pass. `attempts` failed before; it lengthens the pause after a refusal.

    `agreed` are the objections to which a person has said yes; any other stops the pass before something is written.
    Without `making` the instance stood before, and what held its data is not made anew in silence.
    """
    try:
        return _advance(cluster, wanted, drawn, now, agreed, making)
    except Rejected as refused:
        # rights that were just given in a new namespace take a moment until every part of the API server knows them
        fresh = refused.rejection is Rejection.FORBIDDEN and attempts < PATIENT
        if not refused.retryable and not fresh:
            return Blocked(str(refused), rejection=refused.rejection)
        pause = timedelta(seconds=refused.retry_after_seconds) if refused.retry_after_seconds else backoff(attempts)
        return Waiting(str(refused), now + pause)
    except PlatformError as error:
        if not error.retryable:
            return Blocked(str(error))
        return Waiting(str(error), now + backoff(attempts))


def backoff(attempts: int) -> timedelta:
    """2, 4, 8 … seconds, at most five minutes."""
    doubled: int = 2 ** min(attempts, 10)
    return min(LONGEST_BACKOFF, POLL * doubled)


def _advance(cluster: Cluster, wanted: Wanted, drawn: Drawn, now: datetime, agreed: Collection[Agreed], making: bool) -> Outcome:
    sight = observe(cluster, wanted)
    if sight.namespace is not None and sight.namespace["metadata"].get("deletionTimestamp"):
        return Waiting(_held_by(sight.namespace), now + backoff(2), Phase.WALLS)
    steps = desired(wanted)
    todo = changes(steps, sight.objects, wanted.instance_id, discarded(wanted))
    against = _against(wanted, todo, sight, agreed, making)
    if against:
        return Blocked(against[0].sentence, objections=against)
    applied: list[Change] = []
    # a keeper takes the room that the quota leaves for setup steps, so it goes before they come
    gone = [change for change in todo if change.verb is Verb.DELETE]
    for old in gone:
        if is_keeper(old.kind, old.name):
            cluster.delete(old.kind, wanted.namespace, old.name)
            applied.append(old)
    found = dict(sight.objects)
    by_key = {(change.kind, change.name): change for change in todo if change.verb is not Verb.DELETE}
    for step in steps:
        for one in step.objects:
            change = by_key.get(key_of(one))
            if change is not None:
                found[key_of(one)] = cluster.apply(one)
                applied.append(change)
        if step.phase is Phase.WALLS:
            _keep_secrets(cluster, wanted, drawn)
        waited = _awaited(step, found)
        if isinstance(waited, Failed):
            return Blocked(waited.reason, step.phase)
        if isinstance(waited, Coming):
            return Waiting(waited.reason, now + POLL, step.phase, tuple(applied))
    for old in gone:
        if not is_keeper(old.kind, old.name):
            cluster.delete(old.kind, wanted.namespace, old.name)
            applied.append(old)
    return Done(tuple(applied))


def _against(
    wanted: Wanted, todo: tuple[Change, ...], sight: Sight, agreed: Collection[Agreed], making: bool
) -> tuple[Objection, ...]:
    """What speaks against it that nobody has said yes to, neither since it stopped nor when it was wanted."""
    found = objections(todo, instance_id=wanted.instance_id, objects=len(sight.objects), making=making)
    known = {*agreed, *agreement(wanted)}
    return tuple(one for one in found if (one.danger.value, one.kind, one.name) not in known)


def discarded(wanted: Wanted) -> tuple[str, ...]:
    """Claims whose data a person has given up."""
    return tuple(claim for one in wanted.additions if one.keeping is Keeping.DISCARDED for claim in one.addon.claims)


def agreement(wanted: Wanted) -> frozenset[Agreed]:
    """What was said yes to when it was wanted: volumes of something new begin empty, and discarded ones go."""
    fresh = (
        claim for one in wanted.additions if not one.made and one.keeping is not Keeping.DISCARDED for claim in one.addon.claims
    )
    return frozenset((Danger.DATA.value, "PersistentVolumeClaim", claim) for claim in (*fresh, *discarded(wanted)))


def _awaited(step: Step, found: Mapping[Key, Object]) -> Coming | Failed | Stands:
    """The first of the step's objects that is not there yet; failures before what is only coming."""
    states = [standing(found.get(key_of(one))) for one in step.objects]
    for kind in (Failed, Coming):
        for state in states:
            if isinstance(state, kind):
                return state
    return Stands()


def _keep_secrets(cluster: Cluster, wanted: Wanted, drawn: Drawn) -> None:
    """Made once and never again: a second drawing would lock the app out of its own data."""
    missing = {home: names for home, names in homes(wanted).items() if cluster.read("Secret", wanted.namespace, home) is None}
    values = drawn() if missing else {}
    for home, names in missing.items():
        cluster.create(sealed(wanted, {name: values[name] for name in names}, home))


def credentials(cluster: Cluster, wanted: Wanted) -> dict[str, str]:
    """The values of the instance's secrets as they are in the cluster; empty before they were made."""
    values: dict[str, str] = {}
    for home in homes(wanted):
        found = cluster.read("Secret", wanted.namespace, home)
        if found is not None and is_ours(found, wanted.instance_id):
            values |= opened(found)
    return values


def remove(cluster: Cluster, wanted: Wanted, *, now: datetime) -> Outcome:
    """Delete the namespace with everything in it, when it is the instance's own. Done when it is gone."""
    namespace = cluster.read("Namespace", None, wanted.namespace)
    if namespace is None:
        return Done()
    labels = namespace["metadata"].get("labels") or {}
    if labels.get(INSTANCE) != wanted.instance_id or labels.get(MANAGED_BY) != MANAGER:
        return Blocked(f"The namespace {wanted.namespace} is not this app's own; nothing in it is deleted.")
    try:
        cluster.delete("Namespace", None, wanted.namespace)
    except Rejected as refused:
        return Waiting(str(refused), now + POLL) if refused.retryable else Blocked(str(refused), rejection=refused.rejection)
    return Waiting(_held_by(namespace), now + POLL)


def _held_by(namespace: Object) -> str:
    """Why a namespace does not go, in the API's own words."""
    conditions: Iterable[Object] = (namespace.get("status") or {}).get("conditions") or ()
    said = [
        one["message"]
        for one in conditions
        if one.get("status") == "True" and one.get("type", "").startswith(("Namespace", "Content"))
    ]
    return "; ".join(said) or f"the namespace {namespace['metadata']['name']} is being deleted"


def _place(one: Object) -> tuple[str, str | None, str]:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]
