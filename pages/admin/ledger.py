"""Ledger: whether it balances, what each account holds, and the journal."""

from app.services import ledger
from app.ui import gate, layout, ledger_panels, queries
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say = viewer.say
balances = queries.ask(ledger.trial_balance)
ledger_panels.headline(viewer, balances)
with layout.card(say("ledger.balance"), note=say("ledger.balance_note"), key="balance_card", stretch=False):
    ledger_panels.balance(viewer, balances)
with layout.card(say("ledger.journal"), note=say("ledger.journal_note"), key="journal_card", stretch=False):
    ledger_panels.journal(viewer, queries.ask(ledger.entries, limit=200).items)
