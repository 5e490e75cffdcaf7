"""Panels of Collection health: sources, gaps, findings, questions, sizes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.collection import Health, SourceState
from app.services.figures import Figure, Gap
from app.ui import layout, tables
from app.ui.format import NOTHING
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column
from collectors.sources.port import Finding

_TONES = {"critical": ("red", "error"), "error": ("red", "error"), "warning": ("orange", "warning")}


def value(viewer: Viewer, figure: Figure) -> str:
    """A figure in its unit."""
    fmt = viewer.format
    if figure.value is None:
        return NOTHING
    match figure.unit:
        case "B":
            return fmt.bytes(figure.value)
        case "s":
            return fmt.duration(figure.value)
        case "share":
            return fmt.percent(figure.value, 1)
        case _:
            return fmt.number(figure.value)


def figures(viewer: Viewer, seen: Health) -> None:
    say = viewer.say
    late = [s for s in seen.sources if s.state != "live"]
    with st.grid(4, min_column_width=160):
        st.metric(
            say.text("collection.live"), say.text("gauge.of", part=len(seen.sources) - len(late), whole=len(seen.sources)),
            delta=", ".join(s.source for s in late) or say.text("collection.none_late"), delta_color="red" if late else "green",
            delta_arrow="off", border=True, height="stretch",
        )  # fmt: skip
        for name, figure in (
            ("coverage", seen.coverage),
            ("rollup_lag", seen.rollup_lag),
            ("volumes", seen.volumes_without_statistics),
        ):
            st.metric(
                say.text(f"collection.{name}"), value(viewer, figure), border=True, height="stretch",
                help=f"{plain(figure.formula)}. {plain(figure.source)}.",
            )  # fmt: skip


def sources(viewer: Viewer, rows: Sequence[SourceState]) -> None:
    say = viewer.say.text
    columns = [
        Column("source", say("column.source"), lambda r: r.source, width=140),
        Column("state", say("column.state"), lambda r: r.state, "state", 100),
        Column("age", say("column.age"), lambda r: r.age_seconds, "seconds"),
        Column("interval", say("column.interval"), lambda r: r.interval_seconds, "seconds"),
        Column("ticks", say("column.ticks"), lambda r: r.ticks, "integer"),
        Column("missing", say("column.missing"), lambda r: r.missing, "integer"),
        Column("lost", say("column.lost"), lambda r: r.lost, "integer", help=say("column.lost_help")),
        Column("rows", say("column.rows"), lambda r: r.rows, "integer"),
        Column("last", say("column.last_tick"), lambda r: r.last_tick, "moment"),
        Column("problem", say("column.problem"), lambda r: r.problem, width=320),
    ]
    tables.show(viewer, rows, columns, key="sources", alt=say("table.sources"), empty="collection.no_sources")


def gaps(viewer: Viewer, rows: Sequence[Gap]) -> None:
    say = viewer.say.text
    columns = [
        Column("source", say("column.source"), lambda r: r.source),
        Column("start", say("column.from"), lambda r: r.start, "moment"),
        Column("end", say("column.until"), lambda r: r.end, "moment"),
        Column("length", say("column.length"), lambda r: viewer.format.duration(r.end - r.start)),
    ]
    tables.show(viewer, rows, columns, key="gaps", alt=say("table.gaps"), empty="collection.no_gaps")


def findings(viewer: Viewer, rows: Sequence[Finding]) -> None:
    if not rows:
        st.success(viewer.say("collection.no_findings"), icon=":material/check_circle:")
    for row in rows:
        colour, icon = _TONES.get(str(row.severity), ("gray", "info"))
        st.markdown(f":{colour}[:material/{icon}:] {plain(row.message)}")


def sizes(viewer: Viewer, rows: Sequence[Figure]) -> None:
    layout.facts([(plain(figure.formula), plain(value(viewer, figure))) for figure in rows])


def questions(viewer: Viewer, rows: Sequence[SourceState]) -> None:
    say = viewer.say.text
    asked = [(s.source, q) for s in rows for q in s.queries]
    columns = [
        Column("source", say("column.source"), lambda r: r[0]),
        Column("question", say("column.question"), lambda r: r[1].name, width=240),
        Column("seconds", say("column.seconds"), lambda r: r[1].seconds, "seconds"),
        Column("series", say("column.series"), lambda r: r[1].series, "integer"),
        Column("problem", say("column.problem"), lambda r: r[1].problem, width=320),
    ]
    tables.show(viewer, asked, columns, key="questions", alt=say("table.questions"), empty="collection.no_questions")
