"""Account: one's own name, language and time zone; password, second factor, sessions, tokens."""

import streamlit as st

from app.services import account
from app.ui import account_forms, gate, layout, queries, token_forms

WIDTH = 720
"""Pixels at most: a field for a name that is as wide as a large screen is hard to read."""

viewer = gate.require()
say = viewer.say
seen = queries.ask(account.profile)
layout.header(say("account.headline", name=seen.name), note=say("account.email", email=seen.email))
names = ("profile", "password", "second_factor", "sessions", "tokens")
parts = st.tabs([say.text(f"account.{name}") for name in names])
with parts[0], st.container(width=WIDTH):
    account_forms.profile(viewer, seen)
with parts[1], st.container(width=WIDTH):
    account_forms.password(viewer)
with parts[2], st.container(width=WIDTH):
    account_forms.second_factor(viewer)
with parts[3], st.container(width=WIDTH):
    account_forms.open_sessions(viewer)
with parts[4]:
    token_forms.show(viewer)
