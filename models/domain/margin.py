"""Margin: what the cluster costs, laid on who uses it to the last unit, beside what they bring in.

Source: OpenCost's specification and engine (section 2 of the operations reference). A node's price is split over CPU and memory in the
proportion of base price times amount; a workload costs the larger of request and usage; idle is what a node costs and nobody caused,
shared by the cost of the same resource; shared workloads are spread by direct cost, before idle. A reserve for the loss of a node is a
shared cost and stands beside idle, or the spare node would be saved away. Everything is exact until whole units are handed out by largest
remainder, so direct + shared + reserve + idle is the bill. Margin before idle says whether the price is right, after it whether the cluster
is full enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from models.domain.errors import Invalid
from models.domain.money import allocated, apportioned

CORE_WEIGHT, GIB_WEIGHT = Fraction(31611), Fraction(4237)
"""OpenCost's default prices of a core-hour and a GiB-hour, of which only the proportion matters."""


@dataclass(frozen=True, slots=True)
class NodeCost:
    """A node's price for the window in minor units, and its capacity in core-hours and GiB-hours of the window's real hours."""

    name: str
    price: int
    cpu: Fraction
    memory: Fraction


@dataclass(frozen=True, slots=True)
class Use:
    """What a key (an instance, or a shared workload) took on a node: core-hours and GiB-hours of the larger of request and usage."""

    key: str
    node: str
    cpu: Fraction
    memory: Fraction


@dataclass(frozen=True, slots=True)
class Row:
    """One key's part of the bill and its revenue, minor units of one currency."""

    key: str
    revenue: int
    direct: int
    shared: int
    reserve: int
    idle: int

    @property
    def cost(self) -> int:
        return self.direct + self.shared + self.reserve + self.idle

    @property
    def before_idle(self) -> int:
        return self.revenue - self.direct - self.shared - self.reserve

    @property
    def after_idle(self) -> int:
        return self.revenue - self.cost


@dataclass(frozen=True, slots=True)
class Margin:
    """All rows by key, and what nobody could be asked for because nobody used anything. Rows and rest sum to `bill`."""

    rows: Sequence[Row]
    rest: int
    bill: int


def margin(
    nodes: Sequence[NodeCost],
    uses: Iterable[Use],
    *,
    revenue: Mapping[str, int],
    shared: frozenset[str] = frozenset(),
    extra: Mapping[str, int] | None = None,
    reserve: int = 0,
) -> Margin:
    """The bill of a window over its keys.

    `shared` keys are spread over the others. `extra` are direct costs that are known in whole units (storage, egress, fees). Of what is
    idle, up to `reserve` is kept for the loss of a node. Raises Invalid where more was used than a node has: the data is wrong then.
    """
    extra = extra or {}
    cpu, memory, idle_cpu, idle_memory = _costs(nodes, uses)
    keys = sorted((set(revenue) | set(extra) | set(cpu)) - shared)
    direct = [cpu.get(key, Fraction(0)) + memory.get(key, Fraction(0)) for key in keys]
    common = sum((cpu.get(key, Fraction(0)) + memory.get(key, Fraction(0)) for key in shared), Fraction(0))
    common_extra = sum(extra.get(key, 0) for key in shared)
    price = sum(node.price for node in nodes)
    *own, spread, idle = apportioned(price, [*direct, common, idle_cpu + idle_memory])
    spread += common_extra
    kept = min(reserve, idle)
    weights = [exact + extra.get(key, 0) for key, exact in zip(keys, direct, strict=True)]
    by_shared, by_reserve = _spread(spread, weights), _spread(kept, weights)
    by_idle = _spread(idle - kept, _idle_weights(keys, cpu, memory, idle_cpu, idle_memory))
    rows = [
        Row(key, revenue.get(key, 0), own[at] + extra.get(key, 0), by_shared[at], by_reserve[at], by_idle[at])
        for at, key in enumerate(keys)
    ]
    bill = price + sum(extra.values())
    return Margin(rows, bill - sum(row.cost for row in rows), bill)


def grouped(rows: Iterable[Row], name: Mapping[str, str]) -> Sequence[Row]:
    """Rows summed by what `name` says of their keys (an organization, a plan), by name; the sums stay those of the rows."""
    sums: dict[str, Row] = {}
    for row in rows:
        group = name.get(row.key, row.key)
        old = sums.get(group, Row(group, 0, 0, 0, 0, 0))
        sums[group] = Row(
            group,
            old.revenue + row.revenue,
            old.direct + row.direct,
            old.shared + row.shared,
            old.reserve + row.reserve,
            old.idle + row.idle,
        )
    return [sums[group] for group in sorted(sums)]


def rates(node: NodeCost) -> tuple[Fraction, Fraction]:
    """What a core-hour and a GiB-hour of the node cost; its capacity at these is its price."""
    if node.price < 0 or node.cpu <= 0 or node.memory <= 0:
        raise Invalid(f"The node {node.name} needs a price, CPU cores and memory.", field="nodes")
    gib = Fraction(node.price) / (node.cpu * CORE_WEIGHT / GIB_WEIGHT + node.memory)
    return gib * CORE_WEIGHT / GIB_WEIGHT, gib


def _costs(nodes: Sequence[NodeCost], uses: Iterable[Use]) -> tuple[dict[str, Fraction], dict[str, Fraction], Fraction, Fraction]:
    """Exact cost of each key by resource, and what is idle of each resource in all."""
    price = {node.name: rates(node) for node in nodes}
    left = {node.name: (node.cpu, node.memory) for node in nodes}
    cpu: dict[str, Fraction] = {}
    memory: dict[str, Fraction] = {}
    for use in uses:
        if use.node not in price:
            raise Invalid(f"{use.key} ran on {use.node}, whose price is not known. Give it one in the settings.", field="nodes")
        core, gib = price[use.node]
        cpu[use.key] = cpu.get(use.key, Fraction(0)) + use.cpu * core
        memory[use.key] = memory.get(use.key, Fraction(0)) + use.memory * gib
        left[use.node] = (left[use.node][0] - use.cpu, left[use.node][1] - use.memory)
        if min(*left[use.node], use.cpu, use.memory) < 0:
            raise Invalid(f"More was used of {use.node} than it has. Its capacity or the samples are wrong.", field="uses")
    idle_cpu = sum((left[name][0] * price[name][0] for name in left), Fraction(0))
    idle_memory = sum((left[name][1] * price[name][1] for name in left), Fraction(0))
    return cpu, memory, idle_cpu, idle_memory


def _idle_weights(
    keys: Sequence[str], cpu: Mapping[str, Fraction], memory: Mapping[str, Fraction], idle_cpu: Fraction, idle_memory: Fraction
) -> list[Fraction]:
    """Idle CPU by cost of CPU, idle memory by cost of memory; of a resource that nobody used, by the cost of the other one."""
    by_cpu = [cpu.get(key, Fraction(0)) for key in keys]
    by_memory = [memory.get(key, Fraction(0)) for key in keys]
    weights = [Fraction(0)] * len(keys)
    for idle, own, other in ((idle_cpu, by_cpu, by_memory), (idle_memory, by_memory, by_cpu)):
        base = own if any(own) else other
        whole = sum(base, Fraction(0))
        if whole:
            weights = [weight + idle * part / whole for weight, part in zip(weights, base, strict=True)]
    return weights


def _spread(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """The amount by weights, or nothing at all where there is no weight."""
    return allocated(amount, weights) if any(weights) else [0] * len(weights)
