"""Panels of an app's page: figures, what happened, its parts."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.answers import Answered
from app.services.apps import AppDetail, AppEvent, Part
from app.ui import app_cards, charts, curves
from app.ui.format import NOTHING
from app.ui.gate import Viewer
from app.ui.messages import plain

_TONES = {"out_of_memory": "red", "crashing": "red", "image": "red", "disk": "red", "configuration": "red", "no_room": "orange",
          "no_answer": "orange", "restarted": "orange"}  # fmt: skip


def figures(viewer: Viewer, seen: AppDetail) -> None:
    """Use against limits, restarts of a day, availability of 30 days."""
    say, fmt, card = viewer.say, viewer.format, seen.card
    with st.grid(4, min_column_width=160):
        for name, used, limit, shown in (
            ("memory", card.memory_used, card.memory_limit, fmt.bytes),
            ("cpu", card.cpu_used, card.cpu_limit, fmt.cores),
        ):
            share = fmt.percent(used / limit) if used is not None and limit else NOTHING
            st.metric(
                say.text(f"app.{name}"), share,
                delta=say.text("app.not_measured") if used is None else say.text("app.of", used=shown(used), limit=shown(limit)),
                delta_color="off", delta_arrow="off", border=True, height="stretch",
            )  # fmt: skip
        st.metric(
            say.text("app.restarts_today"), fmt.number(card.restarts_today),
            delta=say.text("app.copies", n=card.copies_ready, all=card.copies) if card.copies else say.text("app.no_copies"),
            delta_color="off", delta_arrow="off", border=True, height="stretch",
        )  # fmt: skip
        app_cards.reached(viewer, seen.availability)


def answers(viewer: Viewer, seen: Answered) -> None:
    """Requests, errors, and the time that answers took, over the chosen time."""
    say, fmt = viewer.say, viewer.format
    if seen.requests is None:
        st.info(say("app.answers_unknown"), icon=":material/inbox:")
        return
    p95, shown, where = seen.p95, NOTHING, say.text("app.not_timed" if seen.requests else "app.no_requests")
    if p95 is not None:
        high = fmt.latency(p95.upto) if not p95.beyond else ""
        shown = say.text("app.p95_beyond", span=fmt.latency(p95.seconds)) if p95.beyond else fmt.latency(p95.seconds)
        where = "" if p95.beyond else say.text("app.p95_between", low=fmt.latency(p95.above), high=high)
    with st.grid(3, min_column_width=150):
        st.metric(say.text("app.requests"), fmt.number(seen.requests), border=True, height="stretch")
        st.metric(
            say.text("app.error_share"), fmt.percent(seen.error_share, 2), help=say("app.error_share_help"),
            delta=say.text("app.of", used=fmt.number(seen.errors), limit=fmt.number(seen.requests)) if seen.errors is not None else None,
            delta_color="off", delta_arrow="off", border=True, height="stretch",
        )  # fmt: skip
        st.metric(
            say.text("app.p95"), shown, delta=where or None, delta_color="off", delta_arrow="off", help=say("app.p95_help"),
            border=True, height="stretch",
        )  # fmt: skip
    left, right = st.columns(2) if p95 is not None else (st.container(), None)
    with left:
        charts.lines(fmt, seen.series, curves.requests(say), key="requests_chart", alt=say.text("app.requests"), unit="1/s")
    if right is not None:  # axes without a time would only ask what they are for
        with right:
            charts.lines(fmt, seen.series, curves.answer_time(say), key="time_chart", alt=say.text("app.answer_time"), unit="s")


def events(viewer: Viewer, rows: Sequence[AppEvent]) -> None:
    """Newest first, in words; what the cluster said exactly is one click away."""
    if not rows:
        st.success(viewer.say("app.nothing_happened"), icon=":material/check_circle:")
        return
    for row in rows[:8]:
        _event(viewer, row)
    if len(rows) > 8:
        with st.expander(viewer.say("app.more", n=len(rows) - 8)):
            for row in rows[8:]:
                _event(viewer, row)
    with st.expander(viewer.say("app.exact")):
        for row in rows:
            st.markdown(f":small[{viewer.format.moment(row.at)} · {plain(row.exact)}]")


def _event(viewer: Viewer, row: AppEvent) -> None:
    say, colour = viewer.say, _TONES.get(row.code, "gray")
    text = say(f"happened.{row.code}") if say.has(f"happened.{row.code}") else plain(row.words)
    st.markdown(f":{colour}[:material/circle:] **{viewer.format.since(row.at, viewer.now)}** {text}")


def parts(viewer: Viewer, rows: Sequence[Part]) -> None:
    """Each running piece with its state and memory."""
    say, fmt = viewer.say, viewer.format
    if not rows:
        st.info(say("app.no_parts"), icon=":material/inbox:")
    for row in rows:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{plain(row.name)}** {app_cards.chip(viewer, row.condition)}", width="content")
            use = say("app.of", used=fmt.bytes(row.memory_used), limit=fmt.bytes(row.memory_limit))
            st.markdown(f":small[{use} · {say('app.restarts', n=row.restarts)}]", width="content")
