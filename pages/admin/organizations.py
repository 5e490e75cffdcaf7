"""Organizations: every customer with standing, apps and use; a row opens one."""

from datetime import timedelta

import streamlit as st

from app.services import instances, organizations, usage
from app.ui import gate, layout, organization_panels, queries, state
from models.domain.access import Permission
from models.domain.organizations import Standing

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
with_trials = queries.ask(instances.every, on_trial=True)
top = st.container()
with st.container(horizontal=True):
    words = state.search(say.text("organizations.search"))
    standing = state.select(
        say.text("column.standing"),
        ["", *Standing],
        key="standing",
        words=lambda s: say.text(f"standing.{s}" if s else "all.standings"),
    )
found = queries.ask(organizations.every, search=words, standing=Standing(standing) if standing else None)
with top:
    layout.header(
        say("organizations.headline", n=len(found)),
        note=say("organizations.trials", n=len(with_trials)),
    )
since, until = state.window(viewer, state.SPANS[2])
used = queries.attempt(usage.organizations, since=until - timedelta(days=7), until=until)
organization_panels.listed(viewer, found, queries.ask(instances.every), used)
if gate.holds(viewer.actor, Permission.MANAGE_ORGANIZATIONS):
    organization_panels.create(viewer)
