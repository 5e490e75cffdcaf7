"""API tokens of a person: made once, shown once, taken back at any time."""

from __future__ import annotations

import streamlit as st

from app.services import tokens
from app.ui import layout, queries, state
from app.ui.actions import act
from app.ui.gate import Viewer, holds
from app.ui.messages import plain
from models.domain.access import Permission

_SECRET = "_new_token"
DAYS = (7, 30, 90, 365)


def show(viewer: Viewer) -> None:
    say, fmt = viewer.say, viewer.format
    secret = st.session_state.pop(_SECRET, None)
    if secret:
        st.success(say("token.made"), icon=":material/key:")
        st.code(secret, language=None)
    rows = [row for row in queries.ask(tokens.mine) if row.open]
    if not rows:
        layout.empty(viewer, "token.none", icon="key")
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            used = say("token.used", ago=fmt.ago(row.used_at, viewer.now)) if row.used_at else say("token.unused")
            ends = say("token.until", at=fmt.day(row.expires_at)) if row.expires_at else say("token.for_good")
            scopes = plain(", ".join(row.scopes))
            st.markdown(f"**{plain(row.name)}** `{row.hint}…` · {used} · {ends}  \n:small[:gray[{scopes}]]", width="content")
            if st.button(say("token.revoke"), key=f"revoke_{row.id}") and act(tokens.revoke, token_id=row.id) is not None:
                state.notice(say.text("token.revoked"))
                st.rerun()
    if holds(viewer.actor, Permission.MANAGE_OWN_TOKENS):
        _make(viewer)


def _make(viewer: Viewer) -> None:
    say = viewer.say
    mine = {o.id: o.name for o in viewer.signed.organizations}
    whole = [""] if viewer.signed.staff_role else []
    with st.expander(say("token.new"), icon=":material/add:"):
        within = st.selectbox(
            say("token.within"),
            [*whole, *mine],
            format_func=lambda o: mine.get(o, say.text("token.everything")),
            key="token_within",
        )
        allowed = queries.attempt(tokens.grantable, organization_id=within or None) or ()
        with st.form("token", border=False):
            name = st.text_input(say("token.name"), max_chars=100)
            scopes = st.multiselect(say("token.scopes"), list(allowed), format_func=str)
            days = st.selectbox(say("token.days"), list(DAYS), index=2, format_func=lambda d: say.text("token.for_days", n=d))
            if st.form_submit_button(say("token.make"), type="primary"):
                made = act(tokens.make, name=name, scopes=[str(s) for s in scopes], organization_id=within or None, days=days)
                if made is not None:
                    st.session_state[_SECRET] = made.secret
                    st.rerun()
