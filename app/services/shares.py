"""Shares of a month: what a change within one that was charged gives back and costs, and the unused rest of what ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.context import Context
from app.services import credit_notes, credits, invoices, renewals, settings
from models.domain.errors import Conflict
from models.domain.money import Money, zero
from models.domain.periods import Anchor, Period, begins, local_day, period_at
from models.domain.proration import GOOD_FOR, ChangeMode, Charged, confirmed, prorated, share
from models.domain.renewals import Charge, Line
from models.domain.subscriptions import SubscriptionState
from models.domain.tax import TaxedDocument, TaxLine, taxed
from models.store import credit_notes as notes
from models.store import invoices as documents
from models.store import shares as store
from models.store import subscriptions
from models.store.invoices import Invoice, InvoiceLine
from models.store.renewals import Renewal
from models.store.renewals import by_subscription as renewal_of
from models.store.subscriptions import ItemKind, Subscription, SubscriptionItem

UNUSED = "unused"
"""The reason of a credit note for the rest of what was cancelled."""
RESTED = "rest"
"""The reason of one for a time in which nothing was rendered."""


@dataclass(frozen=True, slots=True)
class ShareView:
    """What a change costs within the month that was charged, in minor units and as customers pay it, at the second `at`.

    The new price's share is charged and the old one's given back as credit, which pays first; `effective` is from when the new price
    holds. Both are zero where nothing is charged before the next period.
    """

    at: datetime
    effective: datetime | None
    currency: str
    credit_minor: int
    debit_minor: int

    @property
    def net_minor(self) -> int:
        return self.debit_minor - self.credit_minor


def credit_unused(ctx: Context, *, subscription_id: str, at: datetime, key: str) -> tuple[str, ...]:
    """Give back what was charged of a subscription for the time from `at` on, by the second: ids of the credit notes, one an invoice.

    For other services, which check rights, claim the event (as by the move of the subscription) and pass `key` for it: the same key
    again gives back nothing more. What is open of an invoice is lowered; what was paid becomes the customer's credit. Never more is
    given back than is left of a line, and a plan's old line that a change settled is left out. Nothing for a trial.
    """
    return _give_back(ctx, subscription_id, at, None, UNUSED, key)


def credit_rest(ctx: Context, *, subscription_id: str, since: datetime, until: datetime, key: str) -> tuple[str, ...]:
    """Give back what was charged for a time in which nothing was rendered, such as a suspension. As `credit_unused`; by a setting."""
    if not settings.get(ctx, "credit_suspension"):
        return ()
    return _give_back(ctx, subscription_id, since, until, RESTED, key)


def _give_back(
    ctx: Context, subscription_id: str, since: datetime, until: datetime | None, reason: str, key: str
) -> tuple[str, ...]:
    row = renewal_of(ctx.session, subscription_id)
    if row is None:
        return ()
    found: dict[str, list[InvoiceLine]] = {}
    items = {one.id: one for one in renewals.items_of(ctx, subscription_id)}
    for invoice, line in store.lines(ctx.session, list(items), local_day(since, row.zone)):
        found.setdefault(invoice.id, []).append(line)
    made = []
    for invoice_id in sorted(found):
        document = documents.locked(ctx.session, invoice_id)
        event = f"{document.id}:{reason}:{key}"
        known = notes.by_key(ctx.session, event)
        if known is not None:
            made.append(known.id)
            continue
        settled = store.changed(ctx.session, invoice_id)
        amounts = {}
        for known_line in credit_notes.lines_of(ctx, document):
            charged = next((one for one in found[invoice_id] if one.line == known_line.number), None)
            if charged is None or known_line.number in settled:
                continue
            start, end = _span(row, document, items[charged.item_id])
            part = share(start, end, since=since) - (share(start, end, since=until) if until is not None else 0)
            rest = Money(known_line.charged, known_line.currency).times(part).minor
            if amount := min(rest, known_line.left):
                amounts[known_line.number] = amount
        if amounts:
            made.append(credit_notes.give(ctx, document, amounts, reason=reason, key=event))
    return tuple(made)


def moment(ctx: Context, item: SubscriptionItem, shown: ShareView | None) -> datetime:
    """When a change of an item holds: at the second that was shown, or now. Conflict for what was shown too long ago."""
    if shown is not None and not shown.at <= ctx.now < shown.at + GOOD_FOR:
        raise Conflict("What this change costs is not what was shown any more. Look at it again.")
    return max(shown.at if shown else ctx.now, item.since)


def of_app(ctx: Context, instance_id: str, price: int) -> ShareView | None:
    """What changing an app's plan to one of that price costs now; None when nothing is charged for it. For other services."""
    subscription = subscriptions.of_instance(ctx.session, instance_id)
    open_ = subscriptions.open_items(ctx.session, subscription.id, instance_id=instance_id) if subscription else ()
    item = next((one for one in open_ if one.kind is ItemKind.PLAN), None)
    if subscription is None or item is None:
        return None
    return preview(ctx, subscription, item, price, ctx.now.replace(microsecond=0))


def preview(ctx: Context, subscription: Subscription, item: SubscriptionItem, price: int, at: datetime) -> ShareView:
    """What another price of an item costs when it is confirmed as it is shown. For other services, which check rights."""
    found = _found(ctx, subscription, item, at)
    if found is None:
        return ShareView(at, None, subscription.currency, 0, 0)
    made = prorated(found.old, Money(price, subscription.currency), found.period, at, _mode(ctx, item.price_minor, price))
    return _view(ctx, subscription, made.at, made.effective, made.credit.minor, made.debit.minor)


def change(
    ctx: Context, subscription: Subscription, old: SubscriptionItem, new: SubscriptionItem, *, at: datetime, shown_minor: int | None
) -> None:
    """Settle the change of an item to another one at the moment that was shown: the old one's rest is given back, the new one's charged.

    For other services, which check rights, have ended the old item and begun the new one at `at`, and hold the change's claim. Conflict
    when it would not cost what was shown, `shown_minor`, any more.
    """
    row = store.locked(ctx.session, subscription.id)
    found = _found(ctx, subscription, old, at)
    mode = _mode(ctx, old.price_minor, new.price_minor)
    if row is None or found is None or mode is ChangeMode.NEXT_PERIOD:
        _as_shown(0, shown_minor)
        return
    made = prorated(found.old, Money(new.price_minor, subscription.currency), found.period, at, mode)
    confirmed(made, found.old, found.period, ctx.now)
    seen = _view(ctx, subscription, made.at, made.effective, made.credit.minor, made.debit.minor)
    _as_shown(seen.net_minor, shown_minor)
    if made.credit:
        document = documents.locked(ctx.session, found.invoice.id)
        credit_notes.give(ctx, document, {found.line: made.credit.minor}, reason=store.CHANGED, key=f"{document.id}:share:{new.id}")
    _charge(ctx, subscription, row, new, found.period, made.at, made.debit)


def added(ctx: Context, subscription: Subscription, new: SubscriptionItem) -> None:
    """Charge for the rest of the month for what was added within it. For other services, which check rights and hold the claim."""
    row = store.locked(ctx.session, subscription.id)
    seen = addition(ctx, subscription, new.price_minor, new.since)
    if row is None or not seen.debit_minor:
        return
    period = period_at(Anchor(row.anchor, row.zone), new.since)
    price = Money(new.price_minor, subscription.currency)
    _charge(ctx, subscription, row, new, period, new.since, price.times(share(period.start, period.end, since=new.since)))


def addition(ctx: Context, subscription: Subscription, price: int, at: datetime) -> ShareView:
    """What something more costs for the rest of the month, when that was charged. For other services, which check rights."""
    row = renewal_of(ctx.session, subscription.id)
    nothing = ShareView(at, None, subscription.currency, 0, 0)
    if row is None or subscription.state is not SubscriptionState.ACTIVE or settings.get(ctx, "upgrade_charge") != "invoice_now":
        return nothing
    anchor = Anchor(row.anchor, row.zone)
    if at < begins(row.anchor, row.zone):
        return nothing
    period = period_at(anchor, at)
    if period.index >= row.next_index or row.next_at is None:
        return nothing  # this one is charged with what is there when it is
    debit = Money(price, subscription.currency).times(share(period.start, period.end, since=at))
    return _view(ctx, subscription, at, at, 0, debit.minor)


@dataclass(frozen=True, slots=True)
class _Found:
    invoice: Invoice
    line: int
    old: Charged
    period: Period


def _found(ctx: Context, subscription: Subscription, item: SubscriptionItem, at: datetime) -> _Found | None:
    """The line that charged the item for the period in which `at` lies; None for a trial and before anything was charged."""
    row = renewal_of(ctx.session, subscription.id)
    if row is None or subscription.state is SubscriptionState.TRIAL or at < begins(row.anchor, row.zone):
        return None
    period = period_at(Anchor(row.anchor, row.zone), at)
    for invoice, line in store.lines(ctx.session, [item.id], local_day(at, row.zone)):
        start, end = _span(row, invoice, item)
        if start <= at < end:
            known = next(one for one in credit_notes.lines_of(ctx, invoice) if one.number == line.line)
            charged = Money(known.charged, invoice.currency)
            given = Money(known.credited_net + known.credited_tax, invoice.currency)
            # a credit of what was not paid lowers what is owed, and grants nothing
            return _Found(invoice, line.line, Charged(charged, start, end, charged, given), period)
    return None


def _span(row: Renewal, invoice: Invoice, item: SubscriptionItem) -> tuple[datetime, datetime]:
    """From when to when a line of an invoice charges its item: its period, or what of it was left when the item began within."""
    start = item.since if invoice.period < 0 else begins(invoice.first, row.zone)
    return start, begins(invoice.after, row.zone)


def _mode(ctx: Context, old: int, new: int) -> ChangeMode:
    """By the settings: dearer at once, cheaper from the next period on, unless the operator says otherwise."""
    return ChangeMode(str(settings.get(ctx, "downgrade_charge" if new < old else "upgrade_charge")))


def _view(ctx: Context, subscription: Subscription, at: datetime, effective: datetime, credit: int, debit: int) -> ShareView:
    with_tax = _taxed(ctx, subscription, Money(debit, subscription.currency)).total.minor if debit else 0
    return ShareView(at, effective, subscription.currency, credit, with_tax)


def _taxed(ctx: Context, subscription: Subscription, amount: Money) -> TaxedDocument:
    rule = renewals.tax_rule(ctx, subscription.organization_id)
    return taxed([TaxLine(amount, rule)], amount.currency, inclusive=bool(settings.get(ctx, "prices_with_tax")))


def _as_shown(net: int, shown: int | None) -> None:
    if shown is not None and net != shown:
        raise Conflict("What this change costs is not what was shown any more. Look at it again.")


def _charge(
    ctx: Context, subscription: Subscription, row: Renewal, item: SubscriptionItem, period: Period, at: datetime, amount: Money
) -> None:
    """The invoice of the rest of a period for an item that began in it."""
    if amount == zero(amount.currency):
        return
    done = _taxed(ctx, subscription, amount)
    first = local_day(at, row.zone)
    today = credits.today(ctx)
    issued: date = max(today, documents.last_day(ctx.session, invoices.SERIES) or today)
    rest = Period(period.index, at, period.end, first, period.after)
    lines: Sequence[Line] = [Line(item.id, renewals.named(ctx, item), first, period.after, done.net.minor, done.tax.minor)]
    charge = Charge(
        subscription.id,
        subscription.organization_id,
        store.next_number(ctx.session, subscription.id),
        rest,
        subscription.currency,
        lines,
        done.net.minor,
        done.tax.minor,
        "; ".join(group.formula for group in done.groups if group.tax),
        issued,
        issued + timedelta(days=int(settings.get(ctx, "payment_days"))),
    )
    invoices.issue(ctx, charge, renewals.tax_rule(ctx, subscription.organization_id), gateway=ctx.gateway)
