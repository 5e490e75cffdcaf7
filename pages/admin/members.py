"""People: who runs the platform, in which role."""

import streamlit as st

from app.services import invitations, staff
from app.ui import gate, layout, people_panels, queries
from models.domain.access import Permission, StaffRole

viewer = gate.require(Permission.SEE_STAFF)
say = viewer.say
rows = queries.ask(staff.list_)
without = sum(not r.second_factor for r in rows)
layout.header(
    say("staff.headline", n=len(rows)), note=say("staff.without_factor", n=without) if without else say("staff.all_with_factor")
)
people_panels.staff(viewer, rows)
manages = gate.holds(viewer.actor, Permission.MANAGE_STAFF)
people_panels.waiting(viewer, queries.ask(invitations.list_, organization_id=None), manages=manages)
if manages:
    st.subheader(say("staff.invite"), anchor=False)
    people_panels.invite(viewer, staff.invite, list(StaffRole))
    people_panels.change(viewer, rows, list(StaffRole), staff.set_role, staff.remove)
