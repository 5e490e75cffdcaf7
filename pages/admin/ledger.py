"""Ledger: result, position, deferred revenue, receivables, tax, months closed, the trial balance and the journal."""

import streamlit as st

from app.services import books, ledger, reports
from app.ui import document_panels, gate, layout, ledger_panels, queries, report_panels
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
asked = report_panels.wanted()
if asked:
    layout.back(viewer, "ledger")
    layout.header(report_panels.entries_of(viewer, asked), note=say("ledger.entries_note"))
    ledger_panels.journal(viewer, queries.ask(ledger.entries, limit=500, **asked).items)
    st.stop()
balances = queries.ask(ledger.trial_balance)
ledger_panels.headline(viewer, balances)
chosen = report_panels.choose(viewer, queries.ask(reports.currencies), queries.ask(reports.months))
with layout.card(say(f"ledger.{chosen.view}"), note=say(f"ledger.{chosen.view}_note"), key=f"{chosen.view}_card", stretch=False):
    match chosen.view:
        case "result":
            report_panels.result(viewer, queries.ask(reports.result, month=chosen.month, currency=chosen.currency))
        case "position":
            report_panels.position(viewer, queries.ask(reports.position, month=chosen.month, currency=chosen.currency))
        case "deferred":
            report_panels.deferred(viewer, queries.ask(reports.deferred, currency=chosen.currency))
        case "ageing":
            report_panels.ageing(viewer, queries.ask(reports.ageing, currency=chosen.currency))
        case "tax":
            report_panels.tax(viewer, queries.ask(reports.tax, currency=chosen.currency))
            report_panels.tax_months(viewer, queries.ask(reports.tax_months, currency=chosen.currency))
        case "months":
            report_panels.months(viewer, queries.ask(books.get))
        case "journal":
            ledger_panels.journal(viewer, queries.ask(ledger.entries, limit=200).items)
        case _:
            ledger_panels.balance(viewer, balances)
document_panels.files(viewer, "ledger")
