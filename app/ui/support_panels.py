"""Support: the banner of who is in it, the form that begins it, and the list that the customer reads."""

from __future__ import annotations

import streamlit as st

from app.services import support
from app.ui import gate, layout, queries, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.tables import Column
from models.domain.access import Permission

MINUTES = (15, 30, 60, 120, 240)


def banner(viewer: Viewer) -> None:
    """On every page while it lasts, with the way out; panels of the page compare theirs with what is noted here."""
    st.session_state[gate.STAY] = gate.stay_of(viewer)
    stay = viewer.signed.support
    if stay is None:
        return
    say = viewer.say
    words = "support.banner_acts" if stay.acts else "support.banner"
    st.warning(
        say(words, name=stay.organization, until=viewer.format.clock(stay.until), reason=stay.reason),
        icon=":material/support_agent:",
    )
    wanted = st.button(say("support.leave"), key="support_leave", icon=":material/logout:")
    if wanted and act(support.end, stay_id=stay.stay_id) is not None:
        gate.redirect()  # other rights, other pages: the browser begins anew


def begin(viewer: Viewer, organization_id: str, name: str) -> None:
    """For staff with the right: a reason, a time, and whether to act."""
    if not viewer.actor.may(Permission.LOOK_AS_SUPPORT):
        return
    say = viewer.say
    with st.popover(say("support.begin"), icon=":material/support_agent:"):
        st.markdown(say("support.begin_what", name=name))
        with st.form("support", border=False):
            reason = st.text_input(say("support.reason"), max_chars=support.MOST_REASON)
            minutes = st.selectbox(say("support.minutes"), MINUTES, index=1)
            acts = viewer.actor.may(Permission.ACT_AS_SUPPORT) and st.checkbox(say("support.act"))
            asked = st.form_submit_button(say("support.do"), type="primary")
        if asked:
            made = act(support.begin, organization_id=organization_id, reason=reason, minutes=int(minutes), acts=bool(acts))
            if made is not None:
                gate.redirect()


def listed(viewer: Viewer, organization_id: str) -> None:
    """Who looked, when and why; an owner may end what goes on."""
    say = viewer.say
    rows = queries.ask(support.of_organization, organization_id=organization_id)
    with layout.card(say("support.title"), note=say("support.note"), key="support_card", stretch=False):
        for one in rows:
            if one.ended_at is not None:
                continue
            st.warning(say("support.on", name=one.by, reason=one.reason), icon=":material/support_agent:")
            mine = viewer.actor.may(Permission.MANAGE_OWN_ORGANIZATION, organization_id)
            if (
                mine
                and st.button(say("support.stop"), key=f"support_stop_{one.id}")
                and act(support.end, stay_id=one.id) is not None
            ):
                st.rerun()
        text = say.text
        columns = [
            Column("by", text("support.by"), lambda r: r.by, width=150),
            Column("reason", text("support.reason"), lambda r: r.reason, width=320),
            Column("may", text("support.may"), lambda r: text("support.acts" if r.acts else "support.looks"), width=170),
            Column("began", text("support.began"), lambda r: r.began_at, "moment"),
            Column("ended", text("support.ended"), lambda r: r.ended_at or r.until, "moment"),
        ]
        tables.show(viewer, rows, columns, key="support_rows", alt=text("support.title"), empty="support.none")
