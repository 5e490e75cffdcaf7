"""Time to ready of each kind of app by plan, step by step, from the changes that made them."""

from __future__ import annotations

from app.context import Context
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission
from models.domain.changesets import ChangeState
from models.domain.errors import NotFound
from models.domain.readiness import Making, Readiness, by_plan
from models.store import catalogue
from models.store import changesets as store

NEWEST = 500
"""So many of the newest makings count: what an older version took says little."""


def of_template(ctx: Context, *, template: str) -> tuple[Readiness, ...]:
    """By plan, of the newest makings that ended or stopped; empty when none was begun. NotFound for an unknown kind of app."""
    ctx.require(Permission.SEE_CLUSTER)
    if catalogue.template_by_id(ctx.session, template) is None:
        raise NotFound(NOTHING_HERE)
    rows = store.newest_makings(ctx.session, template, limit=NEWEST)
    reached = store.phases(ctx.session, [row.id for row, _ in rows])
    return by_plan(
        Making(
            plan=plan,
            started_at=row.started_at,
            finished_at=row.finished_at if row.state is ChangeState.DONE else None,
            reached=reached.get(row.id, ()),
        )
        for row, plan in rows
        if row.started_at is not None
    )
