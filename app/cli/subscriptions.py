"""`moorage subscriptions` and `moorage dunning`: how they stand, cancelling, who is in which step, and holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Subscriptions: list, timeline, cancel, keep.", no_args_is_help=True)
dunning = typer.Typer(help="Dunning: who is in which step and what comes next, holds.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Id of the subscription (sub_…).")]
Organization = Annotated[str, typer.Argument(help="Id of the organization (org_…).")]


@app.command("list")
def list_(organization: Organization, data: DataOption = None) -> None:
    """All subscriptions of an organization."""
    from app.services import cancellations

    with edge.reading(edge.settings(data)) as ctx:
        rows = cancellations.list_(ctx, organization_id=organization)
    edge.table(
        ("subscription", "apps", "state", "since", "ends"),
        [(r.id, ", ".join(r.apps), r.state, f"{r.created_at:%Y-%m-%d}", _day(r.cancel_at or r.ended_at)) for r in rows],
    )


@app.command()
def timeline(subscription: Id, data: DataOption = None) -> None:
    """What happened to a subscription, the newest first; amounts in minor units."""
    from app.services import standings

    with edge.reading(edge.settings(data)) as ctx:
        rows = standings.timeline(ctx, subscription_id=subscription)
    edge.table(
        ("at", "what", "from", "to", "why", "invoice", "amount"),
        [(f"{r.at:%Y-%m-%d %H:%M}", r.what, r.before, r.after, r.reason, r.number, r.amount_minor or "") for r in rows],
    )


@app.command()
def cancel(
    subscription: Id,
    now: Annotated[bool, typer.Option("--now", help="At once, not when what was paid runs out.")] = False,
    data: DataOption = None,
) -> None:
    """Let a subscription end."""
    from app.services import cancellations
    from models.domain.subscriptions import CancelWhen

    with edge.transaction(edge.settings(data)) as ctx:
        when = CancelWhen.NOW if now else CancelWhen.AT_PERIOD_END
        made = cancellations.cancel(ctx, subscription_id=subscription, when=when)
    edge.say(f"{made.id} ends on {_day(made.cancel_at)}.")


@app.command()
def keep(subscription: Id, data: DataOption = None) -> None:
    """Take a cancellation back before its end."""
    from app.services import cancellations

    with edge.transaction(edge.settings(data)) as ctx:
        made = cancellations.keep(ctx, subscription_id=subscription)
    edge.say(f"{made.id} goes on.")


@app.command()
def convert(
    subscription: Id, plan: Annotated[str, typer.Argument(help="Name of a paid plan of its template.")], data: DataOption = None
) -> None:
    """Choose the plan that a tried app has after its trial; its first month is invoiced at once."""
    from app.services import conversions

    with edge.transaction(edge.settings(data)) as ctx:
        made = conversions.convert(ctx, subscription_id=subscription, plan=plan)
    edge.say(f"{made.id} goes on with the plan {plan} once its invoice is paid.")


@dunning.command()
def board(data: DataOption = None) -> None:
    """Who is in which step since when, and what comes next; amounts in minor units."""
    from app.services import standings

    with edge.reading(edge.settings(data)) as ctx:
        rows = standings.board(ctx)
    edge.table(
        ("subscription", "organization", "state", "since", "invoice", "open", "next", "when", "held until"),
        [
            (
                r.subscription_id,
                r.organization,
                r.state,
                f"{r.since:%Y-%m-%d}",
                r.invoice,
                f"{r.open_minor} {r.currency}",
                f"{r.next} {r.target}".strip(),
                _day(r.next_at),
                _day(r.hold_until),
            )
            for r in rows
        ],
    )


@dunning.command()
def hold(
    organization: Organization,
    until: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day (UTC) on which it ends.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; for staff.")],
    data: DataOption = None,
) -> None:
    """Leave a customer in peace until a day."""
    from app.services import holds

    with edge.transaction(edge.settings(data)) as ctx:
        made = holds.put(ctx, organization_id=organization, until=until.replace(tzinfo=UTC), reason=reason)
    edge.say(f"{organization} is left in peace until {_day(made.until)}.")


@dunning.command()
def lift(organization: Organization, data: DataOption = None) -> None:
    """End the hold of a customer."""
    from app.services import holds

    with edge.transaction(edge.settings(data)) as ctx:
        holds.lift(ctx, organization_id=organization)
    edge.say(f"{organization} has no hold any more.")


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at is not None else ""
