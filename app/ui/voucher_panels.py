"""Panels about vouchers: the customer's code, and the list and form of staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time

import streamlit as st

from app.services import vouchers
from app.services.vouchers import RedeemedView, VoucherView
from app.ui import layout, state, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.tables import Column
from models.domain.access import Permission
from models.domain.money import CURRENCIES, currency


def redeem(viewer: Viewer, organization_id: str, subscriptions: Mapping[str, str], rows: Sequence[RedeemedView]) -> None:
    """What was redeemed, and the form for one more; `subscriptions`: words by id of those that go on."""
    say = viewer.say
    for one in rows:
        left = say("vouchers.for_good") if one.periods is None else say("vouchers.taken", n=one.taken, of=one.periods)
        what = _what(viewer, one.percent_hundredths, one.amount_minor, one.currency)
        st.markdown(say("vouchers.have", code=one.code, what=what) + f"  \n:small[:gray[{left}]]")
    if not subscriptions or not viewer.actor.may(Permission.MANAGE_OWN_BILLING, organization_id):
        return
    with st.expander(say("vouchers.redeem"), icon=":material/redeem:"), st.form("redeem_voucher", border=False):
        code = st.text_input(say("vouchers.code"), max_chars=40, key="voucher_code")
        chosen = st.selectbox(say("vouchers.of"), list(subscriptions), format_func=lambda id: subscriptions[id], key="voucher_of")
        asked = st.form_submit_button(say("vouchers.redeem_do"))
    if asked:
        made = act(vouchers.redeem, organization_id=organization_id, code=code, subscription_id=str(chosen))
        if made is not None:
            state.notice(say.text("vouchers.redeemed", code=made.code))
            st.rerun()


def taken(viewer: Viewer, rows: Sequence[tuple[str, int]], code: str) -> None:
    """By what an invoice was lowered; nothing where it was not."""
    for voucher, off in rows:
        st.markdown(viewer.say("vouchers.lowered", code=voucher, amount=viewer.format.money(off, code)))


def listed(viewer: Viewer, rows: Sequence[VoucherView]) -> None:
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("code", say("column.code"), lambda r: r.code, width=180),
        Column("what", say("column.takes"), lambda r: _what(viewer, r.percent_hundredths, r.amount_minor, r.currency), width=130),
        Column("periods", say("column.months"), lambda r: str(r.periods or "∞"), width=90),
        Column("until", say("column.until"), lambda r: fmt.moment(r.until) if r.until else "", width=170),
        Column("used", say("column.used"), lambda r: f"{r.used} / {r.uses}" if r.uses else str(r.used), width=90),
        Column("withdrawn", say("column.withdrawn"), lambda r: fmt.moment(r.withdrawn_at) if r.withdrawn_at else "", width=170),
    ]
    tables.show(viewer, rows, columns, key="vouchers", alt=say("table.vouchers"), empty="vouchers.none")


def forms(viewer: Viewer, rows: Sequence[VoucherView]) -> None:
    """Make one, withdraw one; by staff who bill."""
    if not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say = viewer.say
    with layout.card(say("vouchers.new"), key="new_voucher", stretch=False), st.form("new_voucher_form", border=False):
        code = st.text_input(say("vouchers.code"), max_chars=40, key="new_code")
        kind = st.selectbox(say("vouchers.kind"), ["%", *sorted(CURRENCIES)], key="new_kind")
        value = st.number_input(say("vouchers.value"), min_value=0.0, step=1.0, value=10.0, key="new_value")
        periods = st.number_input(say("vouchers.months"), min_value=0, step=1, value=3, key="new_periods")
        uses = st.number_input(say("vouchers.uses"), min_value=0, step=1, value=0, key="new_uses")
        day = st.date_input(say("vouchers.until"), value=None, key="new_until")
        asked = st.form_submit_button(say("vouchers.new_do"))
    if asked:
        percent = kind == "%"
        minor = None if percent else round(value * 10 ** currency(str(kind)).digits)
        made = act(
            vouchers.create,
            code=code,
            percent_hundredths=round(value * 100) if percent else None,
            amount_minor=minor,
            currency="" if percent else str(kind),
            periods=int(periods) or None,
            until=datetime.combine(day, time(0), UTC) if day else None,
            uses=int(uses) or None,
        )
        if made is not None:
            state.notice(say.text("vouchers.made", code=made.code))
            st.rerun()
    going = [one.code for one in rows if one.withdrawn_at is None]
    if going:
        with st.form("withdraw_voucher", border=False):
            gone = st.selectbox(say("vouchers.withdraw"), going, key="withdraw_code")
            if st.form_submit_button(say("vouchers.withdraw_do")) and act(vouchers.withdraw, code=str(gone)) is not None:
                st.rerun()


def _what(viewer: Viewer, percent: int | None, amount: int | None, code: str) -> str:
    if percent is not None:
        return viewer.format.percent(percent / 10_000, 0 if percent % 100 == 0 else 2)
    return viewer.format.money(amount, code)
