"""A node in service or not: cordon, uncordon, drain with its progress pod by pod, and what is missing for it."""

from __future__ import annotations

import streamlit as st

from app.context import Context
from app.provisioning import node_hands
from app.services import nodes
from app.services.nodes import DrainView
from app.ui import gate, layout, queries, runtime, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column
from models.domain.access import Permission
from models.domain.draining import DrainState, Step

SECONDS = 3.0
"""Between two looks at a drain."""
_LOOKS = {
    DrainState.RUNNING: (st.info, ":material/hourglass_top:"),
    DrainState.DONE: (st.success, ":material/check_circle:"),
    DrainState.STOPPED: (st.warning, ":material/stop_circle:"),
    DrainState.FAILED: (st.error, ":material/error:"),
}


@gate.fragment(Permission.SEE_CLUSTER, every=SECONDS)
def service(viewer: Viewer, name: str) -> None:
    """State, buttons and the newest drain."""
    say = viewer.say
    seen = queries.attempt(nodes.in_service, name=name)
    if seen is None:
        return
    drain = seen.drain
    with layout.card(say("service.title"), key="service", stretch=False):
        st.markdown(say("service.cordoned" if seen.cordoned else "service.takes"))
        if drain is not None:
            _drain(viewer, drain)
        if viewer.actor.may(Permission.MANAGE_NODES):
            missing = queries.seldom(_lacking)
            if missing:
                st.info(plain(missing), icon=":material/key:")
            elif missing is not None:
                _buttons(viewer, name, cordoned=seen.cordoned, drain=drain)
        if drain is not None and (drain.pods or drain.state is DrainState.RUNNING):
            _pods(viewer, drain)


def _lacking(ctx: Context) -> str:
    return nodes.lacking(ctx, nodes=node_hands(runtime.container()))


def _drain(viewer: Viewer, drain: DrainView) -> None:
    say, counts = viewer.say, drain.counts
    moving = sum(n for step, n in counts.items() if step not in (Step.STAYS, Step.UNOWNED))
    show, icon = _LOOKS[drain.state]
    since = viewer.format.since(drain.finished_at or drain.created_at, viewer.now)
    gone = counts.get(Step.GONE, 0)
    show(say(f"service.{drain.state.value}", None, since=since, by=drain.by, gone=gone, moving=moving, why=drain.why), icon=icon)
    if drain.state is DrainState.RUNNING:
        st.progress(gone / moving if moving else 0.0)
        if drain.why:
            st.warning(plain(drain.why), icon=":material/warning:")
    if left := counts.get(Step.UNOWNED):
        st.warning(say("service.unowned", n=left), icon=":material/warning:")


def _buttons(viewer: Viewer, name: str, *, cordoned: bool, drain: DrainView | None) -> None:
    say, hands = viewer.say, node_hands(runtime.container())
    with st.container(horizontal=True, width="content"):
        if drain is not None and drain.state is DrainState.RUNNING:
            if st.button(say("service.stop"), key="drain_stop", icon=":material/stop_circle:"):
                _told(viewer, act(nodes.stop, name=name) is not None)
            return
        if cordoned:
            if st.button(say("service.uncordon"), key="uncordon"):
                _told(viewer, done(nodes.uncordon, name=name, nodes=hands))
        elif st.button(say("service.cordon"), key="cordon"):
            _told(viewer, done(nodes.cordon, name=name, nodes=hands))
        with st.popover(say("service.drain")):
            st.markdown(say("service.drain_what", name=name))
            with st.form("drain", border=False):
                typed = st.text_input(say("service.type", name=name), max_chars=253)
                asked = st.form_submit_button(say("service.drain_do"))
            if asked:
                _told(viewer, act(nodes.drain, name=name, typed_name=typed, nodes=hands) is not None)


def _pods(viewer: Viewer, drain: DrainView) -> None:
    say = viewer.say.text
    columns = [
        Column("app", say("column.app"), lambda r: r.app or r.namespace, width=160),
        Column("organization", say("column.organization"), lambda r: r.organization, width=150),
        Column("pod", say("column.pod"), lambda r: r.pod, width=230),
        Column("step", say("service.step"), lambda r: say(f"service.step.{r.step.value}"), width=210),
        Column("since", say("column.since"), lambda r: r.since, "moment"),
        Column("why", say("column.reason"), lambda r: r.why, width=420),
        Column("next", say("column.next_try"), lambda r: r.again_at, "moment"),
    ]
    tables.show(viewer, drain.pods, columns, key="drain_pods", alt=say("service.pods"), empty="service.empty")


def _told(viewer: Viewer, good: bool) -> None:
    if good:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
