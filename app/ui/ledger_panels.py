"""Panels of staff about money: what waits for them, the journal and the trial balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from app.services import invoices, renewals
from app.services.invoices import InvoiceView
from app.services.ledger import BalanceView, EntryView
from app.services.renewals import ParkedView
from app.ui import layout, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.tables import Column
from models.domain.access import Permission
from models.store.invoices import InvoiceState


def received(viewer: Viewer, row: InvoiceView) -> None:
    """The button that says that the money of an open invoice came."""
    if row.state is not InvoiceState.OPEN or not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    amount = viewer.format.money(row.open_minor, row.currency)
    help = viewer.say("invoices.received_help", amount=amount)
    clicked = st.button(viewer.say("invoices.received"), type="primary", key=f"received_{row.id}", help=help)
    if clicked and act(invoices.received, invoice_id=row.id) is not None:
        state.notice(viewer.say.text("invoices.paid"))
        st.rerun()


def parked(viewer: Viewer, rows: Sequence[ParkedView]) -> None:
    """Subscriptions that wait for a person; nothing while none does."""
    if not rows:
        return
    say = viewer.say
    with layout.card(say("invoices.parked"), note=say("invoices.parked_note"), key="parked", stretch=False):
        for row in rows:
            since = viewer.format.since(row.parked_at, viewer.now)
            st.markdown(say("invoices.parked_one", n=row.missed, organization=row.organization, since=since))
            if not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
                continue
            with st.container(horizontal=True):
                for word, charge in (("charge", True), ("forgive", False)):
                    if st.button(say(f"invoices.{word}"), key=f"{word}_{row.subscription_id}") and done(
                        renewals.release, subscription_id=row.subscription_id, charge=charge
                    ):
                        state.notice(say.text("invoices.released"))
                        st.rerun()


def headline(viewer: Viewer, rows: Sequence[BalanceView]) -> None:
    """Whether debits equal credits."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row.currency] += row.balance_minor
    wrong = sorted(currency for currency, amount in sums.items() if amount)
    say = viewer.say
    layout.header(say("ledger.unbalanced", currencies=", ".join(wrong)) if wrong else say("ledger.balanced"))


def balance(viewer: Viewer, rows: Sequence[BalanceView]) -> None:
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("account", say("column.account"), lambda r: f"{r.account} {_name(viewer, r.account, r.name)}", width=230),
        Column("currency", say("column.currency"), lambda r: r.currency),
        Column("debit", say("column.debit"), lambda r: fmt.money(r.debit_minor, r.currency), width=150),
        Column("credit", say("column.credit"), lambda r: fmt.money(r.credit_minor, r.currency), width=150),
        Column("balance", say("column.balance"), lambda r: fmt.money(r.balance_minor, r.currency), width=150),
    ]
    tables.show(viewer, rows, columns, key="balance", alt=say("table.balance"), empty="ledger.none")


def journal(viewer: Viewer, rows: Sequence[EntryView], *, key: str = "journal") -> None:
    """A line a posting."""
    say = viewer.say.text
    lines = [(row, one) for row in rows for one in row.postings]
    columns = [
        Column("at", say("column.at"), lambda r: r[0].at, "moment"),
        Column("memo", say("column.memo"), lambda r: r[0].memo, width=150),
        Column("account", say("column.account"), lambda r: f"{r[1].account} {_name(viewer, r[1].account, r[1].name)}", width=230),
        Column("debit", say("column.debit"), lambda r: _money(viewer, r[1].debit_minor, r[1].currency), width=140),
        Column("credit", say("column.credit"), lambda r: _money(viewer, r[1].credit_minor, r[1].currency), width=140),
        Column("entry", say("column.subject"), lambda r: r[0].key, width=220),
    ]
    tables.show(viewer, lines, columns, key=key, alt=say("table.journal"), empty="ledger.none")


def _name(viewer: Viewer, code: str, name: str) -> str:
    return viewer.say.text(f"account.{code}") if viewer.say.has(f"account.{code}") else name


def _money(viewer: Viewer, minor: int, currency: str) -> str:
    return viewer.format.money(minor, currency) if minor else ""
