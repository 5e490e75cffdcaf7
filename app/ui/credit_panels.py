"""Panels about what is given back: credit notes, what a customer has to their credit, and the forms of staff."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import streamlit as st

from app.services import credit_notes, credits
from app.services.credit_notes import CreditNoteView, LeftView
from app.services.credits import CreditView
from app.services.invoices import InvoiceView
from app.services.shares import ShareView
from app.ui import layout, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.tables import Column
from models.domain.access import Permission
from models.domain.money import currency
from models.store.invoices import InvoiceState


def balance(viewer: Viewer, rows: Sequence[CreditView]) -> None:
    """What is to the customer's credit; nothing while there is none."""
    for row in rows:
        amount = viewer.format.money(row.credit_minor, row.currency)
        st.info(viewer.say("credits.have", amount=amount), icon=":material/savings:")


def settled(viewer: Viewer, row: InvoiceView) -> None:
    """By what an invoice was lowered beside payments, and what is open of it."""
    say, fmt = viewer.say, viewer.format
    kinds = (("used", row.credit_used_minor), ("noted", row.credited_minor), ("lost", row.written_off_minor))
    pairs = [(say(f"credits.{kind}"), fmt.money(-minor, row.currency)) for kind, minor in kinds if minor]
    if pairs:
        layout.facts([*pairs, (say("credits.open"), fmt.money(row.open_minor, row.currency))])


def notes(viewer: Viewer, rows: Sequence[CreditNoteView], *, key: str = "credit_notes") -> None:
    """The credit notes; nothing while there is none."""
    if not rows:
        return
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("number", say("column.number"), lambda r: r.number, width=150),
        Column("of", say("column.credited_invoice"), lambda r: r.invoice_number, width=150),
        Column("day", say("column.issued_on"), lambda r: fmt.calendar_day(r.issued_on), width=130),
        Column("total", say("column.total"), lambda r: fmt.money(r.total_minor, r.currency), width=130),
        Column("tax", say("column.tax"), lambda r: fmt.money(r.tax_minor, r.currency), width=110),
        Column("reason", say("column.given_for"), lambda r: reason(viewer, r), width=260),
    ]
    with layout.card(viewer.say("credits.notes"), key=f"{key}_card", stretch=False):
        tables.show(viewer, rows, columns, key=key, alt=say("table.credit_notes"))


def share(viewer: Viewer, seen: ShareView) -> None:
    """What a change costs within the month: both lines and what is to be paid now."""
    say, fmt = viewer.say, viewer.format
    if not seen.credit_minor and not seen.debit_minor:
        st.caption(say("shares.later"))
        return
    st.caption(say("shares.debit", amount=fmt.money(seen.debit_minor, seen.currency)))
    st.caption(say("shares.credit", amount=fmt.money(seen.credit_minor, seen.currency)))
    net = "now" if seen.net_minor >= 0 else "back"
    st.caption(say(f"shares.{net}", amount=fmt.money(abs(seen.net_minor), seen.currency)))


def reason(viewer: Viewer, row: CreditNoteView) -> str:
    """In the reader's language where Moorage gave it, else as staff wrote it."""
    key = f"credits.reason.{row.reason}"
    return viewer.say.text(key) if viewer.say.has(key) else row.reason


def give_back(viewer: Viewer, row: InvoiceView, left: Sequence[LeftView]) -> None:
    """The form of staff that gives something of an invoice back."""
    can = [one for one in left if one.left_minor]
    if not can or not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say, fmt = viewer.say, viewer.format
    with st.popover(say("credits.give"), icon=":material/undo:"):
        st.markdown(say("credits.give_what"))
        with st.form("credit_note", border=False):
            amounts = {
                one.line: _typed(
                    say("credits.give_line", what=one.what, left=fmt.money(one.left_minor, row.currency)),
                    row.currency,
                    most=one.left_minor,
                    value=one.left_minor,
                    key=f"give_{one.line}",
                )
                for one in can
            }
            reason = st.text_input(say("credits.why"), max_chars=credit_notes.LONGEST, key="credit_note_reason")
            asked = st.form_submit_button(say("credits.give_do"))
        wanted = {line: minor for line, minor in amounts.items() if minor}
        made = act(credit_notes.issue, invoice_id=row.id, reason=reason, amounts=wanted, key=_key(row.id)) if asked else None
        if made is not None:
            st.session_state.pop(f"credit_key_{row.id}", None)
            state.notice(say.text("credits.given", number=made.number, amount=fmt.money(made.total_minor, made.currency)))
            st.rerun()


def give_up(viewer: Viewer, row: InvoiceView) -> None:
    """The form of staff that writes an open invoice off."""
    if row.state is not InvoiceState.OPEN or not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say = viewer.say
    with st.popover(say("credits.give_up"), icon=":material/money_off:"):
        st.markdown(say("credits.give_up_what", amount=viewer.format.money(row.open_minor, row.currency)))
        with st.form("write_off", border=False):
            reason = st.text_input(say("credits.give_up_why"), max_chars=200, key="write_off_reason")
            asked = st.form_submit_button(say("credits.give_up_do"))
        if asked and done(credits.write_off, invoice_id=row.id, reason=reason):
            state.notice(say.text("credits.gave_up", number=row.number))
            st.rerun()


def pay_out(viewer: Viewer, organization_id: str, rows: Sequence[CreditView]) -> None:
    """The form of staff that says that credit was paid out."""
    if not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say, fmt = viewer.say, viewer.format
    for row in rows:
        with st.popover(say("credits.refund", amount=fmt.money(row.credit_minor, row.currency)), icon=":material/payments:"):
            st.markdown(say("credits.refund_what"))
            with st.form(f"refund_{row.currency}", border=False):
                minor = _typed(
                    say("credits.refund_amount"),
                    row.currency,
                    most=row.credit_minor,
                    value=row.credit_minor,
                    key=f"refund_amount_{row.currency}",
                )
                reason = st.text_input(say("credits.refund_why"), max_chars=200, key=f"refund_reason_{row.currency}")
                asked = st.form_submit_button(say("credits.refund_do"))
            place = f"{organization_id}_{row.currency}"
            left = (
                act(
                    credits.refund,
                    organization_id=organization_id,
                    currency=row.currency,
                    amount_minor=minor,
                    reason=reason,
                    key=_key(place),
                )
                if asked
                else None
            )
            if left is not None:
                st.session_state.pop(f"credit_key_{place}", None)
                state.notice(say.text("credits.refunded", amount=fmt.money(minor, row.currency)))
                st.rerun()


def _typed(label: str, code: str, *, most: int, value: int, key: str) -> int:
    """An amount as people write it, in minor units."""
    unit = int(10 ** currency(code).digits)
    if unit == 1:
        return int(st.number_input(label, min_value=0, max_value=most, value=value, step=1, key=key))
    shown = st.number_input(label, min_value=0.0, max_value=most / unit, value=value / unit, step=0.01, format="%.2f", key=key)
    return round(shown * unit)


def _key(place: str) -> str:
    """One a form that was drawn, so that a second click is the same wish."""
    return str(st.session_state.setdefault(f"credit_key_{place}", f"page:{uuid4().hex}"))
