"""Payments: what gateways told that somebody should see, money that is nobody's yet, and every payment."""

import streamlit as st

from app.services import gateway_events, organizations, payments, transfer_reports, transfers
from app.ui import gate, layout, payment_panels, queries
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
lines = queries.ask(transfers.unmatched)
troubles = queries.ask(gateway_events.list_, trouble=True).items
waiting = queries.ask(transfer_reports.list_)
todo = len(lines) + len(troubles) + len(waiting)
layout.header(say("payments.todo", n=todo) if todo else say("payments.quiet"), note=say("payments.note"))
payment_panels.told(viewer, troubles)
payment_panels.unmatched(viewer, lines)
payment_panels.reported(viewer, waiting)
payment_panels.statement(viewer)
rows = queries.ask(payments.list_).items
names = {id: queries.ask(organizations.get, organization_id=id).name for id in {row.organization_id for row in rows}}
st.subheader(say("payments.all"), anchor=False)
payment_panels.listed(viewer, rows, names)
