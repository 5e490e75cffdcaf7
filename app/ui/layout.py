"""The same arrangement everywhere: a sentence on top, how old it is, then panels; an empty place says the next step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import streamlit as st

from app.news import fresh_for
from app.ui import navigation
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from app.ui.runtime import container

__all__ = ["age", "back", "card", "empty", "facts", "header", "plain", "source"]


def header(sentence: Plain, *, note: str = "") -> Any:
    """The headline as a sentence about the state, and beside it the place for filters, which is returned."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(gap="xxsmall", width="content"):
            st.title(sentence, anchor=False)
            if note:
                st.markdown(f":small[{note}]")
        return st.container(horizontal=True, width="content", vertical_alignment="bottom", gap="small")


def age(viewer: Viewer, as_of: datetime | None, *, stale_since: datetime | None = None, measured_at: datetime | None = None) -> str:
    """How old what is shown is, as Markdown: live, late, or out of reach since when."""
    say, fmt = viewer.say, viewer.format
    if stale_since is not None:
        return f":orange-badge[:material/cloud_off: {say('age.stale', at=fmt.since(stale_since, viewer.now))}]"
    newest = measured_at or as_of
    if newest is None:
        return f":gray-badge[:material/help: {say('age.never')}]"
    old = viewer.now - newest
    if old > fresh_for(container().settings.tick):
        return f":orange-badge[:material/schedule: {say('age.late', span=fmt.duration(old), at=fmt.since(newest, viewer.now))}]"
    return f":gray[{say('age.live', at=f'{fmt.clock(newest, seconds=True)} {fmt.zone_name(newest)}')}]"


def away(viewer: Viewer, since: datetime | None, key: str = "away.part") -> None:
    """The one sentence in the place of what needs the warehouse, while that is away."""
    if since is not None:
        st.info(viewer.say(key, at=viewer.format.since(since, viewer.now)), icon=":material/cloud_off:")


@contextmanager
def card(title: str = "", *, note: str = "", key: str | None = None, stretch: bool = True) -> Iterator[None]:
    """A bordered panel with its heading."""
    with st.container(border=True, height="stretch" if stretch else "content", key=key):
        if title:
            st.subheader(title, anchor=False)
        if note:
            st.markdown(f":small[:gray[{note}]]")
        yield


def empty(viewer: Viewer, key: str, *, icon: str = "inbox") -> None:
    """Nothing is here, and the one next step."""
    st.info(viewer.say(key), icon=f":material/{icon}:")


def back(viewer: Viewer, name: str, /, **parameters: str) -> None:
    """The way up from a detail page."""
    navigation.link(viewer, name, viewer.say("nav.back", page=viewer.say.text(f"page.{name}")), icon="arrow_back", **parameters)


def facts(pairs: list[tuple[str, str]]) -> None:
    """Small facts in one wrapping row: label and value, both already Markdown."""
    with st.container(horizontal=True, gap="small"):
        for label, value in pairs:
            st.markdown(f":small[:gray[{label}]]  \n{value}", width="content")


def source(viewer: Viewer, text: str, formula: str = "") -> None:
    """Where a panel's numbers come from, one click away."""
    with st.popover(viewer.say("layout.source"), icon=":material/info:", type="tertiary"):
        st.markdown(viewer.say("layout.source_is", source=text))
        if formula:
            st.markdown(viewer.say("layout.formula_is", formula=formula))
