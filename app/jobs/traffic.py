"""When apps were used, from what went through the ingress."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import traffic
from app.services.jobs import Planned, Preview
from app.services.traffic import LastUse
from models.store import instances


def preview_last_use(ctx: Context, due_at: datetime) -> Preview:
    found = traffic.last_uses(ctx, until=due_at)
    planned = tuple(Planned(f"{one.namespace}/{one.name}", f"used {one.at:%Y-%m-%d %H:%M} UTC") for one in found)
    what = f"The last use of {len(planned)} apps would be noted." if planned else "Nothing newer is known about the use of apps."
    return Preview("last_use", due_at, what, planned)


@job("last_use", every=timedelta(hours=1), offset=timedelta(minutes=7), home="server", preview=preview_last_use)
def note_last_use(run: Run) -> None:
    """Note when each app was last used, from requests through the ingress."""
    with run.reading() as ctx:
        found = traffic.last_uses(ctx, until=run.due_at)
    run.each(found, _note, word="apps")


def _note(ctx: Context, one: LastUse) -> None:
    instances.used(ctx.session, one.instance_id, one.at)
