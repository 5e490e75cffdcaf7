"""Invoices: what is open and for whom, months that wait for a person, and one invoice with what was posted for it."""

import streamlit as st

from app.services import credit_notes, invoices, ledger, organizations, renewals
from app.ui import credit_panels, document_panels, gate, invoice_panels, layout, ledger_panels, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
chosen = state.parameter("invoice")
if chosen:
    layout.back(viewer, "invoices")
    row = queries.ask(invoices.get, invoice_id=chosen)
    invoice_panels.one(viewer, row)
    credit_panels.settled(viewer, row)
    ledger_panels.received(viewer, row)
    credit_panels.give_back(viewer, row, queries.ask(credit_notes.left, invoice_id=row.id))
    credit_panels.give_up(viewer, row)
    credit_panels.notes(viewer, queries.ask(credit_notes.list_, invoice_id=row.id).items)
    document_panels.downloads(viewer, row.id)
    with layout.card(say("invoices.postings"), key="postings", stretch=False):
        ledger_panels.journal(viewer, queries.ask(ledger.entries, invoice_id=row.id).items)
    st.stop()
rows = queries.ask(invoices.list_).items
open_ = queries.ask(invoices.unpaid)
amount = invoice_panels.amounts(viewer, open_)
layout.header(say("invoices.open", n=len(open_), amount=amount) if open_ else say("invoices.quiet"), note=say("invoices.note"))
ledger_panels.parked(viewer, queries.ask(renewals.parked))
names = {id: queries.ask(organizations.get, organization_id=id).name for id in {row.organization_id for row in (*open_, *rows)}}
ordered = invoice_panels.open_first(open_, rows)
invoice_panels.listed(viewer, ordered, page="invoices", empty="invoices.none", organizations=names)
document_panels.files(viewer, "invoices")
