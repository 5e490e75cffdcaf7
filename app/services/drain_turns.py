"""Turns of the worker at drains: taken by one process at a time, and what came of each written down once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.context import Context
from app.services import audit
from models.domain.access import Permission
from models.domain.draining import DrainState, Progress, over
from models.store import drains

LEASE = timedelta(seconds=60)
LOOK = timedelta(seconds=2)
"""Between two looks at a node that is being drained."""


@dataclass(frozen=True, slots=True)
class DrainTurn:
    id: str
    node: str
    holder: str
    pods: tuple[Progress, ...]


def due(ctx: Context, *, cluster: str, limit: int) -> Sequence[str]:
    """Ids of drains of the cluster that wait for a turn now; asked also while that is silent."""
    ctx.require(Permission.RUN_JOBS)
    return drains.due(ctx.session, cluster, ctx.now, limit=limit)


def take(ctx: Context, *, drain_id: str, holder: str, lease: timedelta = LEASE) -> DrainTurn | None:
    """Take one; None when it is over or somebody was faster."""
    ctx.require(Permission.RUN_JOBS)
    row = drains.claim(ctx.session, drain_id, holder=holder, now=ctx.now, until=ctx.now + lease)
    return None if row is None else DrainTurn(row.id, row.node, holder, drains.pods(row))


def goes_on(ctx: Context, *, turn: DrainTurn) -> bool:
    """Whether nobody has stopped it meanwhile."""
    ctx.require(Permission.RUN_JOBS)
    row = drains.by_id(ctx.session, turn.id)
    return row is not None and row.state is DrainState.RUNNING and row.holder == turn.holder


def record(ctx: Context, *, turn: DrainTurn, pods: tuple[Progress, ...], why: str = "", failed: bool = False) -> None:
    """Write down how far it is; nothing when it was stopped or somebody else goes on with it."""
    ctx.require(Permission.RUN_JOBS)
    row = drains.held(ctx.session, turn.id, holder=turn.holder)
    if row is None:
        drains.release(ctx.session, turn.id, holder=turn.holder)
        return
    row.pods, row.why = drains.write(pods), why
    row.again_at, row.lease_until, row.holder = ctx.now + LOOK, None, ""
    ctx.session.add(row)
    ctx.session.flush()
    if failed or (over(pods) and not why):
        state = DrainState.FAILED if failed else DrainState.DONE
        drains.end(ctx.session, turn.id, state, why=why, now=ctx.now)
        audit.record(
            ctx, action="nodes.drain_end", subject=turn.node, after={"node": turn.node, "drain": turn.id, "state": state.value}
        )
