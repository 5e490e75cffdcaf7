"""Panels of Jobs: the declared ones, the preview of one with “run now”, and what ran."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services import jobs
from app.services.jobs import JobRow, OccurrenceRow
from app.ui import queries, tables
from app.ui.actions import act
from app.ui.gate import Viewer, holds
from app.ui.tables import Column, Opening
from models.domain.access import Permission


def tally(counts: dict[str, int]) -> str:
    """`rows 120, files 3`."""
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def declared(viewer: Viewer, rows: Sequence[JobRow]) -> None:
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("job", say("column.job"), lambda r: r.name, width=150),
        Column("state", say("column.last_run"), lambda r: r.last.state.value if r.last else None, "state", 100),
        Column("about", say("column.about"), lambda r: r.about, width=330),
        Column("next", say("column.next"), lambda r: r.next_at, "moment"),
        Column("finished", say("column.finished"), lambda r: r.last.finished_at if r.last else None, "moment"),
        Column("seconds", say("column.took"), lambda r: r.last.seconds if r.last else None, "seconds"),
        Column("counts", say("column.did"), lambda r: tally(r.last.counts) if r.last else "", width=200),
        Column("every", say("column.every"), lambda r: fmt.duration(r.every)),
        Column("home", say("column.home"), lambda r: r.home.value),
    ]
    tables.show(
        viewer,
        rows,
        columns,
        key="jobs",
        alt=say("table.jobs"),
        empty="jobs.none",
        opening=Opening("jobs", lambda r: {"job": r.name}),
    )


def preview(viewer: Viewer, name: str) -> None:
    """What the next run would do, and the button that does it."""
    say, fmt = viewer.say, viewer.format
    seen = queries.attempt(jobs.preview, name=name)
    with st.container(border=True):
        if seen is not None:
            st.markdown(say("jobs.due", at=fmt.moment(seen.due_at), summary=seen.summary))
            if seen.planned:
                columns = [
                    Column("subject", say.text("column.subject"), lambda r: r.subject, width=280),
                    Column("action", say.text("column.what"), lambda r: r.action, width=380),
                ]
                tables.show(viewer, seen.planned, columns, key="planned", alt=say.text("table.planned"), height=240)
        if holds(viewer.actor, Permission.RUN_JOBS) and st.button(say("jobs.run_now"), icon=":material/play_arrow:", key="run_now"):
            asked = act(jobs.run_now, name=name)
            if asked is not None:
                st.success(say("jobs.asked", name=name), icon=":material/check_circle:")


def history(viewer: Viewer, rows: Sequence[OccurrenceRow]) -> None:
    say = viewer.say.text
    columns = [
        Column("due", say("column.due"), lambda r: r.due_at, "moment"),
        Column("job", say("column.job"), lambda r: r.name, width=190),
        Column("state", say("column.state"), lambda r: r.state.value, "state", 110),
        Column("seconds", say("column.took"), lambda r: r.seconds, "seconds"),
        Column("counts", say("column.did"), lambda r: tally(r.counts), width=220),
        Column("error", say("column.error"), lambda r: r.error, width=300),
        Column("attempts", say("column.attempts"), lambda r: r.attempts, "integer"),
        Column("by", say("column.by"), lambda r: r.requested_by or say("jobs.schedule")),
        Column("worker", say("column.worker"), lambda r: r.worker),
    ]
    tables.show(viewer, rows, columns, key="occurrences", alt=say("table.occurrences"), empty="jobs.no_history")
