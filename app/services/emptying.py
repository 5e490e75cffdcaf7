"""What emptying a node for maintenance would mean, and to whom; nothing is done by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import directory
from models.domain import emptying as rules
from models.domain.access import Permission
from models.domain.diagnosis_pods import part_of
from models.domain.draining import Budget
from models.domain.emptying import Fate
from models.domain.errors import NotFound, Unavailable
from provisioner.cluster import Rejected
from provisioner.cluster.nodes import Nodes


@dataclass(frozen=True, slots=True)
class Moving:
    """One pod of the node, whose it is, and what becomes of it. `organization` is empty for what belongs to nobody."""

    pod: str
    namespace: str
    part: str
    organization_id: str | None
    organization: str
    instance_id: str | None
    app: str
    fate: Fate
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Emptying:
    """All of a node, the worst first. `hurt`: organizations with something that would be down, ended or without a place."""

    node: str
    moving: tuple[Moving, ...]
    counts: Mapping[Fate, int]
    hurt: tuple[str, ...]
    budgets_known: bool
    """Whether disruption budgets were asked; without the right to read them they are not."""
    as_of: datetime


HURTS = frozenset({Fate.DOWN, Fate.ENDS, Fate.WAITS})


def preview(ctx: Context, *, name: str, nodes: Nodes | None = None) -> Emptying:
    """Of the cluster as it is now, and of its disruption budgets through `nodes`; NotFound when it has no node of that name."""
    ctx.require(Permission.SEE_CLUSTER)
    snapshot = ctx.cluster.snapshot()
    if name not in snapshot.nodes:
        raise NotFound("The cluster has no node of that name (any more).")
    if snapshot.stale_since is not None:
        raise Unavailable("The cluster is silent, so nobody can say where its pods would go. Try again when it answers.")
    names = directory.load(ctx)
    budgets = None if nodes is None else _budgets(nodes)
    rows = []
    for one in rules.preview(snapshot, name, budgets or ()):
        owner, instance = names.organization_id(one.pod.namespace), names.instance_id(one.pod.namespace)
        rows.append(
            Moving(
                one.pod.name, one.pod.namespace, part_of(one.pod), owner, names.organization(owner), instance,
                names.instance(instance), one.fate, one.target, one.why,
            )
        )  # fmt: skip
    return Emptying(
        node=name,
        moving=tuple(rows),
        counts=Counter(row.fate for row in rows),
        hurt=tuple(sorted({row.organization for row in rows if row.fate in HURTS and row.organization})),
        budgets_known=budgets is not None,
        as_of=snapshot.as_of,
    )


def _budgets(nodes: Nodes) -> Sequence[Budget] | None:
    try:
        return nodes.budgets()
    except Rejected:
        return None
