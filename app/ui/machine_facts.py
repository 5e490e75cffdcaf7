"""What a machine tells of itself: clock, connections, kubelet, and its file systems."""

from __future__ import annotations

from app.services.cluster import NodeDetail
from app.ui import layout, tables
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column
from models.domain.trouble_machines import FilesystemUse, MachineUse


def warnings(seen: NodeDetail) -> list[str]:
    """What is wrong with it, as Markdown: the reason, then the next step."""
    return [f"{plain(one.reason)}  \n:small[{plain(one.next_step)}]" for one in seen.trouble]


def facts(viewer: Viewer, one: MachineUse) -> list[tuple[str, str]]:
    """What is known of it, as pairs of label and value."""
    say, fmt = viewer.say, viewer.format
    clock = fmt.number(one.clock_offset_seconds, 4) if one.clock_offset_seconds is not None else ""
    pairs = [
        (say("fact.clock"), say("fact.clock_off", seconds=clock) if clock else "", one.clock_offset_seconds),
        (
            say("fact.connections"),
            say("fact.pods_of", part=fmt.number(one.conntrack_entries), whole=fmt.number(one.conntrack_limit)),
            one.conntrack_entries,
        ),
        (say("fact.cpu_waiting"), fmt.percent(one.cpu_waiting_share, 1), one.cpu_waiting_share),
        (say("fact.memory_waiting"), fmt.percent(one.memory_waiting_share, 1), one.memory_waiting_share),
        (say("fact.disk_waiting"), fmt.percent(one.disk_waiting_share, 1), one.disk_waiting_share),
        (say("fact.steal"), fmt.percent(one.steal_share, 1), one.steal_share),
        (say("fact.running_pods"), fmt.number(one.running_pods), one.running_pods),
        (say("fact.evictions"), fmt.number(one.evictions), one.evictions),
        (say("fact.drops"), fmt.number(one.drops), one.drops),
        (say("fact.errors"), fmt.number(one.errors), one.errors),
        (say("fact.certificate"), fmt.duration(one.certificate_seconds), one.certificate_seconds),
    ]
    return [(label, value) for label, value, known in pairs if known is not None]


def filesystems(viewer: Viewer, one: MachineUse) -> None:
    """A table of them, the fullest first."""
    say = viewer.say.text

    def used(free: float | None, whole: float | None) -> float | None:
        return 1 - free / whole if free is not None and whole else None

    def writes(row: FilesystemUse) -> str:
        return "" if row.read_only is None else say("filesystem.read_only" if row.read_only else "filesystem.writable")

    columns = [
        Column("mountpoint", say("column.mountpoint"), lambda r: r.mountpoint, width=200),
        Column("used", say("column.space_used"), lambda r: used(r.available_bytes, r.size_bytes), "share"),
        Column("available", say("column.available"), lambda r: r.available_bytes, "gibibytes"),
        Column("size", say("column.size"), lambda r: r.size_bytes, "gibibytes"),
        Column("inodes", say("column.inodes_used"), lambda r: used(r.inodes_free, r.inodes), "share"),
        Column("writes", say("column.writes"), writes),
    ]
    rows = sorted(one.filesystems, key=lambda r: -(used(r.available_bytes, r.size_bytes) or 0.0))
    tables.show(viewer, rows, columns, key="filesystems", alt=say("table.filesystems"), empty="filesystem.none")


def show(viewer: Viewer, one: MachineUse | None) -> None:
    if one is None:
        layout.empty(viewer, "filesystem.none")
        return
    pairs = facts(viewer, one)
    if pairs:
        layout.facts(pairs)
    filesystems(viewer, one)
