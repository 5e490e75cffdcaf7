"""Vouchers: made and withdrawn by staff, redeemed by customers, and taken off what renewals charge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit
from app.services.organizations import NOTHING_HERE, existing
from models.domain import discounts as rules
from models.domain.access import ActorKind, Permission
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.money import Money
from models.domain.renewals import Lasting
from models.domain.subscriptions import ENDED
from models.store import invoices, subscriptions
from models.store import vouchers as store
from models.store.vouchers import Voucher, VoucherDiscount, VoucherUse

CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{2,39}")


@dataclass(frozen=True, slots=True)
class VoucherView:
    """One code with what it gives: a percentage in hundredths or an amount in minor units; `used` of `uses` (None: without end)."""

    code: str
    percent_hundredths: int | None
    amount_minor: int | None
    currency: str
    periods: int | None
    until: datetime | None
    uses: int | None
    used: int
    created_by: str
    created_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class RedeemedView:
    """A code that an organization redeemed for a subscription, and in how many invoices it took part so far."""

    code: str
    subscription_id: str
    percent_hundredths: int | None
    amount_minor: int | None
    currency: str
    periods: int | None
    taken: int
    redeemed_at: datetime


def list_(ctx: Context) -> tuple[VoucherView, ...]:
    """All of them, the newest first; for staff who see everybody's billing."""
    ctx.require(Permission.SEE_OWN_BILLING)
    return tuple(_view(row) for row in store.everything(ctx.session))


def create(
    ctx: Context,
    *,
    code: str,
    percent_hundredths: int | None = None,
    amount_minor: int | None = None,
    currency: str = "",
    periods: int | None = None,
    until: datetime | None = None,
    uses: int | None = None,
) -> VoucherView:
    """Make one, as staff who bill. Invalid says what a voucher needs; Conflict when the code is taken."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    name = code.strip().upper()
    if not CODE.fullmatch(name):
        raise Invalid("A code has 3 to 40 capital letters, digits and hyphens, such as KOPI-2026.", field="code")
    if uses is not None and uses < 1:
        raise Invalid("A voucher is used once at least.", field="uses")
    row = Voucher(
        code=name,
        percent_hundredths=percent_hundredths,
        amount_minor=amount_minor,
        currency=currency if amount_minor is not None else "",
        periods=periods,
        until=until,
        uses=uses,
        created_by=ctx.actor.name,
        created_at=ctx.now,
    )
    _discount(row, row.id)  # what it gives is checked there
    try:
        with ctx.session.begin_nested():
            ctx.session.add(row)
    except IntegrityError:
        raise Conflict(f"There is a voucher {name} already. Choose another code.") from None
    audit.record(ctx, action="vouchers.create", subject=row.id, after=row.model_dump(mode="json", exclude={"id", "used"}))
    return _view(row)


def withdraw(ctx: Context, *, code: str) -> VoucherView:
    """Nobody redeems it any more; who did keeps it. Twice is once."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    row = store.by_code(ctx.session, code.strip().upper())
    if row is None:
        raise NotFound(NOTHING_HERE)
    if row.withdrawn_at is None:
        row.withdrawn_at = ctx.now
        ctx.session.add(row)
        ctx.session.flush()
        audit.record(ctx, action="vouchers.withdraw", subject=row.id, after={"code": row.code})
    return _view(row)


def redeem(ctx: Context, *, organization_id: str, code: str, subscription_id: str) -> RedeemedView:
    """Let a code lower what is charged of a subscription from the next invoice on, by somebody who may pay. Not by a token.

    The use is claimed by a conditional update, so that it is never redeemed more often than allowed. Conflict says why it cannot be.
    """
    row = existing(ctx, organization_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.id)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot redeem a voucher. Sign in and do it there.")
    of = subscriptions.by_id(ctx.session, subscription_id)
    if of is None or of.organization_id != row.id:
        raise NotFound(NOTHING_HERE)
    voucher = store.by_code(ctx.session, code.strip().upper())
    if voucher is None or voucher.withdrawn_at is not None:
        raise Conflict("There is no such voucher. Look whether the code is typed as you were given it.")
    if of.state in ENDED:
        raise Conflict("This subscription is over. Choose another.")
    if voucher.amount_minor is not None and voucher.currency != of.currency:
        raise Conflict(f"The voucher {voucher.code} is for prices in {voucher.currency}, and this one is charged in {of.currency}.")
    known = store.use_of(ctx.session, voucher.id, row.id)
    made = rules.Voucher(voucher.code, _discount(voucher, voucher.id), until=voucher.until, uses=voucher.uses)
    rules.redeemable(made, now=ctx.now, used=voucher.used, used_by_organization=int(known is not None), order=Money(0, of.currency))
    if not store.claim(ctx.session, voucher.id):
        raise Conflict(f"The voucher {voucher.code} is used up.")
    use = VoucherUse(voucher_id=voucher.id, organization_id=row.id, subscription_id=of.id, redeemed_at=ctx.now)
    try:
        with ctx.session.begin_nested():
            ctx.session.add(use)
    except IntegrityError:
        raise Conflict(f"The voucher {voucher.code} was used already.") from None
    audit.record(
        ctx, action="vouchers.redeem", subject=voucher.id, organization=row.id, after={"code": voucher.code, "subscription": of.id}
    )
    return _redeemed(voucher, use, 0)


def of_organization(ctx: Context, *, organization_id: str) -> tuple[RedeemedView, ...]:
    """What an organization redeemed, in that order."""
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    rows = store.of_organization(ctx.session, organization_id)
    taken = store.periods(ctx.session, [use.id for _, use in rows])
    return tuple(_redeemed(voucher, use, taken[use.id]) for voucher, use in rows)


def of_invoice(ctx: Context, *, invoice_id: str) -> tuple[tuple[str, int], ...]:
    """Codes and by how much they lowered an invoice, before its tax."""
    row = invoices.by_id(ctx.session, invoice_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return tuple(store.of_invoice(ctx.session, invoice_id))


def lasting(ctx: Context, subscription_id: str) -> tuple[Lasting, ...]:
    """The discounts of a subscription with how often each took part. For other services, which check rights."""
    rows = store.of_subscription(ctx.session, subscription_id)
    taken = store.periods(ctx.session, [use.id for _, use in rows])
    return tuple(Lasting(_discount(voucher, use.id), taken[use.id]) for voucher, use in rows)


def note(ctx: Context, invoice_id: str, taken: Sequence[tuple[str, int]]) -> None:
    """Keep what lowered an invoice that was just issued. For other services, which claimed its period."""
    ctx.session.add_all([VoucherDiscount(invoice_id=invoice_id, voucher_use_id=key, off_minor=off) for key, off in taken])


def _discount(row: Voucher, key: str) -> rules.Discount:
    return rules.Discount(
        key,
        percent=Fraction(row.percent_hundredths, 10_000) if row.percent_hundredths is not None else None,
        amount=Money(row.amount_minor, row.currency) if row.amount_minor is not None else None,
        periods=row.periods,
    )


def _view(row: Voucher) -> VoucherView:
    return VoucherView(**row.model_dump(exclude={"id"}))


def _redeemed(row: Voucher, use: VoucherUse, taken: int) -> RedeemedView:
    return RedeemedView(
        row.code, use.subscription_id, row.percent_hundredths, row.amount_minor, row.currency, row.periods, taken, use.redeemed_at
    )
