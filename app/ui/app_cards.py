"""An app as its owner sees it: state in words, use against limits, the way to open and to watch it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from app.services.apps import AppCard
from app.services.availability import Availability
from app.ui import navigation, tables
from app.ui.format import NOTHING, STATES
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from app.ui.tables import Column
from models.domain.health import Condition


def words(viewer: Viewer, condition: Condition) -> Plain:
    """The state in the reader's words, by state and reason."""
    by_reason = f"app.{condition.state.value}.{condition.reason}"
    return viewer.say(by_reason if viewer.say.has(by_reason) else f"app.{condition.state.value}")


def since(viewer: Viewer, condition: Condition) -> str:
    """For how long; empty when nobody knows."""
    if condition.since is None:
        return ""
    return f" · {viewer.format.duration(viewer.now - condition.since)}"


def chip(viewer: Viewer, condition: Condition) -> str:
    colour, icon = STATES.get(condition.state.value, STATES["unknown"])
    return f":{colour}-badge[{icon} {words(viewer, condition)}]"


def standing(viewer: Viewer, card: AppCard) -> None:
    """How it is, for how long, and its address to open."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(chip(viewer, card.condition) + since(viewer, card.condition), width="content")
        if card.address:
            st.link_button(plain(card.address), address(card.address), icon=":material/open_in_new:", type="tertiary")


def meter(viewer: Viewer, label: str, used: float | None, limit: float | None, shown: str, of: str) -> None:
    """A bar of use against its limit; a sentence where one of them is not known."""
    if used is None:
        st.caption(f"{label}: {viewer.say('app.not_measured')}")
    elif not limit:
        st.caption(f"{label}: {viewer.say('app.without_limit', used=shown)}")
    else:
        st.progress(min(used / limit, 1.0), text=f":small[{label} {viewer.say('app.of', used=shown, limit=of)}]")


def card(viewer: Viewer, one: AppCard) -> None:
    """One app on Home."""
    say, fmt = viewer.say, viewer.format
    with st.container(border=True, key=f"app_{one.instance_id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(plain(one.name), anchor=False, width="content")
            st.markdown(f"{chip(viewer, one.condition)}:small[:gray[{since(viewer, one.condition)}]]", width="content")
        meter(viewer, say("app.memory"), one.memory_used, one.memory_limit, fmt.bytes(one.memory_used), fmt.bytes(one.memory_limit))
        facts = [say("app.copies", n=one.copies_ready, all=one.copies)] if one.copies else []
        if one.restarts_today:
            facts.append(say("app.restarts", n=one.restarts_today))
        if one.trial_until is not None:
            facts.append(say("app.trial", at=fmt.day(one.trial_until)))
        if facts:
            st.caption(" · ".join(facts))
        with st.container(horizontal=True, vertical_alignment="center"):
            if one.address:
                st.link_button(say("app.open"), address(one.address), icon=":material/open_in_new:")
            navigation.link(viewer, "app", say("app.watch"), icon="monitoring", id=one.instance_id)


def address(name: str) -> str:
    """Where the app answers."""
    return name if "://" in name else f"https://{name}"


def table(viewer: Viewer, rows: Sequence[AppCard]) -> None:
    """The same apps as a table, for staff."""
    say = viewer.say.text
    columns = [
        Column("app", say("column.app"), lambda r: r.name, width=150),
        Column("state", say("column.state"), lambda r: r.condition.state.value, "state", 130),
        Column("template", say("column.template"), lambda r: r.template),
        Column("memory", say("column.memory_used"), lambda r: r.memory_used, "mebibytes"),
        Column("limit", say("column.memory_limit"), lambda r: r.memory_limit, "mebibytes"),
        Column("cpu", say("column.cpu_used"), lambda r: r.cpu_used, "cores"),
        Column("restarts", say("column.restarts"), lambda r: r.restarts_today, "integer"),
        Column("trial", say("column.trial_until"), lambda r: r.trial_until, "day"),
        Column("address", say("fact.address"), lambda r: r.address.removeprefix("https://"), width=260),
    ]
    tables.show(viewer, rows, columns, key="apps", alt=say("table.apps"), empty="home.empty")


def reached(viewer: Viewer, seen: Availability) -> None:
    """Availability of the last 30 days: a share only where something was probed."""
    say, fmt = viewer.say, viewer.format
    known, share = seen.up + seen.down, seen.share.value
    st.metric(
        say.text("app.availability"), fmt.percent(share, 2) if share is not None else NOTHING,
        delta=say.text(f"app.answer.{seen.last_outcome}") if seen.last_at else say.text("app.never_probed"),
        delta_color=cast(Any, {"up": "green", "down": "red"}.get(seen.last_outcome, "off")),
        delta_arrow="off",
        delta_description=say.text("app.unknown_time", span=fmt.duration(seen.unknown * 60)) if known and seen.unknown else None,
        border=True, height="stretch", help=say("app.availability_help"),
    )  # fmt: skip
