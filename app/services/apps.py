"""A customer's own apps in a customer's words: state, use against limits, restarts, availability. Nothing of anybody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypedDict

from app.absence import Parts
from app.context import Context
from app.services import answers, app_curves, app_events, availability, directory, present, tenure
from app.services.answers import Answered
from app.services.app_events import AppEvent
from app.services.availability import Availability
from app.services.directory import Directory, InstanceFacts
from app.services.figures import Figure, Series
from app.services.organizations import NOTHING_HERE, existing
from app.services.present import PodUse
from models.domain import health
from models.domain.access import Permission
from models.domain.cluster import Container, Pod, Snapshot
from models.domain.errors import NotFound
from models.domain.health import BADNESS, Condition, State
from models.domain.instances import State as Life
from models.store import instances

__all__ = ["AppCard", "AppDetail", "AppEvent", "Availability", "Home", "Part", "app", "app_answers", "app_series", "mine"]

AVAILABILITY = timedelta(days=30)
EVENTS = timedelta(days=7)
DAY = timedelta(hours=24)
WELL = frozenset({State.HEALTHY, State.FINISHED, State.STOPPED, State.STARTING, State.STOPPING})
"""States that call for nobody's attention."""
IDLE: Mapping[Life, State] = {
    Life.ORDERED: State.STARTING,
    Life.PROVISIONING: State.STARTING,
    Life.STOPPED: State.STOPPED,
    Life.SUSPENDED: State.STOPPED,
    Life.DELETING: State.STOPPING,
}
"""What an instance without pods is; one that should run and does not is not ready."""

RESTARTS = f"""
SELECT namespace, sum(restarts_total_inc) AS restarts FROM pod_5m p
WHERE cluster = $cluster AND t > $since AND list_contains($namespaces, namespace) AND {tenure.NOT_OTHERS.format(row="p", at="t")}
GROUP BY namespace"""


@dataclass(frozen=True, slots=True)
class AppCard:
    instance_id: str
    organization_id: str
    organization: str
    name: str
    template: str
    address: str
    condition: Condition
    words: str
    """The state in a customer's words, English; pages translate by `condition.state` and `condition.reason`."""
    memory_used: float | None
    memory_limit: float | None
    cpu_used: float | None
    cpu_limit: float | None
    restarts_today: int
    """In the last 24 hours; while the warehouse is away, those that the cluster still knows."""
    copies: int
    copies_ready: int
    trial_until: datetime | None
    as_of: datetime
    stale_since: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """One running piece of the app."""

    name: str
    condition: Condition
    restarts: int
    memory_used: float | None
    memory_limit: float | None
    cpu_used: float | None
    cpu_limit: float | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppDetail:
    card: AppCard
    parts: tuple[Part, ...]
    events: tuple[AppEvent, ...]
    availability: Availability
    """Of the last 30 days."""
    figures: tuple[Figure, ...]
    away_since: datetime | None
    """Since when the warehouse does not answer: events and availability are not known."""


@dataclass(frozen=True, slots=True)
class Home:
    """`code`: all_up, some_need_attention, silent, empty."""

    code: str
    apps: tuple[AppCard, ...]
    as_of: datetime
    stale_since: datetime | None
    away_since: datetime | None
    """Since when the warehouse does not answer: of the restarts only those are counted that the cluster still knows."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What is known at one moment, read once for all apps of the question."""

    snapshot: Snapshot
    names: Directory
    use: Mapping[str, PodUse]
    pods: Mapping[str, Sequence[Pod]]
    """By id of the instance: those in the namespaces that are its own."""
    restarts: Mapping[str, int]
    """By id of the instance, of the last 24 hours."""


def mine(ctx: Context, *, organization_id: str | None = None) -> Home:
    """Apps of the actor's organizations, or of one of them; those that need attention first."""
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
        existing(ctx, organization_id)
        wanted = {organization_id}
    else:
        wanted = {org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held}
    names = directory.load(ctx)
    owned = [facts for facts in names.instances.values() if facts.organization_id in wanted]
    parts = Parts()
    sight = _look(ctx, names, owned, parts)
    cards = sorted(
        (_card(ctx, sight, facts) for facts in owned),
        key=lambda card: (card.condition.state in WELL, BADNESS[card.condition.state], card.name, card.instance_id),
    )
    return Home(_code(sight.snapshot, cards), tuple(cards), sight.snapshot.as_of, sight.snapshot.stale_since, parts.since)


def app(ctx: Context, *, instance_id: str) -> AppDetail:
    """One app of the actor's; NotFound for anybody else's."""
    names = directory.load(ctx)
    facts = _owned(ctx, names, instance_id)
    parts = Parts()
    sight = _look(ctx, names, [facts], parts)
    card = _card(ctx, sight, facts)
    since = max(ctx.now - AVAILABILITY, _created(ctx, instance_id))
    address = partial(availability.of_address, ctx, cluster=facts.cluster, namespace=facts.namespace, since=since, until=ctx.now)
    reached = parts.ask(lambda: address(address=facts.address)) or address(address="")
    happened = parts.ask(lambda: app_events.happened(ctx, **_ground(names, facts), since=ctx.now - EVENTS))
    return AppDetail(
        card=card,
        parts=tuple(part for pod in sight.pods[instance_id] for part in _parts(ctx, sight, pod)),
        events=happened or (),
        availability=reached,
        figures=(*_figures(sight, card), reached.share),
        away_since=parts.since,
    )


def app_series(ctx: Context, *, instance_id: str, since: datetime, until: datetime) -> Series:
    """Lines cpu_use, cpu_limit, memory_use, memory_limit, network_transmit, restarts over its pods; marks restart, oom; gaps."""
    names = directory.load(ctx)
    facts = _owned(ctx, names, instance_id)
    return app_curves.over(ctx, **_ground(names, facts), since=since, until=until)


def app_answers(ctx: Context, *, instance_id: str, since: datetime, until: datetime) -> Answered:
    """What the app answered through the ingress: requests, errors, how long it took; NotFound for anybody else's."""
    names = directory.load(ctx)
    facts = _owned(ctx, names, instance_id)
    return answers.over(ctx, **_ground(names, facts), since=since, until=until)


def _owned(ctx: Context, names: Directory, instance_id: str) -> InstanceFacts:
    facts = names.instances.get(instance_id)
    if facts is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, facts.organization_id)
    return facts


class _Ground(TypedDict):
    cluster: str
    namespaces: tuple[str, ...]
    owner: str


def _ground(names: Directory, facts: InstanceFacts) -> _Ground:
    """Where in the warehouse the app's past lies, and whose it is."""
    return {"cluster": facts.cluster, "namespaces": names.own_namespaces(facts), "owner": facts.organization_id}


def created(ctx: Context, *, instance_id: str) -> datetime:
    """When an app that the actor may see was ordered: before that there is nothing to draw."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row.created_at


def _created(ctx: Context, instance_id: str) -> datetime:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row.created_at


def _look(ctx: Context, names: Directory, owned: Sequence[InstanceFacts], missing: Parts) -> _Sight:
    snapshot = ctx.cluster.snapshot()
    holder = {n: facts.id for facts in owned if facts.cluster == snapshot.cluster for n in names.own_namespaces(facts)}
    pods: dict[str, list[Pod]] = {facts.id: [] for facts in owned}
    for pod in snapshot.pods.values():
        if pod.namespace in holder:
            pods[holder[pod.namespace]].append(pod)
    restarts = dict.fromkeys(pods, 0)
    if holder:
        owners = {facts.id: facts.organization_id for facts in owned}
        whose = tenure.bound(list(holder), [owners[instance] for instance in holder.values()])
        bound = {"cluster": snapshot.cluster, "since": ctx.now - DAY, **whose}
        counted = missing.ask(lambda: ctx.warehouse.query(RESTARTS, bound))
        for namespace, count in counted.select("namespace", "restarts").iter_rows() if counted is not None else ():
            restarts[holder[namespace]] += round(count or 0)
    for instance, theirs in pods.items():
        # the windows end minutes ago and the cluster forgets all ends but the last: each may know more than the other
        lately = sum(1 for pod in theirs for one in pod.containers if one.restarts and _within(one, ctx.now - DAY))
        restarts[instance] = max(restarts[instance], lately)
        theirs.sort(key=lambda pod: (pod.owner_name, pod.name))
    return _Sight(snapshot, names, present.pods(ctx), pods, restarts)


def _within(container: Container, since: datetime) -> bool:
    return container.last_finished_at is not None and container.last_finished_at > since


def _condition(ctx: Context, sight: _Sight, pod: Pod) -> Condition:
    node = sight.snapshot.nodes.get(pod.node) if pod.node is not None else None
    ready = node.ready if node is not None else None
    return health.of_pod(pod, ctx.now, stale_since=sight.snapshot.stale_since, node_ready=ready)


def _state(ctx: Context, sight: _Sight, facts: InstanceFacts) -> Condition:
    """The worst of its pods; what is left of pods that ended counts only when there is nothing else."""
    if facts.cluster != sight.snapshot.cluster:
        return Condition(State.UNKNOWN, None, "no_data")
    pods = sight.pods[facts.id]
    worst = health.worst(_condition(ctx, sight, pod) for pod in pods if pod.active)
    worst = worst or health.worst(_condition(ctx, sight, pod) for pod in pods)
    if worst is not None:
        return worst
    if sight.snapshot.stale_since is not None:
        return Condition(State.UNKNOWN, sight.snapshot.stale_since, "no_data")
    return Condition(IDLE.get(facts.state, State.NOT_READY), None, facts.state.value)


def _card(ctx: Context, sight: _Sight, facts: InstanceFacts) -> AppCard:
    pods = [pod for pod in sight.pods[facts.id] if pod.active]
    use = [sight.use[pod.uid] for pod in pods if pod.uid in sight.use]
    condition = _state(ctx, sight, facts)
    return AppCard(
        instance_id=facts.id,
        organization_id=facts.organization_id,
        organization=sight.names.organization(facts.organization_id),
        name=facts.name,
        template=facts.template,
        address=facts.address,
        condition=condition,
        words=app_events.in_words(condition),
        memory_used=_known(one.memory for one in use),
        memory_limit=_limit(float(pod.limit.memory) for pod in pods),
        cpu_used=_known(one.cpu for one in use),
        cpu_limit=_limit(pod.limit.cpu for pod in pods),
        restarts_today=sight.restarts[facts.id],
        copies=len(pods),
        copies_ready=sum(pod.ready for pod in pods) if sight.snapshot.stale_since is None else 0,
        trial_until=facts.trial_until if facts.trial_until is not None and facts.trial_until > ctx.now else None,
        as_of=sight.snapshot.as_of,
        stale_since=sight.snapshot.stale_since,
    )


def _parts(ctx: Context, sight: _Sight, pod: Pod) -> Iterable[Part]:
    if not pod.active:
        return
    use = sight.use.get(pod.uid)
    yield Part(
        name=pod.owner_name or pod.name,
        condition=_condition(ctx, sight, pod),
        restarts=pod.restarts,
        memory_used=use.memory if use is not None else None,
        memory_limit=_limit([float(pod.limit.memory)]),
        cpu_used=use.cpu if use is not None else None,
        cpu_limit=_limit([pod.limit.cpu]),
        started_at=pod.started_at,
    )


def _known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _limit(limits: Iterable[float]) -> float | None:
    """The sum; None when one of them is without limit, or there is none."""
    known = list(limits)
    return sum(known) if known and all(known) else None


def _figures(sight: _Sight, card: AppCard) -> tuple[Figure, ...]:
    at = max((sight.use[p.uid].at for p in sight.pods[card.instance_id] if p.uid in sight.use), default=None)
    return (
        Figure(card.memory_used, "B", at, "newest samples", "sum of the working sets of its containers"),
        Figure(card.cpu_used, "cores", at, "newest samples", "sum of the CPU rates of its containers between the last two samples"),
        Figure(float(card.restarts_today), "1", card.as_of, "warehouse view pod_5m, cluster", "restarts in the last 24 hours"),
    )


def _code(snapshot: Snapshot, cards: Sequence[AppCard]) -> str:
    if not cards:
        return "empty"
    if snapshot.stale_since is not None:
        return "silent"
    return "all_up" if all(card.condition.state in WELL for card in cards) else "some_need_attention"
