"""That an app is suspended, and why; staff suspend and resume it here."""

from __future__ import annotations

import streamlit as st

from app.services import suspension
from app.ui import gate, queries, state
from app.ui.actions import act
from app.ui.gate import Viewer
from models.domain.access import Permission


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=None)
def panel(viewer: Viewer, instance_id: str) -> None:
    """Nothing for its people while it is not suspended."""
    seen = queries.ask(suspension.of_app, instance_id=instance_id)
    if seen is None:
        return
    say = viewer.say
    if seen.reason:
        at = viewer.format.since(seen.since, viewer.now)
        st.warning(say("suspension.is", since=at, reason=seen.reason), icon=":material/pause_circle:")
    if not seen.may:
        return
    if seen.reason:
        if st.button(say("suspension.resume"), icon=":material/play_circle:", key="resume_app"):
            _asked(viewer, act(suspension.resume, instance_id=instance_id) is not None)
        return
    with st.popover(say("suspension.suspend"), icon=":material/pause_circle:"):
        st.markdown(say("suspension.what", name=seen.name))
        with st.form("suspend_app", border=False):
            reason = st.text_input(say("suspension.why"), max_chars=suspension.LONGEST)
            asked = st.form_submit_button(say("suspension.do"))
        if asked:
            _asked(viewer, act(suspension.suspend, instance_id=instance_id, reason=reason) is not None)


def _asked(viewer: Viewer, good: bool) -> None:
    if good:
        state.notice(viewer.say.text("care.asked"))
        st.rerun()
