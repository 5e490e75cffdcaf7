"""The first screen: is anything wrong, for whom, how full is it, how old is the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.absence import Parts
from app.context import Context
from app.services import capacity, findings, history, present, room, settings
from app.services.figures import Figure, Line, Series
from app.services.room import INVENTORY, SAMPLES, Facts
from models.domain import health, mapping
from models.domain import trouble as rules
from models.domain.access import Permission
from models.domain.capacity import Level
from models.domain.cluster import Pod
from models.domain.health import State
from models.domain.organizations import Standing
from models.domain.trouble import Severity, Trouble
from models.store import organizations


@dataclass(frozen=True, slots=True)
class Headline:
    """Parts of the sentence about the state. `code`: all_well, some_need_a_look, somebody_is_hurt, silent."""

    code: str
    hurt: int
    """Organizations with critical trouble."""
    need_a_look: int
    """Organizations with any warning."""
    silent_since: datetime | None
    sentence: str
    """English; pages translate by code and numbers."""


@dataclass(frozen=True, slots=True)
class Utilization:
    """One resource: `memory` (B), `cpu` (cores), `pods` (count). Lines are shares of allocatable."""

    resource: str
    requested: Figure
    used: Figure
    allocatable: Figure
    requested_share: float | None
    used_share: float | None
    target_low: float
    target_high: float
    one_node_loss: float | None
    """Share of allocatable above which the loss of the largest node cannot be absorbed."""
    spark: tuple[float | None, ...]
    """Requested share (pods: share of slots), 24 h; empty while the warehouse is away."""


@dataclass(frozen=True, slots=True)
class Consumer:
    organization_id: str | None
    organization: str
    """Empty: unowned."""
    pods: int
    cpu_used: float | None
    memory_used: float | None
    cpu_requested: float
    memory_requested: float
    trouble: int
    """Rows of the trouble list that are theirs."""


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """What is wrong with one app, or one node or other thing, with names for its ids."""

    trouble: Trouble
    """The worst of it."""
    also: tuple[Trouble, ...]
    """Everything else about the same, worst first."""
    organization: str
    instance: str


@dataclass(frozen=True, slots=True)
class Counts:
    nodes: int
    nodes_ready: int
    nodes_apart: int
    """As in `capacity.CapacityState`."""
    pods: int
    pods_up: int
    pods_crashing: int
    pods_pending: int
    organizations: int
    instances: int
    trials: int
    trials_ending: int
    """Trials that end within seven days."""
    unowned_pods: int
    """In namespaces that nobody owns, without the cluster's own: as `mapping.Mapped` counts them."""


@dataclass(frozen=True, slots=True)
class Money:
    """There is no revenue yet, and nothing is invented in its place."""

    available: bool = False
    sentence: str = "Revenue and margin are not there yet; invoices and the ledger have pages of their own."


@dataclass(frozen=True, slots=True)
class Overview:
    headline: Headline
    utilization: tuple[Utilization, ...]
    """memory, cpu, pods"""
    history: Series | None
    """24 h: memory and CPU, requests and use, as shares of allocatable; None while the warehouse is away."""
    consumers: tuple[Consumer, ...]
    trouble: tuple[TroubleRow, ...]
    counts: Counts
    money: Money
    as_of: datetime
    """Of the cluster's state."""
    measured_at: datetime | None
    """Newest sample."""
    stale_since: datetime | None
    away_since: datetime | None
    """Since when the warehouse does not answer: the history and what of the trouble is from the past are missing."""
    source: str


DAY = timedelta(hours=24)
SPARK_POINTS = 48
TRIALS_ENDING = timedelta(days=7)


def state(ctx: Context, *, consumers: int = 10) -> Overview:
    """Everything that the Overview shows; needs the right to see the cluster."""
    ctx.require(Permission.SEE_CLUSTER)
    whole = ctx.keep("overview.state", lambda: _state(ctx), of=("store", "warehouse", "cluster"))
    return replace(whole, consumers=whole.consumers[:consumers])


def _state(ctx: Context) -> Overview:
    """With all consumers."""
    facts = room.load(ctx)
    parts = Parts()
    found = findings.find(ctx, facts.snapshot, facts.names, parts)
    shares = parts.ask(lambda: _day(ctx))
    rows = tuple(
        TroubleRow(worst, tuple(also), facts.names.organization(worst.organization_id), facts.names.instance(worst.instance_id))
        for worst, *also in rules.by_thing(found)
    )
    return Overview(
        headline=_headline(facts, found),
        utilization=tuple(_utilization(ctx, facts, level, shares) for level in facts.levels),
        history=_without_pods(shares) if shares else None,
        consumers=_consumers(facts, found),
        trouble=rows,
        counts=_counts(ctx, facts),
        money=Money(),
        as_of=facts.snapshot.as_of,
        measured_at=present.newest(ctx.cluster.current("pod")),
        stale_since=facts.snapshot.stale_since,
        away_since=parts.since,
        source=f"{INVENTORY} of {facts.snapshot.cluster}; use: {SAMPLES}",
    )


def utilization(ctx: Context, *, since: datetime, until: datetime) -> Series:
    """The curve of `Overview.history` over another time."""
    ctx.require(Permission.SEE_CLUSTER)
    return _without_pods(_shares(history.cluster_series(ctx, since=since, until=until)))


def _without_pods(series: Series) -> Series:
    return replace(series, lines=tuple(line for line in series.lines if line.name != "pods"))


DAY_KEPT = timedelta(seconds=30)


def _day(ctx: Context) -> Series:
    """The last 24 hours: computed anew when there are newer samples, and after half a minute in which none came."""

    def shares() -> Series:
        return _shares(history.cluster_series(ctx, since=ctx.now - DAY, until=ctx.now))

    return ctx.keep("overview.day", shares, of=("samples", "windows"), most=DAY_KEPT)


def _shares(series: Series) -> Series:
    """Curves of the cluster as shares of what can be given out at each time."""
    by_name = {line.name: line for line in series.lines}
    lines = []
    for resource in ("memory", "cpu"):
        whole = by_name[f"{resource}_allocatable"].values
        for kind in ("request", "use"):
            line = by_name[f"{resource}_{kind}"]
            values = tuple(v / w if v is not None and w else None for v, w in zip(line.values, whole, strict=True))
            lines.append(Line(line.name, "share", values))
    lines.append(by_name["pods"])
    return replace(series, lines=tuple(lines), formula=f"{series.formula}; divided by allocatable")


def _utilization(ctx: Context, facts: Facts, level: Level, shares: Series | None) -> Utilization:
    one = capacity.resource_state(facts, level)
    pods = one.resource == "pods"
    values = shares.line("pods" if pods else f"{one.resource}_request").values if shares else ()
    if pods:
        values = tuple(v / level.allocatable if v is not None and level.allocatable else None for v in values)
    return Utilization(
        resource=one.resource,
        requested=one.requested,
        used=one.used,
        allocatable=one.allocatable,
        requested_share=one.requested_share,
        used_share=one.used_share,
        target_low=float(settings.get(ctx, "target_low")),
        target_high=float(settings.get(ctx, "target_high")),
        one_node_loss=one.safe_share,
        spark=values[:: -(-len(values) // SPARK_POINTS) or 1],
    )


def _hurt(facts: Facts, found: Sequence[Trouble]) -> set[str]:
    """Organizations with critical trouble of their own, or with pods on a node that is away."""
    hurt = {one.organization_id for one in found if one.severity is Severity.CRITICAL}
    if facts.snapshot.stale_since is None:
        away = {node.name for node in facts.snapshot.nodes.values() if node.ready is not True}
        hurt |= {facts.names.organization_id(pod.namespace) for name in away for pod in facts.space.on.get(name, ())}
    return {one for one in hurt if one is not None}


def _headline(facts: Facts, found: Sequence[Trouble]) -> Headline:
    hurt = _hurt(facts, found)
    look = {one.organization_id for one in found if one.severity is Severity.WARNING and one.organization_id} - hurt
    serious = [one for one in found if one.severity is not Severity.INFO]
    since = facts.snapshot.stale_since
    if since is not None:
        sentence = f"The cluster has been silent since {since:%Y-%m-%d %H:%M} UTC: what is shown is the last that was known."
        return Headline("silent", len(hurt), len(look), since, sentence)
    if hurt:
        sentence = "1 customer is affected now." if len(hurt) == 1 else f"{len(hurt)} customers are affected now."
        return Headline("somebody_is_hurt", len(hurt), len(look), None, sentence)
    if serious:
        whom = {0: f"{_things(len(serious))} of the platform", 1: "1 customer"}.get(len(look), f"{len(look)} customers")
        verb = "needs" if (len(look) or len(serious)) == 1 else "need"
        return Headline("some_need_a_look", 0, len(look), None, f"No customer is affected, {whom} {verb} a look.")
    return Headline("all_well", 0, 0, None, "Everything runs.")


def _things(count: int) -> str:
    return "1 thing" if count == 1 else f"{count} things"


def _consumers(facts: Facts, found: Sequence[Trouble]) -> tuple[Consumer, ...]:
    """By memory in use, or asked for where it is not measured; the unowned bucket is one of them."""
    pods: dict[str | None, list[Pod]] = defaultdict(list)
    for pod in facts.active():
        pods[facts.names.organization_id(pod.namespace)].append(pod)
    worst = [those[0] for those in rules.by_thing(found)]
    trouble = Counter(one.organization_id for one in worst if one.severity is not Severity.INFO and one.namespace)
    rows = []
    for organization, theirs in pods.items():
        use = [facts.use[pod.uid] for pod in theirs if pod.uid in facts.use]
        cpu = [one.cpu for one in use if one.cpu is not None]
        memory = [one.memory for one in use if one.memory is not None]
        rows.append(
            Consumer(
                organization_id=organization,
                organization=facts.names.organization(organization),
                pods=len(theirs),
                cpu_used=sum(cpu) if cpu else None,
                memory_used=sum(memory) if memory else None,
                cpu_requested=sum(pod.request.cpu for pod in theirs),
                memory_requested=float(sum(pod.request.memory for pod in theirs)),
                trouble=trouble[organization],
            )
        )
    order = sorted(
        rows, key=lambda row: (-(row.memory_used if row.memory_used is not None else row.memory_requested), row.organization)
    )
    return tuple(order)


def _counts(ctx: Context, facts: Facts) -> Counts:
    snapshot = facts.snapshot
    states: Counter[State] = Counter()
    active = list(facts.active())
    for pod in active:
        node = snapshot.nodes.get(pod.node) if pod.node is not None else None
        ready = node.ready if node is not None else None
        states[health.of_pod(pod, ctx.now, stale_since=snapshot.stale_since, node_ready=ready).state] += 1
    trials = [
        one.trial_until for one in facts.names.instances.values() if one.trial_until is not None and one.trial_until > ctx.now
    ]
    there = (Standing.ACTIVE, Standing.ON_HOLD)
    owned = {name for name, owner in facts.names.owners.items() if owner.organization_id is not None}
    return Counts(
        nodes=len(snapshot.nodes),
        nodes_ready=sum(node.ready is True for node in snapshot.nodes.values()),
        nodes_apart=sum(node.dedicated for node in snapshot.nodes.values()),
        pods=len(active),
        pods_up=states[State.HEALTHY],
        pods_crashing=states[State.CRASHING],
        pods_pending=states[State.PENDING],
        organizations=sum(row.standing in there for row in organizations.everything(ctx.session)),
        instances=len(facts.names.instances),
        trials=len(trials),
        trials_ending=sum(until <= ctx.now + TRIALS_ENDING for until in trials),
        unowned_pods=mapping.unclaimed(snapshot, owned).total(),
    )
