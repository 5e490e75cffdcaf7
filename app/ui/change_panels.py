"""Panels of Provisioning: the list of changes, and one of them as steps with what a person can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from app.services import changesets
from app.services.changesets import ChangeSetView, StepView
from app.services.drift import DriftView
from app.ui import layout, navigation, state, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from app.ui.tables import Column, Opening
from models.domain.access import Permission
from models.domain.changesets import ChangeState, Purpose

UNDER_WAY = (ChangeState.BLOCKED, ChangeState.WAITING)
"""In this order they come first."""
OVER = (ChangeState.DONE, ChangeState.CANCELLED)
PHASES = ("walls", "storage", "inside", "app", "setup", "entrance", "address")
PHASE = "phase"
_LOOKS = {
    "blocked": ("red", ":material/error:"),
    "working": ("blue", ":material/hourglass_top:"),
    "queued": ("blue", ":material/hourglass_empty:"),
    "held": ("orange", ":material/pending:"),
    "done": ("green", ":material/check_circle:"),
}


def code(row: ChangeSetView) -> str:
    """What a reader calls its state: one that waits for its next pass is running."""
    if row.state is ChangeState.WAITING:
        return "working" if row.started_at is not None else "queued"
    return row.state.value


def since(row: ChangeSetView) -> datetime:
    """Since when it is in that state."""
    if row.state in (ChangeState.BLOCKED, *OVER):
        return row.finished_at or row.created_at
    return row.started_at or row.created_at


def chip(viewer: Viewer, row: ChangeSetView) -> str:
    colour, icon = _LOOKS.get(code(row), ("gray", ":material/block:"))
    return f":{colour}-badge[{icon} {viewer.say(f'state.{code(row)}')} · {viewer.format.since(since(row), viewer.now)}]"


def ordered(open_ones: Sequence[ChangeSetView], over: Sequence[ChangeSetView]) -> list[ChangeSetView]:
    """What stopped, what runs, then what is over by when it ended, the newest first."""
    first = sorted(open_ones, key=lambda row: UNDER_WAY.index(row.state))
    return first + sorted(over, key=since, reverse=True)


def phase(viewer: Viewer, name: str) -> str:
    """A phase in words; one of a version that is not known as it is."""
    return viewer.say.text(f"phase.{name}") if viewer.say.has(f"phase.{name}") else name


def listed(viewer: Viewer, rows: Sequence[ChangeSetView], *, key: str = "changes") -> None:
    say = viewer.say.text
    columns = [
        Column("app", say("column.app"), lambda r: r.app, width=140),
        Column("state", say("column.state"), code, "state", 130),
        Column("organization", say("column.organization"), lambda r: r.organization, width=150),
        Column("since", say("column.since"), since, "moment"),
        Column("purpose", say("column.purpose"), lambda r: say(f"purpose.{r.purpose.value}"), width=120),
        Column("phase", say("column.phase"), lambda r: phase(viewer, r.phase) if r.phase else "", width=150),
        Column("reason", say("column.reason"), lambda r: r.reason, width=340),
        Column("attempts", say("column.attempts"), lambda r: r.attempts or None, "integer"),
        Column("next", say("column.next_try"), lambda r: r.again_at if r.state is ChangeState.WAITING else None, "moment"),
        Column("template", say("column.template"), lambda r: r.template),
        Column("namespace", say("column.namespace"), lambda r: r.namespace, width=220),
    ]
    tables.show(
        viewer, rows, columns, key=key, alt=say("table.change_sets"), empty="provisioning.none",
        opening=Opening("provisioning", lambda r: {"change": r.id}) if viewer.actor.may(Permission.SEE_CLUSTER) else None,
    )  # fmt: skip


def drifted(viewer: Viewer, rows: Sequence[DriftView]) -> None:
    """What others changed in the cluster on apps that Moorage runs; nothing at all while nobody did."""
    if not rows:
        return
    say = viewer.say.text
    columns = [
        Column("at", say("column.at"), lambda r: r.at, "moment"),
        Column("app", say("column.app"), lambda r: r.app, width=150),
        Column("namespace", say("column.namespace"), lambda r: r.namespace, width=220),
        Column("by", say("column.by"), lambda r: r.by, width=150),
        Column("put_back", say("column.put_back"), lambda r: r.put_back, "flag"),
        Column("what", say("column.would_do"), lambda r: " ".join(r.what), width=420),
    ]
    with layout.card(viewer.say("drift.title"), note=viewer.say("drift.note"), key="drift", stretch=False):
        tables.show(viewer, rows, columns, key="drift_table", alt=say("table.drift"))


def one(viewer: Viewer, row: ChangeSetView, steps: Sequence[StepView]) -> None:
    """One change: its state, what is waited for, what a person can do, and every step."""
    say, fmt = viewer.say, viewer.format
    words = say.text(f"state.{code(row)}").lower()
    layout.header(
        say("change.headline", app=row.app, purpose=say.text(f"purpose.{row.purpose.value}"), state=words),
        note=f"{say('change.of', template=row.template, organization=row.organization)} · "
        f"{say('change.asked', by=row.created_by, at=fmt.moment(row.created_at))}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(chip(viewer, row), width="content")
        navigation.link(viewer, "organization", say("change.customer"), icon="apartment", id=row.organization_id)
        st.markdown(f":small[:gray[{plain(row.namespace)}]]", width="content")
    _said(viewer, row)
    _buttons(viewer, row)
    left, right = st.columns([2, 3])
    with left, layout.card(say("change.steps"), note=_total(viewer, row), key="phases", stretch=False):
        _phases(viewer, row, [step for step in steps if step.verb == PHASE])
    with right, layout.card(say("change.objects"), key="objects", stretch=False):
        done = [step for step in steps if step.verb != PHASE]
        if not done:
            st.markdown(f":gray[{say('change.no_objects')}]")
        for step in done:
            st.markdown(f":small[:gray[{fmt.clock(step.at, seconds=True)}]] {plain(step.sentence)}")


def _said(viewer: Viewer, row: ChangeSetView) -> None:
    say, fmt = viewer.say, viewer.format
    if row.state is ChangeState.BLOCKED:
        st.error(say("change.stopped", reason=row.reason), icon=":material/error:")
    elif row.state is ChangeState.WAITING and row.reason:
        told = say("change.waits", reason=row.reason)
        tries = say("change.next", n=row.attempts, at=fmt.clock(row.again_at, seconds=True)) if row.attempts else ""
        st.info(f"{told} {tries}", icon=":material/hourglass_top:")
    elif row.reason:
        st.info(plain(row.reason), icon=":material/info:")
    if row.needs_agreement:
        with st.container(border=True, key="objections"):
            st.markdown(say("change.danger"))
            st.markdown(
                "\n".join(f"- :red[{say(f'danger.{danger}', kind=kind, name=name)}]" for danger, kind, name in row.objections)
            )


def _buttons(viewer: Viewer, row: ChangeSetView) -> None:
    say, actor = viewer.say, viewer.actor
    tries = row.state in UNDER_WAY and actor.may(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    agrees = row.needs_agreement and actor.may(Permission.MANAGE_ORGANIZATIONS)
    with st.container(horizontal=True):
        again = tries and st.button(say("change.retry"), icon=":material/replay:", key="change_retry")
        yes = agrees and st.button(say("change.agree"), icon=":material/gavel:", key="change_agree")
    if again and act(changesets.retry, change_set_id=row.id) is not None:
        state.notice(say.text("change.retried"))
        st.rerun()
    if yes and act(changesets.agree, change_set_id=row.id) is not None:
        state.notice(say.text("change.agreed"))
        st.rerun()


def _total(viewer: Viewer, row: ChangeSetView) -> str:
    if row.started_at is None:
        return viewer.say("change.not_begun")
    over = row.state in OVER and row.finished_at is not None
    end = row.finished_at if over and row.finished_at else viewer.now
    return viewer.say("change.total", span=viewer.format.duration(end - row.started_at))


def _phases(viewer: Viewer, row: ChangeSetView, reached: Sequence[StepView]) -> None:
    """Phases that stand with how long each took; the one that goes on; those that are ahead."""
    fmt, begun = viewer.format, row.started_at
    for step in reached:
        took = fmt.duration(step.at - begun) if begun is not None else ""
        _phase(phase(viewer, step.name), ":green[:material/check_circle:]", took)
        begun = step.at
    if row.state in OVER:
        return
    behind = {step.name for step in reached}
    ahead = ["remove"] if row.purpose is Purpose.REMOVE else [name for name in PHASES if name not in behind]
    for place, name in enumerate(ahead):
        now = place == 0 and row.started_at is not None
        stopped = now and row.state is ChangeState.BLOCKED
        icon = ":red[:material/error:]" if stopped else ":blue[:material/hourglass_top:]" if now else ":gray[:material/circle:]"
        span = viewer.now - begun if now and not stopped and begun is not None else None
        _phase(phase(viewer, name), icon, viewer.say("change.goes_on", span=fmt.duration(span)) if span is not None else "")


def _phase(words: str, icon: str, took: str) -> None:
    st.markdown(Plain(f"{icon} {plain(words)}" + (f" :small[:gray[{took}]]" if took else "")))
