"""Tables of nodes, pods and containers: the same columns wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.services import remembered
from app.services.cluster import ContainerRow, NodeRow, PodRow, StateChange
from app.services.ingress import ProcessRow
from app.ui import layout, tables
from app.ui.gate import Viewer
from app.ui.tables import Column, Opening
from models.domain.cluster import Event


def pods(viewer: Viewer, rows: Sequence[PodRow], *, key: str, on_node: bool = True, height: int | None = None) -> None:
    say = viewer.say.text
    columns = [
        Column("state", say("column.state"), lambda r: r.condition.state.value, "state", 104),
        Column("organization", say("column.organization"), lambda r: r.organization or say("word.unowned"), width=140),
        Column("pod", say("column.pod"), lambda r: r.name, width=204),
        Column("memory_used", say("column.memory_used"), lambda r: r.memory_used, "mebibytes"),
        Column("memory_share", say("column.memory_share"), lambda r: r.memory_share, "share", help=say("column.share_help")),
        Column("cpu_used", say("column.cpu_used"), lambda r: r.cpu_used, "cores"),
        Column("cpu_share", say("column.cpu_share"), lambda r: r.cpu_share, "share", help=say("column.share_help")),
        Column("restarts", say("column.restarts"), lambda r: r.restarts, "integer"),
        *([Column("node", say("column.node"), lambda r: r.node, width=80)] if on_node else []),
        Column("since", say("column.since"), lambda r: r.condition.since, "moment"),
        Column("namespace", say("column.namespace"), lambda r: r.namespace),
        Column("memory_request", say("column.memory_request"), lambda r: r.request.memory, "mebibytes"),
        Column("memory_limit", say("column.memory_limit"), lambda r: r.limit.memory or None, "mebibytes"),
        Column("cpu_request", say("column.cpu_request"), lambda r: r.request.cpu, "cores"),
        Column("created", say("column.created"), lambda r: r.created_at, "moment"),
    ]
    tables.show(
        viewer, rows, columns, key=key, alt=say("table.pods"), opening=Opening("pod", lambda r: {"uid": r.uid}), height=height
    )


def nodes(viewer: Viewer, rows: Sequence[NodeRow]) -> None:
    say = viewer.say.text

    def share(part: float | None, whole: float) -> float | None:
        return part / whole if part is not None and whole else None

    def memory_requested(r: NodeRow) -> float | None:
        return share(r.requests.memory, r.allocatable.memory)

    columns = [
        Column("node", say("column.node"), lambda r: r.name, width=100),
        Column("state", say("column.state"), lambda r: r.state if r.state != "not_ready" else "not_ready_node", "state", 96),
        Column("memory_requested", say("column.memory_requested_share"), memory_requested, "share", 138),
        Column("memory_used", say("column.memory_used_share"), lambda r: share(r.memory_used, r.allocatable.memory), "share"),
        Column("cpu_requested", say("column.cpu_requested_share"), lambda r: share(r.requests.cpu, r.allocatable.cpu), "share"),
        Column("cpu_used", say("column.cpu_used_share"), lambda r: share(r.cpu_used, r.allocatable.cpu), "share"),
        Column("disk", say("column.disk_share"), lambda r: r.disk_used_share, "share"),
        Column("pods", say("column.pods_of"), lambda r: f"{r.requests.pods} / {r.allocatable.pods}"),
        Column("pressure", say("column.pressure"), lambda r: ", ".join(r.pressures)),
        Column("since", say("column.since"), lambda r: r.since, "moment"),
        Column("version", say("column.version"), lambda r: r.version),
        Column("free_memory", say("column.free_memory"), lambda r: r.free.memory, "gibibytes"),
        Column("created", say("column.created"), lambda r: r.created_at, "day"),
    ]  # fmt: skip
    tables.show(
        viewer, rows, columns, key="nodes", alt=say("table.nodes"), opening=Opening("node", lambda r: {"name": r.name}),
        empty="cluster.no_nodes",
    )  # fmt: skip


def processes(viewer: Viewer, rows: Sequence[ProcessRow]) -> None:
    """Of the ingress."""
    say = viewer.say.text
    columns = [
        Column("instance", say("column.process"), lambda r: r.instance, width=160),
        Column("connections", say("column.open_connections"), lambda r: r.open_connections, "integer"),
        Column("requests", say("column.requests_second"), lambda r: r.requests, "number"),
        Column("errors", say("column.error_share"), lambda r: r.error_share, "share", help=say("column.error_share_help")),
        Column("taken", say("column.configuration"), lambda r: r.taken_at, "moment", help=say("column.configuration_help")),
        Column("reloads", say("column.reloads"), lambda r: r.reloads, "integer"),
        Column("since", say("column.running_since"), lambda r: r.started_at, "moment"),
    ]
    tables.show(viewer, rows, columns, key="ingress", alt=say("table.ingress"), empty="cluster.no_ingress")


def containers(viewer: Viewer, rows: Sequence[ContainerRow]) -> None:
    say = viewer.say.text
    columns = [
        Column("container", say("column.container"), lambda r: r.name),
        Column("state", say("column.state"), lambda r: r.state + (f": {r.reason}" if r.reason else "")),
        Column("restarts", say("column.restarts"), lambda r: r.restarts, "integer"),
        Column("last", say("column.last_end"), _last_end),
        Column("memory_used", say("column.memory_used"), lambda r: r.memory_used, "mebibytes"),
        Column("memory_limit", say("column.memory_limit"), lambda r: r.limit.memory or None, "mebibytes"),
        Column("cpu_used", say("column.cpu_used"), lambda r: r.cpu_used, "cores"),
        Column("cpu_limit", say("column.cpu_limit"), lambda r: r.limit.cpu or None, "cores"),
        Column("throttled", say("column.throttled"), lambda r: r.throttled_share, "share"),
        Column("image", say("column.image"), lambda r: r.image),
    ]  # fmt: skip
    tables.show(viewer, rows, columns, key="containers", alt=say("table.containers"))


def tab(viewer: Viewer, name: str, n: int) -> str:
    """Heading of a tab with the number of its rows; events and changes are the newest ones of perhaps many more."""
    cut = name in ("events", "changes") and n >= remembered.MOST
    return viewer.say.text(f"tab.newest_{name}" if cut else f"tab.{name}", n=n)


def _last_end(row: ContainerRow) -> str:
    return row.last_reason + (f" ({row.last_exit_code})" if row.last_exit_code is not None else "")


def events(viewer: Viewer, rows: Sequence[Event], away_since: datetime | None) -> None:
    """While the warehouse is away, those that the cluster still has, and that they are only these."""
    say = viewer.say.text
    layout.away(viewer, away_since, "away.events")
    if away_since is not None and not rows:
        return
    columns = [
        Column("at", say("column.at"), lambda r: r.last_at, "moment"),
        Column("type", say("column.type"), lambda r: r.type),
        Column("reason", say("column.reason"), lambda r: r.reason),
        Column("message", say("column.message"), lambda r: r.message, width=460),
        Column("count", say("column.count"), lambda r: r.count, "integer"),
    ]
    tables.show(viewer, rows, columns, key="events", alt=say("table.events"), empty="events.empty")


def changes(viewer: Viewer, rows: Sequence[StateChange], away_since: datetime | None) -> None:
    say = viewer.say.text
    layout.away(viewer, away_since)
    if away_since is not None:
        return
    columns = [
        Column("at", say("column.at"), lambda r: r.at, "moment"),
        Column("container", say("column.container"), lambda r: r.container),
        Column("state", say("column.state"), lambda r: r.state or r.phase),
        Column("reason", say("column.reason"), lambda r: r.reason or r.last_reason),
        Column("restarts", say("column.restarts"), lambda r: r.restarts, "integer"),
    ]
    tables.show(viewer, rows, columns, key="changes", alt=say("table.changes"), empty="changes.empty")
