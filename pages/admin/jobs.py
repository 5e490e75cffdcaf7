"""Jobs: what ran, what failed, what is due next and on what, and a way to run it now."""

import streamlit as st

from app.services import jobs
from app.ui import gate, job_panels, layout, queries, state
from app.ui.gate import Viewer
from models.domain.access import Permission
from models.domain.jobs import OccurrenceState


@gate.fragment(Permission.SEE_JOBS)
def live(viewer: Viewer) -> None:
    say = viewer.say
    seen = queries.ask(jobs.list_)
    failed = [j for j in seen.jobs if j.last is not None and j.last.state == OccurrenceState.FAILED]
    soon = min(seen.jobs, key=lambda j: j.next_at, default=None)
    layout.header(
        say("jobs.failed", n=len(failed)) if failed else say("jobs.well"),
        note=say("jobs.next", name=soon.name, at=viewer.format.since(soon.next_at, viewer.now)) if soon else "",
    )
    job_panels.declared(viewer, seen.jobs)


@gate.fragment(Permission.SEE_JOBS, every=None)
def one(viewer: Viewer) -> None:
    say = viewer.say
    names = [j.name for j in queries.ask(jobs.list_).jobs]
    st.subheader(say("jobs.one"), anchor=False)
    if not names:
        layout.empty(viewer, "jobs.none")
        return
    name = state.select(say.text("column.job"), names, key="job", words=str)
    job_panels.preview(viewer, name)
    st.subheader(say("jobs.history"), anchor=False)
    wanted = state.select(
        say.text("column.state"), ["", *OccurrenceState], key="state", words=lambda s: say.text(f"state.{s}" if s else "all.states")
    )
    every = state.choice(say("jobs.whose"), ("this", "all"), key="whose", words=lambda k: say.text(f"jobs.{k}"))
    job_panels.history(viewer, queries.ask(jobs.history, name=name if every == "this" else "", state=wanted, limit=200))


gate.require(Permission.SEE_JOBS)
live()
one()
