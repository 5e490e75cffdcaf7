"""The checklist of a new live installation, on the Overview until everything of it is done."""

from __future__ import annotations

import streamlit as st

from app.services import first_steps
from app.ui import gate, layout, navigation, queries, runtime
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission

WHERE = {
    "cluster": "collection",
    "rights": "collection",
    "metrics": "collection",
    "owners": "mapping",
    "offers": "catalogue_admin",
}
"""By step: the page on which more is said, or where it is done."""


def show() -> None:
    """Nothing on the demo, and nothing once all steps are done."""
    if runtime.container().settings.live:
        _steps()


@gate.fragment(Permission.SEE_CLUSTER, follows_cluster=True)
def _steps(viewer: Viewer) -> None:
    steps = queries.attempt(first_steps.find)
    if steps is None or all(one.done for one in steps):
        return
    say = viewer.say
    with layout.card(say("first.title", n=sum(one.done for one in steps), of=len(steps)), key="first_steps", stretch=False):
        for one in steps:
            mark = ":green[:material/check_circle:]" if one.done else ":orange[:material/radio_button_unchecked:]"
            st.markdown(f"{mark} {say(f'first.{one.code}')}")
            if not one.done:
                st.caption(plain(one.reason) or say(f"first.{one.code}_how"))
                if navigation.BY_NAME[WHERE[one.code]].permission in (None, *viewer.actor.everywhere):
                    navigation.link(viewer, WHERE[one.code], say(f"first.{one.code}_where"), icon="arrow_forward")
