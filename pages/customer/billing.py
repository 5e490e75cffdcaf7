"""Billing: what is open, what is charged next and for what, and every invoice."""

import streamlit as st

from app.services import (
    cancellations,
    conversions,
    credit_notes,
    credits,
    invoices,
    payments,
    renewals,
    transfer_reports,
    transfers,
    vouchers,
)
from app.ui import (
    credit_panels,
    document_panels,
    dunning_panels,
    gate,
    invoice_panels,
    layout,
    payment_panels,
    queries,
    state,
    voucher_panels,
)
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_OWN_BILLING)
say = viewer.say
chosen = state.parameter("invoice")
if chosen:
    layout.back(viewer, "billing")
    row = queries.ask(invoices.get, invoice_id=chosen)
    invoice_panels.one(viewer, row)
    payment_panels.pay_now(
        viewer,
        row,
        queries.ask(payments.of_invoice, invoice_id=row.id),
        queries.ask(transfers.details, invoice_id=row.id),
        payment_panels.open_reports(queries.ask(transfer_reports.list_, invoice_id=row.id)),
    )
    voucher_panels.taken(viewer, queries.ask(vouchers.of_invoice, invoice_id=row.id), row.currency)
    credit_panels.settled(viewer, row)
    credit_panels.notes(viewer, queries.ask(credit_notes.list_, invoice_id=row.id).items)
    document_panels.downloads(viewer, chosen)
    st.stop()
here = state.organization(viewer)
if here is None:
    layout.empty(viewer, "home.nowhere")
    st.stop()
if not viewer.actor.may(Permission.SEE_OWN_BILLING, here.id):
    layout.empty(viewer, "billing.forbidden", icon="lock")
    st.stop()
rows = queries.ask(invoices.list_, organization_id=here.id).items
open_ = queries.ask(invoices.unpaid, organization_id=here.id)
amount = invoice_panels.amounts(viewer, open_)
layout.header(say("billing.open", n=len(open_), amount=amount) if open_ else say("billing.nothing_open"))
credit_panels.balance(viewer, queries.ask(credits.of_organization, organization_id=here.id))
st.subheader(say("billing.next"), anchor=False)
st.caption(say("billing.next_note"))
coming = queries.ask(renewals.coming, organization_id=here.id)
invoice_panels.coming(viewer, coming)
going = {one.subscription_id: ", ".join(line.what for line in one.lines) for one in coming if one.lines}
voucher_panels.redeem(viewer, here.id, going, queries.ask(vouchers.of_organization, organization_id=here.id))
with layout.card(say("billing.invoices"), note=say("billing.invoices_note"), key="invoices_card", stretch=False):
    invoice_panels.listed(viewer, invoice_panels.open_first(open_, rows), page="billing", empty="billing.no_invoices")
credit_panels.notes(viewer, queries.ask(credit_notes.list_, organization_id=here.id).items)
document_panels.statement(viewer, here.id)
document_panels.profile(viewer, here.id)
subscribed = queries.ask(cancellations.list_, organization_id=here.id)
for one in subscribed:
    if one.trial_until is not None and one.ended_at is None:
        dunning_panels.buying(viewer, one, queries.ask(conversions.choices, subscription_id=one.id))
dunning_panels.cancelling(viewer, subscribed)
