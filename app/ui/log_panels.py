"""The log of an app: which container, followed or not, searched, the run before, as a file."""

from __future__ import annotations

import streamlit as st

from app.services import app_logs
from app.services.app_logs import Log, Source
from app.ui import failures, gate, queries, runtime
from app.ui.actions import tried
from app.ui.gate import Viewer
from models.domain.access import Permission
from models.domain.errors import NotPermitted

SECONDS = 4.0
"""Between two looks at a log that is followed."""
SHOWN = 300
WHOLE = app_logs.MOST_LINES
HEIGHT = 420


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=None)
def panel(viewer: Viewer, instance_id: str) -> None:
    """Nothing is read before somebody opens it, and nothing shown to whoever may only look."""
    _, refused = tried(app_logs.sources, instance_id=instance_id)
    if isinstance(refused, NotPermitted):
        return
    say = viewer.say
    with st.container(border=True, key="log_card"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(say("log.title"), anchor=False)
            opened = st.toggle(say("log.open"), key=f"log_open_{instance_id}")
        if opened:
            followed(instance_id)
        else:
            st.caption(say("log.note"))


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def followed(viewer: Viewer, instance_id: str) -> None:
    """The log itself, read again while it is followed."""
    found = queries.attempt(app_logs.sources, instance_id=instance_id)
    if found:
        _opened(viewer, instance_id, found)
    elif found is not None:
        st.info(viewer.say("log.nothing_runs"), icon=":material/inbox:")


def _opened(viewer: Viewer, instance_id: str, found: tuple[Source, ...]) -> None:
    say = viewer.say
    by_id = {one.id: one for one in found}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = by_id[st.selectbox(say("log.of"), list(by_id), format_func=lambda id: _name(by_id[id], found), key="log_source")]
        words = st.text_input(say("log.search"), key="log_search", max_chars=80, icon=":material/search:")
    with st.container(horizontal=True):
        follow = st.toggle(say("log.follow"), value=True, key="log_follow")
        before = st.toggle(say("log.previous"), key="log_previous", disabled=not chosen.before) and chosen.before
    kept: dict[str, Log] = st.session_state.setdefault("log_kept", {})
    name = f"{chosen.id}|{before}|{words}"
    if follow or name not in kept:
        seen, refused = tried(
            app_logs.read,
            instance_id=instance_id,
            logs=runtime.container().logs,
            seal=runtime.container().seal,
            source=chosen.id,
            previous=before,
            lines=WHOLE,
            search=words,
        )
        if refused is not None:
            st.info(failures.words(viewer, refused), icon=":material/inbox:")
            return
        if seen is not None:
            kept.clear()
            kept[name] = seen
    _shown(viewer, kept[name])


def _shown(viewer: Viewer, log: Log) -> None:
    say = viewer.say
    if not log.lines:
        st.info(say("log.empty"), icon=":material/inbox:")
        return
    fmt = viewer.format
    text = [f"{one.at.astimezone(fmt.zone):%Y-%m-%d %H:%M:%S} {one.text}" for one in log.lines]
    st.code("\n".join(text[-SHOWN:]), language=None, wrap_lines=True, height=HEIGHT)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(say("log.count", n=min(len(text), SHOWN), all=len(text), zone=fmt.zone_name(viewer.now)))
        st.download_button(
            say("log.download"),
            "\n".join(text) + "\n",
            file_name=f"{log.source.pod}.log",
            mime="text/plain",
            icon=":material/download:",
        )


def _name(one: Source, every: tuple[Source, ...]) -> str:
    """The part as people call it, with the pod where there are several of it."""
    several = sum(other.part == one.part for other in every) > 1
    return f"{one.part} · {one.pod}" if several else one.part
