"""Dunning: who is in which step, since when, what comes next and when; holds; and one subscription's timeline."""

import streamlit as st

from app.services import cancellations, standings
from app.ui import dunning_panels, gate, layout, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
chosen = state.parameter("subscription")
if chosen:
    layout.back(viewer, "dunning")
    row = queries.ask(cancellations.get, subscription_id=chosen)
    dunning_panels.timeline(viewer, row, queries.ask(standings.timeline, subscription_id=chosen))
    st.stop()
rows = queries.ask(standings.board)
layout.header(say("dunning.some", n=len(rows)) if rows else say("dunning.quiet"), note=say("dunning.note"))
dunning_panels.board(viewer, rows)
dunning_panels.hold(viewer, rows)
