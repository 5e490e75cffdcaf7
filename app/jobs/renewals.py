"""Renewals: due periods become invoices, and the gateway is asked for their money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.context import Context
from app.gateways import payments as gateways
from app.gateways.payments import DummyGateway, PaymentGateway
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import invoices, payments, renewals
from app.services.invoices import Asked
from app.services.jobs import Planned, Preview
from models.domain.errors import Misconfigured, PlatformError
from models.domain.renewals import Charge, Close, Decision, Park, Skip
from models.store import organizations

NAME = "renewals"
BATCH = 200
AGAIN = timedelta(hours=1)
"""So long after a gateway that does not know yet it is asked again."""
SILENT = timedelta(minutes=5)
"""So long after one that did not answer."""

WORDS: Mapping[type[Decision], str] = {Charge: "invoices", Skip: "skipped", Park: "parked", Close: "ended"}


def preview(ctx: Context, due_at: datetime) -> Preview:
    """To whom and how much: what the run decides, and of whom it asks for money."""
    decided = renewals.planned(ctx, due_at)
    asked = invoices.to_ask(ctx, at=due_at)
    charges = [one for one in decided if isinstance(one, Charge)]
    foreseen = invoices.foreseen(ctx, renewals.ordered(decided))
    asks = len(asked) + sum(1 for one in foreseen if one.rest_minor)
    used = sum(1 for one in foreseen if one.credit_minor)
    sums = ", ".join(
        f"{sum(one.total for one in charges if one.currency == currency)} {currency}"
        for currency in sorted({one.currency for one in charges})
    )
    summary = f"{len(charges)} invoices would be issued{f' over {sums}' if sums else ''}; {asks} payments would be asked for."
    if used:
        summary += f" Credit would pay for {used} of them, or a part."
    planned = [Planned(one.subscription_id, sentence(ctx, one)) for one in decided]
    planned += [
        Planned(one.invoice_id, f"ask {one.gateway} for {one.amount_minor} {one.currency}; when it pays, the invoice is paid")
        for one in asked
    ]
    for paid in foreseen:
        one, of = paid.charge, f"{paid.charge.currency} of the invoice from {paid.charge.period.first} on"
        if paid.credit_minor:
            planned.append(Planned(one.subscription_id, f"take {paid.credit_minor} {of} from the customer's credit"))
        if paid.rest_minor:
            planned.append(Planned(one.subscription_id, f"ask the gateway for {paid.rest_minor} {of}"))
    return Preview(NAME, due_at, summary, tuple(planned))


def sentence(ctx: Context, decision: Decision) -> str:
    """One decision in words, with amounts in minor units."""
    row = organizations.by_id(ctx.session, decision.organization_id)
    who = row.name if row else decision.organization_id
    match decision:
        case Charge():
            lines = "; ".join(f"{one.what} {one.net + one.tax}" for one in decision.lines)
            return (
                f"charge {who} {decision.total} {decision.currency} (tax {decision.tax}) "
                f"for {decision.period.first} to {decision.period.after}: {lines}"
            )
        case Skip():
            return f"charge {who} nothing for {decision.period.first} to {decision.period.after}"
        case Park():
            return f"leave {who} to a person: {decision.missed} periods at once"
        case Close():
            return f"end the billing of {who}: nothing of it goes on"


@job(NAME, every=timedelta(minutes=10), offset=timedelta(minutes=2), home="worker", preview=preview)
def renew(run: Run) -> None:
    """Issue an invoice for every period that is due, each once and in its order, and ask the gateway for the money of open ones."""
    gateway = gateways.of(run.container.settings)
    begin(run)
    issue(run, gateway)
    _ask(run, {one.name: one for one in (*gateways.known(run.container.settings).values(), DummyGateway(), gateway)})


def begin(run: Run) -> None:
    """Give subscriptions that began to cost their anchor."""
    while True:
        run.check()
        with run.transaction() as ctx:
            begun = renewals.begin(ctx, limit=BATCH)
        if begun < BATCH:
            return


def issue(run: Run, gateway: PaymentGateway) -> None:
    """One period after the other of everything that is due; what fails, or is another process's, is left for the next run."""
    left: set[str] = set()
    while True:
        with run.reading() as ctx:
            found = renewals.due(ctx, limit=BATCH, without=left)
        if not found:
            return
        for subscription_id in found:
            run.check()
            decision = None
            with run.telling(subscription_id):
                with run.transaction() as ctx:
                    made = renewals.carry_out(ctx, subscription_id=subscription_id, gateway=gateway.name)
                decision = made
                run.count("looked at")
            if decision is None:
                left.add(subscription_id)
            else:
                run.count(WORDS[type(decision)])


def _ask(run: Run, known: Mapping[str, PaymentGateway]) -> None:
    """Every payment that waits is asked for once; the answer is written in a transaction of its own, if nobody was faster."""
    asked: set[str] = set()
    while True:
        with run.reading() as ctx:
            found = invoices.to_ask(ctx, at=ctx.now, limit=BATCH, without=asked)
        for one in found:
            run.check()
            asked.add(one.payment_id)
            with run.telling(one.payment_id):
                ask_one(run, one, known.get(one.gateway))
        if len(found) < BATCH:
            return


def ask_one(run: Run, asked: Asked, gateway: PaymentGateway | None) -> None:
    """Ask for one payment, and write down what the gateway says or that it said nothing."""
    try:
        if gateway is None:
            raise Misconfigured(f"There is no gateway “{asked.gateway}” here.")
        settings, now = run.container.settings, run.container.clock.now()
        receipt = payments.ask(gateway, asked, address=settings.address, now=now)
    except PlatformError as error:
        run.count("unanswered")
        run.problems.append(f"{asked.payment_id}: {error}")
        with run.transaction() as ctx:
            payments.unanswered(ctx, payment_id=asked.payment_id, again_at=ctx.now + SILENT)
        return
    with run.transaction() as ctx:
        payments.answered(ctx, payment_id=asked.payment_id, receipt=receipt, again_at=ctx.now + AGAIN)
    run.count(f"payments {receipt.answer.value}")
