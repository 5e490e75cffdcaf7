"""`moorage`: the command line. Every expected failure is one sentence and exit code 1."""

from __future__ import annotations

import sys

import typer

from app.cli import (
    app_backups,
    backups,
    catalogue,
    collecting,
    components,
    credits,
    diagnosis,
    doctor,
    documents,
    domains,
    drift,
    invoices,
    jobs,
    ledger,
    nodes,
    orders,
    orphans,
    payments,
    serving,
    soak,
    subscriptions,
    support,
    suspension,
    tokens,
    upgrades,
    users,
    vouchers,
    warehouse,
)
from models.domain.errors import PlatformError

app = typer.Typer(
    name="moorage",
    help="Operations platform of a hosting business on its own Kubernetes cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serving.add(app)
collecting.add(app)
backups.add(app)
doctor.add(app)
soak.add(app)
orders.add(app)
diagnosis.add(app)
drift.add(app)
suspension.add(app)
app.add_typer(jobs.app, name="jobs")
app.add_typer(nodes.app, name="nodes")
app.add_typer(orphans.app, name="orphans")
app.add_typer(support.app, name="support")
app.add_typer(components.app, name="components")
app.add_typer(domains.app, name="domains")
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(app_backups.app, name="app-backups")
app.add_typer(upgrades.app, name="upgrades")
app.add_typer(invoices.app, name="invoices")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(subscriptions.dunning, name="dunning")
app.add_typer(ledger.app, name="ledger")
app.add_typer(credits.app, name="credits")
app.add_typer(vouchers.app, name="vouchers")
app.add_typer(payments.app, name="payments")
app.add_typer(documents.app, name="documents")


def run() -> None:
    """What the console script calls."""
    try:
        app()
    except PlatformError as error:
        print(f"moorage: {error}", file=sys.stderr)  # noqa: T201  the command line speaks to the terminal
        sys.exit(1)


if __name__ == "__main__":
    run()
