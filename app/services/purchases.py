"""What was bought for the time after a trial: the app gets its plan once that is paid and the trial over."""

from __future__ import annotations

from app.context import Context
from app.services import operations, outbox
from app.services.selling import NoRoom
from models.domain.changesets import Purpose
from models.store import instances, subscriptions
from models.store import specifications as wishes
from models.store.subscriptions import ItemKind, Subscription


def begin(ctx: Context, row: Subscription) -> None:
    """The trial is over and paid for: its app gets the plan that was chosen. For other services.

    When there is no room for it now the app goes on as it is, and staff are told.
    """
    for item in subscriptions.items(ctx.session, row.id):
        app = instances.by_id(ctx.session, item.instance_id) if item.instance_id else None
        wish = wishes.newest(ctx.session, app.id) if app is not None else None
        if item.until is not None or item.kind is not ItemKind.PLAN or item.plan_id is None or app is None or wish is None:
            continue
        app.trial_until, app.plan_id = None, item.plan_id
        ctx.session.add(app)
        if wish.plan_id == item.plan_id:
            continue
        try:
            operations.hold(ctx, app, operations.wish_with(wish, plan_id=item.plan_id, running=True), Purpose.CHANGE)
        except NoRoom as error:
            outbox.alert_staff(ctx, key=f"conversion:{row.id}", title=f"No room for {app.name}, which was bought", body=str(error))
            continue
        operations.want(ctx, app, wish, Purpose.CHANGE, "bought", plan_id=item.plan_id)
