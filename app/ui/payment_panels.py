"""Panels about payments: how a customer pays an invoice now, and for staff what came, what is nobody's yet and what gateways told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import segno
import streamlit as st

from app.money import precision
from app.services import gateway_events, transfer_reports, transfers
from app.services.gateway_events import EventView
from app.services.invoices import InvoiceView
from app.services.payments import PaymentView
from app.services.transfer_reports import ReportView
from app.services.transfers import Details, LineView
from app.ui import layout, runtime, state, tables
from app.ui.actions import act, done, fetch
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column, Opening
from models.domain.access import Permission
from models.store.payments import PaymentState
from models.store.transfers import ReportState


def pay_now(
    viewer: Viewer, row: InvoiceView, asked: Sequence[PaymentView], transfer: Details | None, reports: Sequence[ReportView]
) -> None:
    """Every way to pay an open invoice, and the transfers of it that were reported; nothing when it is paid."""
    if not row.open_minor:
        return
    say, fmt = viewer.say, viewer.format
    waiting = [one for one in asked if one.state is PaymentState.PENDING]
    linked = [one for one in waiting if one.link or one.account or one.qr]
    with layout.card(say("pay.now", amount=fmt.money(row.open_minor, row.currency)), key="pay_now", stretch=False):
        for one in linked:
            if one.link.startswith("https://"):
                st.link_button(say("pay.page"), one.link, type="primary", icon=":material/credit_card:")
            if one.account:
                st.markdown(say("pay.account", bank=one.bank.upper(), account=one.account))
            if one.qr:
                st.image(segno.make(one.qr).png_data_uri(scale=5), caption=say("pay.qr"))
        if transfer is not None:
            layout.facts(
                [
                    (say("pay.to"), plain(transfer.account)),
                    (say("pay.amount"), fmt.money(transfer.amount_minor, transfer.currency)),
                    (say("pay.reference"), plain(transfer.reference)),
                ]
            )
            st.caption(say("pay.transfer_note"))
        if not linked and transfer is None:
            st.markdown(say("pay.soon"))
        for report in reports:
            at = fmt.moment(report.at)
            st.markdown(say(f"pay.report_{report.state.value}", amount=fmt.money(report.amount_minor, report.currency), at=at))
        if transfer is not None and viewer.actor.may(Permission.MANAGE_OWN_BILLING, row.organization_id):
            _report(viewer, row)


def _report(viewer: Viewer, row: InvoiceView) -> None:
    """The form that says that a transfer was made, with its proof."""
    say = viewer.say
    digits = precision(row.currency)
    with st.expander(say("pay.report")), st.form(f"report_{row.id}", border=False):
        amount = st.text_input(say("pay.report_amount"), f"{row.open_minor / 10**digits:.{digits}f}", key="report_amount")
        words = st.text_input(say("pay.report_words"), max_chars=200, key="report_words")
        sent = st.file_uploader(say("pay.report_proof"), type=["pdf", "png", "jpg", "jpeg"], key="report_proof")
        clicked = st.form_submit_button(say("pay.report_send"), type="primary")
    if not clicked:
        return
    made = act(
        transfer_reports.report,
        seal=runtime.container().seal,
        invoice_id=row.id,
        amount=amount,
        words=words,
        proof=sent.getvalue() if sent is not None else b"",
    )
    if made is not None:
        state.notice(say.text("pay.reported"))
        st.rerun()


def listed(viewer: Viewer, rows: Sequence[PaymentView], organizations: Mapping[str, str]) -> None:
    """All payments; a row opens its invoice."""
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("number", say("column.invoice"), lambda r: r.number, width=150),
        Column("organization", say("column.organization"), lambda r: organizations.get(r.organization_id, ""), width=160),
        Column("amount", say("column.amount"), lambda r: fmt.money(r.amount_minor, r.currency), width=130),
        Column("payment", say("column.payment_state"), lambda r: _state(viewer, r), width=150),
        Column("gateway", say("column.gateway"), lambda r: r.gateway, width=110),
        Column("at", say("column.at"), lambda r: fmt.moment(r.settled_at or r.created_at), width=150),
        Column("reference", say("column.reference"), lambda r: r.reference, width=220),
    ]
    tables.show(
        viewer, rows, columns, key="payments", alt=say("table.payments"), empty="payments.none",
        opening=Opening("invoices", lambda r: {"invoice": r.invoice_id or ""}),
    )  # fmt: skip


def statement(viewer: Viewer) -> None:
    """A bank statement in."""
    if not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say = viewer.say
    sent = st.file_uploader(say("payments.statement"), type=["csv", "txt"], key="statement", help=say("payments.statement_help"))
    if sent is None or not st.button(say("payments.take"), type="primary", key="statement_take"):
        return
    try:
        text = sent.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        st.error(say("mapping.not_text"), icon=":material/block:")
        return
    made = act(transfers.take, text=text, source=sent.name)
    if made is not None:
        state.notice(say.text("payments.taken", taken=made.taken, matched=made.matched, unmatched=made.unmatched, known=made.known))
        st.rerun()


def unmatched(viewer: Viewer, rows: Sequence[LineView]) -> None:
    """Money that is nobody's yet, each line with the field that says whose it is."""
    say, fmt = viewer.say, viewer.format
    with layout.card(say("payments.unmatched", n=len(rows)), note=say("payments.unmatched_note"), key="unmatched", stretch=False):
        if not rows:
            st.markdown(say("payments.unmatched_none"))
        for row in rows[:50]:
            amount = fmt.money(row.amount_minor, row.currency)
            st.markdown(f"**{plain(amount)}** · {plain(fmt.calendar_day(row.day))} · {plain(row.words)}")
            if not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
                continue
            with st.container(horizontal=True, vertical_alignment="bottom"):
                first = row.likely[0] if row.likely else ""
                number = st.text_input(say("payments.invoice"), first, key=f"invoice_{row.id}", max_chars=60)
                clicked = st.button(say("payments.assign"), key=f"assign_{row.id}", disabled=not number)
                if clicked and act(transfers.assign, line_id=row.id, invoice=number) is not None:
                    _saved(viewer)
                if st.button(say("payments.ignore"), key=f"ignore_{row.id}") and done(transfers.ignore, line_id=row.id):
                    _saved(viewer)


def reported(viewer: Viewer, rows: Sequence[ReportView]) -> None:
    """Transfers that customers reported and nobody found yet; nothing while there is none."""
    if not rows:
        return
    say, fmt = viewer.say, viewer.format
    with layout.card(say("payments.reports", n=len(rows)), note=say("payments.reports_note"), key="reports", stretch=False):
        for row in rows:
            amount = fmt.money(row.amount_minor, row.currency)
            st.markdown(
                f"**{plain(amount)}** · {plain(row.number)} · {plain(row.by)} · {plain(fmt.moment(row.at))} · {plain(row.words)}"
            )
            with st.container(horizontal=True):
                if row.proof_type and st.button(say("payments.proof"), key=f"proof_{row.id}"):
                    found = fetch(transfer_reports.proof, seal=runtime.container().seal, report_id=row.id)
                    if found is not None:
                        st.download_button(
                            say("payments.proof_save"), found.content, found.name, found.media_type, on_click="ignore",
                            key=f"proof_save_{row.id}",
                        )  # fmt: skip
                may = viewer.actor.may(Permission.MANAGE_OWN_BILLING)
                clicked = may and st.button(say("payments.refuse"), key=f"refuse_{row.id}")
                if clicked and act(transfer_reports.refuse, report_id=row.id) is not None:
                    _saved(viewer)


def told(viewer: Viewer, rows: Sequence[EventView]) -> None:
    """Events that a person should look at, each with what it means."""
    say, fmt = viewer.say, viewer.format
    if not rows:
        return
    with layout.card(say("payments.events", n=len(rows)), note=say("payments.events_note"), key="events", stretch=False):
        for row in rows[:50]:
            amount = "" if row.amount_minor is None else f" · {fmt.money(row.amount_minor, row.currency or 'IDR')}"
            st.markdown(
                f"{say(f'outcome.{row.outcome.value}')} {plain(f'{row.gateway}{amount} · {fmt.moment(row.at)} · {row.key}')}"
            )
            clicked = viewer.actor.may(Permission.MANAGE_OWN_BILLING) and st.button(say("payments.seen"), key=f"seen_{row.id}")
            if clicked and act(gateway_events.seen, event_id=row.id) is not None:
                _saved(viewer)


def open_reports(rows: Sequence[ReportView]) -> list[ReportView]:
    return [row for row in rows if row.state is not ReportState.FOUND]


def _state(viewer: Viewer, row: PaymentView) -> str:
    key = f"payments.{row.state.value}{f'_{row.decline}' if row.decline else ''}"
    return viewer.say.text(key if viewer.say.has(key) else f"payments.{row.state.value}")


def _saved(viewer: Viewer) -> None:
    state.notice(viewer.say.text("notice.saved"))
    st.rerun()
