"""Commands that run the platform: `up`, `web`, `worker`, `migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")]
PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port to listen on.", show_default="8600")]
KubeconfigOption = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig of a real cluster; makes it live, together with --prometheus.")
]
PrometheusOption = Annotated[str | None, typer.Option("--prometheus", metavar="URL", help="Prometheus of that cluster.")]


def add(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(web)
    app.command()(worker)
    app.command()(migrate)


def up(
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    kubeconfig: KubeconfigOption = None,
    prometheus: PrometheusOption = None,
) -> None:
    """Start everything: server and worker, with the demo business when nothing else is named.

    The first start creates the data directory and loads the demo; with --kubeconfig and --prometheus it is live instead, and the
    first administrator is made by a one-time link that is printed. Ctrl-C stops both.
    """
    from app.cli import server

    found = edge.settings(data, host=host, port=port, kubeconfig=kubeconfig, prometheus_url=prometheus)
    server.serve(found, prepare=True, workers=True)


def web(
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    kubeconfig: KubeconfigOption = None,
    prometheus: PrometheusOption = None,
) -> None:
    """Start the server alone; run `migrate` before and `worker` beside it."""
    from app.cli import server

    found = edge.settings(data, host=host, port=port, kubeconfig=kubeconfig, prometheus_url=prometheus)
    server.serve(found, prepare=False, workers=False)


def worker(data: DataOption = None) -> None:
    """Run the worker's jobs (mail, backup, clean-up) beside a server."""
    from app import worker as process

    process.main(edge.existing(edge.settings(data)))


def migrate(data: DataOption = None) -> None:
    """Bring store and warehouse to the schema of this program; nothing happens when they are there already."""
    from app import container
    from models import migrations

    found = edge.settings(data)
    container.prepare_directory(found)
    container.open_store(found, migrate=True).close()
    edge.say(f"The operational store has schema {migrations.head()}.")
    from app.cli import owned

    with owned.warehouse(found) as opened:
        edge.say(f"The warehouse has schema {opened.health().schema}.")
