"""Team: who belongs to the organization, in which role; its changes and its data."""

import streamlit as st

from app.services import audit, invitations, members
from app.ui import gate, layout, organization_panels, people_panels, queries, state, support_panels
from models.domain.access import MemberRole, Permission

viewer = gate.require(Permission.SEE_OWN_MEMBERS)
say = viewer.say
here = state.organization(viewer)
if here is None:
    layout.empty(viewer, "home.nowhere")
    st.stop()
rows = queries.ask(members.of_organization, organization_id=here.id)
layout.header(say("team.headline", n=len(rows), name=here.name))
people_panels.members(viewer, rows)
manages = viewer.actor.may(Permission.MANAGE_OWN_MEMBERS, here.id)
people_panels.waiting(viewer, queries.ask(invitations.list_, organization_id=here.id), manages=manages)
if manages:
    st.subheader(say("team.invite"), anchor=False)
    people_panels.invite(viewer, members.invite, list(MemberRole), organization_id=here.id)
    people_panels.change(viewer, rows, list(MemberRole), members.change_role, members.remove, organization_id=here.id)
if viewer.actor.may(Permission.SEE_OWN_AUDIT, here.id):
    with layout.card(say("team.changes"), note=say("team.changes_note"), key="changes_card", stretch=False):
        organization_panels.timeline(viewer, queries.ask(audit.of_organization, organization_id=here.id, limit=50).items)
    support_panels.listed(viewer, here.id)
if viewer.actor.may(Permission.MANAGE_OWN_ORGANIZATION, here.id):
    with layout.card(say("export.title"), note=say("export.note"), key="export", stretch=False):
        organization_panels.take_out(viewer, here.id)
