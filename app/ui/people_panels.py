"""Tables and forms about people: members of an organization, staff, invitations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.services import invitations
from app.services.invitations import InvitationView
from app.services.members import MemberView
from app.services.staff import StaffView
from app.ui import state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.tables import Column


def _columns(viewer: Viewer, since: Callable[[Any], Any]) -> list[Column]:
    say = viewer.say.text
    return [
        Column("name", say("column.name"), lambda r: r.name, width=170),
        Column("role", say("column.role"), lambda r: say(f"role.{r.role}"), width=110),
        Column("email", say("column.email"), lambda r: r.email, width=220),
        Column("second_factor", say("column.second_factor"), lambda r: r.second_factor, "flag"),
        Column("since", say("column.since"), since, "day"),
        Column("disabled", say("column.disabled"), lambda r: r.disabled, "flag"),
    ]


def members(viewer: Viewer, rows: Sequence[MemberView]) -> None:
    seen = Column("last_seen", viewer.say.text("column.last_seen"), lambda r: r.last_seen, "moment")
    columns = [*_columns(viewer, lambda r: r.joined_at), seen]
    tables.show(viewer, rows, columns, key="members", alt=viewer.say.text("table.members"), empty="members.empty")


def staff(viewer: Viewer, rows: Sequence[StaffView]) -> None:
    columns = _columns(viewer, lambda r: r.since)
    tables.show(viewer, rows, columns, key="staff", alt=viewer.say.text("table.staff"))


def invite(viewer: Viewer, service: Callable[..., Any], roles: Sequence[str], **fixed: Any) -> None:
    """Send somebody a link."""
    say = viewer.say
    with st.form("invite", clear_on_submit=True), st.container(horizontal=True, vertical_alignment="bottom"):
        email = st.text_input(say("column.email"), max_chars=254)
        role = st.selectbox(say("column.role"), list(roles), index=len(roles) - 1, format_func=lambda r: say.text(f"role.{r}"))
        if st.form_submit_button(say("members.invite"), icon=":material/send:", type="primary"):
            sent = act(service, email=email, role=role, **fixed)
            if sent is not None:
                state.notice(say.text("members.invited", email=sent.email))
                st.rerun()


def waiting(viewer: Viewer, rows: Sequence[InvitationView], *, manages: bool) -> None:
    """Invitations that nobody took yet, each with the way to take it back."""
    say, fmt = viewer.say, viewer.format
    for row in rows:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(say("members.waiting", email=row.email, role=say.text(f"role.{row.role}"), at=fmt.moment(row.created_at)))
            if manages and st.button(say("members.take_back"), key=f"take_back_{row.id}"):
                _did(viewer, invitations.revoke, invitation_id=row.id)


def change(
    viewer: Viewer, rows: Sequence[MemberView | StaffView], roles: Sequence[str], set_role: Callable[..., Any],
    remove: Callable[..., Any], **fixed: Any,
) -> None:  # fmt: skip
    """Another role for somebody, or none."""
    say = viewer.say
    names = {r.user_id: f"{r.name} ({r.email})" for r in rows}
    with st.expander(say("members.change"), icon=":material/manage_accounts:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            who = st.selectbox(say("members.person"), list(names), format_func=lambda i: names[i], key="change_who")
            role = st.selectbox(say("column.role"), list(roles), format_func=lambda r: say.text(f"role.{r}"), key="change_role")
            if who and st.button(say("action.save"), key="change_save"):
                _did(viewer, set_role, user_id=who, role=role, **fixed)
        if who:
            sure = st.checkbox(say("members.sure", name=names[who]), key="remove_sure")
            if st.button(say("members.remove"), disabled=not sure, key="remove"):
                _did(viewer, remove, user_id=who, **fixed)


def _did(viewer: Viewer, service: Callable[..., Any], **arguments: Any) -> None:
    if done(service, **arguments):
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
