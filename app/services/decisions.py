"""Decisions about open orders: confirmed, approved, paid, refused, lapsed. Each happens once, whoever asks how often."""

from __future__ import annotations

from app.context import Context
from app.services import audit, changesets, lifecycle, orders, settings
from app.services.orders import OrderView, seen, until, view
from models.domain import orders as rules
from models.domain.access import ActorKind, Permission
from models.domain.errors import Conflict, Invalid, NotPermitted
from models.domain.instances import State
from models.domain.instances import move as moved
from models.domain.orders import Approval, OrderState
from models.domain.subscriptions import SubscriptionState
from models.store import instances, payments, reservations, subscriptions
from models.store import orders as store
from models.store.payments import PaymentState


def confirm(ctx: Context, *, order_id: str) -> OrderView:
    """Say yes to what a token ordered: by a person of the organization who may pay, not by a token."""
    row = seen(ctx, order_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot confirm what costs money. Sign in and confirm it there.")
    _expect(row, OrderState.CONFIRMATION)
    approval = Approval(settings.get(ctx, "order_approval"))
    return _forward(ctx, row, rules.after_confirmation(price_minor=row.price_minor, approval=approval), "orders.confirm")


def approve(ctx: Context, *, order_id: str) -> OrderView:
    """Say yes as staff."""
    row = seen(ctx, order_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    _expect(row, OrderState.APPROVAL)
    return _forward(ctx, row, OrderState.PAYMENT, "orders.approve")


def refuse(ctx: Context, *, order_id: str, reason: str) -> OrderView:
    """Say no as staff, with the reason that the customer reads; its room is free again."""
    row = seen(ctx, order_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    if not reason.strip():
        raise Invalid("Say why, in a sentence that the customer reads.", field="reason")
    return _end(ctx, row, OrderState.REFUSED, reason.strip()[:500], "orders.refuse")


def cancel(ctx: Context, *, order_id: str) -> OrderView:
    """Take back an open order, by the organization that placed it."""
    row = seen(ctx, order_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    ctx.actor.leave_to_its_people("take an order back")
    return _end(ctx, row, OrderState.LAPSED, f"Taken back by {ctx.actor.name}.", "orders.cancel")


def lapse(ctx: Context, *, order_id: str) -> bool:
    """Give back the room of an order whose time is over; False when it was decided meanwhile. By the platform's own job."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    row = store.by_id(ctx.session, order_id)
    if row is None or row.state not in rules.OPEN or row.until is None or row.until > ctx.now:
        return False
    what = {OrderState.PAYMENT: "The money did not come in time.", OrderState.APPROVAL: "Nobody decided in time."}
    _end(ctx, row, OrderState.LAPSED, what.get(row.state, "It was not confirmed in time."), "orders.lapse")
    return True


def received(ctx: Context, *, order_id: str) -> OrderView:
    """Staff say that the money of an order came, such as by bank transfer."""
    row = seen(ctx, order_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    _expect(row, OrderState.PAYMENT)
    return settle(ctx, row, reference=f"confirmed by {ctx.actor.name}")


def settle(ctx: Context, row: store.Order, *, reference: str) -> OrderView:
    """The money is there: the subscription begins and the provisioner may work. For other services; once, whoever is faster."""
    payment = payments.by_key(ctx.session, f"order:{row.id}")
    if payment is None or not payments.settle(ctx.session, payment.id, PaymentState.PAID, reference=reference, at=ctx.now):
        raise Conflict("This payment was settled already. Look again.")
    return _forward(ctx, row, OrderState.ACCEPTED, "orders.pay")


def _expect(row: store.Order, state: OrderState) -> None:
    if row.state is not state:
        raise Conflict(f"The order is {row.state.value} and does not wait for that. Look again.")


def _forward(ctx: Context, row: store.Order, target: OrderState, action: str) -> OrderView:
    before = row.state
    _move(ctx, row, target, "")
    audit.record(
        ctx, action=action, subject=row.id, organization=row.organization_id, before={"state": before}, after={"state": target}
    )
    if target is OrderState.PAYMENT:
        orders.ask_for_money(ctx, row)
    if target is OrderState.ACCEPTED:
        begins = SubscriptionState.TRIAL if row.trial else SubscriptionState.ACTIVE
        _money(ctx, row.subscription_id, begins, "accepted")
        changesets.release(ctx, instance_id=row.instance_id)
    return view(ctx, row)


def _end(ctx: Context, row: store.Order, target: OrderState, reason: str, action: str) -> OrderView:
    before = row.state
    if before not in rules.OPEN:
        raise Conflict(f"The order is {before.value}, so it cannot be ended any more.")
    _move(ctx, row, target, reason)
    reservations.end(ctx.session, row.instance_id, ctx.now)
    changesets.cancel_held(ctx, instance_id=row.instance_id)
    instances.move(ctx.session, row.instance_id, State.ORDERED, moved(State.ORDERED, State.GONE))
    _money(ctx, row.subscription_id, SubscriptionState.LAPSED, "not_accepted")
    payment = payments.by_key(ctx.session, f"order:{row.id}")
    if payment is not None:
        payments.settle(ctx.session, payment.id, PaymentState.FAILED, reference=reason[:200], at=ctx.now)
    audit.record(
        ctx,
        action=action,
        subject=row.id,
        organization=row.organization_id,
        before={"state": before},
        after={"state": target, "reason": reason},
    )
    return view(ctx, row)


def _move(ctx: Context, row: store.Order, target: OrderState, reason: str) -> None:
    wanted = rules.move(row.state, target)
    if not store.move(
        ctx.session, row.id, row.state, wanted, by=ctx.actor.name, at=ctx.now, until=until(ctx, target), reason=reason
    ):
        raise Conflict("Somebody decided about this order just now. Look again.")
    ctx.session.refresh(row)


def _money(ctx: Context, subscription_id: str, target: SubscriptionState, reason: str) -> None:
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None or not lifecycle.move(ctx, row, target, reason=reason):
        raise Conflict("The subscription changed just now. Look again.")
