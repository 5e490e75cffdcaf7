"""Addresses that belong to no app: whether each answers, and how often it did."""

from __future__ import annotations

from collections.abc import Sequence

from app.services.addresses import Answering
from app.ui import layout, tables
from app.ui.gate import Viewer
from app.ui.tables import Column


def answering(viewer: Viewer, rows: Sequence[Answering], *, staff: bool = False) -> None:
    """One row an address; nothing at all when there is none. Staff see whose namespace it is of, and who says so."""
    if not rows:
        return
    say = viewer.say.text

    def now(row: Answering) -> str:
        seen = row.availability
        return say(f"app.answer.{seen.last_outcome}") if seen.last_at else say("app.never_probed")

    columns = [
        Column("address", say("column.address"), lambda r: r.address, width=280),
        Column("now", say("column.answer"), now, width=170),
        Column("share", say("app.availability"), lambda r: r.availability.share.value, "share", help=say("app.availability_help")),
        Column("asked", say("column.asked"), lambda r: r.availability.last_at, "moment"),
        Column("certificate", say("column.certificate"), lambda r: r.availability.certificate_expires_at, "day", 140),
    ]
    if staff:
        columns += [
            Column("namespace", say("column.namespace"), lambda r: r.namespace),
            Column("by", say("column.via"), lambda r: say("addresses.by_rule" if r.by_rule else "addresses.by_ingress")),
        ]
    with layout.card(viewer.say("addresses.title"), note=viewer.say("addresses.note"), key="addresses", stretch=False):
        tables.show(viewer, rows, columns, key="addresses", alt=say("addresses.title"))
