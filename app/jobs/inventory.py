"""What the server does about the cluster beside collecting: read it anew, and keep the figures of the day."""

from __future__ import annotations

from datetime import datetime, timedelta

from app import maintenance
from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.logs import logger
from app.services import capacity
from app.services.jobs import Planned, Preview

SHARES = frozenset({"sale_limit"})
log = logger(__name__)


def preview_resync(ctx: Context, due_at: datetime) -> Preview:
    known = ctx.cluster.snapshot()
    what = f"{len(known.nodes)} nodes and {len(known.pods)} pods are known now and would be read anew from the cluster."
    return Preview("inventory_resync", due_at, what, (Planned(known.cluster, "read anew"),))


@job("inventory_resync", every=timedelta(hours=1), offset=timedelta(minutes=31), home="server", preview=preview_resync)
def resync(run: Run) -> None:
    """Read the whole inventory anew, in case the watch missed something."""
    done = maintenance.resync(run.container)
    run.count("pods", int(done["pods"]))


def preview_snapshot(ctx: Context, due_at: datetime) -> Preview:
    taken = capacity.snapshot(ctx)
    planned = tuple(Planned(name, str(value)) for name, value in taken.numbers.items() if isinstance(value, int | float))
    return Preview("capacity_snapshot", due_at, f"{len(planned)} figures as they are now would be kept.", planned)


@job("capacity_snapshot", every=timedelta(days=1), offset=timedelta(minutes=10), home="server", preview=preview_snapshot)
def snapshot(run: Run) -> None:
    """Keep the day's capacity figures with this run."""
    with run.reading() as ctx:
        taken = capacity.snapshot(ctx)
    log.info("capacity", **{name: value for name, value in taken.numbers.items() if value is not None})
    for name, value in taken.numbers.items():
        if isinstance(value, int | float):
            run.count(*whole(name, value))


def whole(name: str, value: float) -> tuple[str, int]:
    """A figure in a unit in which a whole number is exact enough: cores as millicores, shares in thousandths."""
    if name.endswith("_cores"):
        return f"{name.removesuffix('_cores')}_millicores", round(value * 1000)
    if name in SHARES:
        return f"{name}_permille", round(value * 1000)
    return name, round(value)
