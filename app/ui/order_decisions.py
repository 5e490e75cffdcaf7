"""Open orders as staff see them: who wants what for how much, and yes, no, or the money came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.services import decisions
from app.services.orders import OrderView
from app.ui import navigation, order_progress, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from models.domain.access import Permission
from models.domain.orders import OrderState

OURS = (OrderState.APPROVAL, OrderState.PAYMENT)
"""States in which staff can do something."""


def waiting(rows: Sequence[OrderView]) -> int:
    """How many wait for staff: for a yes, or for money that has to be seen on the bank's statement."""
    return sum(row.state is OrderState.APPROVAL or (row.state is OrderState.PAYMENT and row.price_minor > 0) for row in rows)


def cards(viewer: Viewer, rows: Sequence[OrderView], organizations: Mapping[str, str]) -> None:
    """One card an order. `organizations`: names by id."""
    with st.grid("auto", min_column_width=340):
        for row in rows:
            with st.container(border=True, key=f"order_{row.id}", height="stretch"):
                _card(viewer, row, organizations.get(row.organization_id, ""))


def price(viewer: Viewer, row: OrderView) -> Plain:
    if not row.price_minor:
        return viewer.say("provisioning.for_nothing")
    return viewer.say("provisioning.month", price=viewer.format.money(row.price_minor, row.currency))


def _card(viewer: Viewer, row: OrderView, organization: str) -> None:
    say, fmt = viewer.say, viewer.format
    navigation.link(viewer, "organization", f"**{plain(organization)}** · {plain(row.name)}", id=row.organization_id)
    size = order_progress.plan_word(viewer, row.plan)
    st.markdown(say("provisioning.order", template=row.template, plan=size, price=price(viewer, row)))
    st.markdown(f":orange-badge[:material/pending: {say(f'order_state.{row.state.value}')}]")
    placed = say("provisioning.placed", by=row.placed_by, at=fmt.since(row.placed_at, viewer.now), until=fmt.moment(row.until))
    st.markdown(f":small[:gray[{placed}]]")
    if viewer.actor.may(Permission.MANAGE_ORGANIZATIONS) and row.state in OURS:
        _buttons(viewer, row)


def _buttons(viewer: Viewer, row: OrderView) -> None:
    say = viewer.say
    with st.container(horizontal=True):
        if row.state is OrderState.APPROVAL:
            if st.button(
                say("provisioning.approve"), type="primary", key=f"approve_{row.id}", help=say("provisioning.approve_help")
            ):
                _done(viewer, act(decisions.approve, order_id=row.id), "provisioning.approved")
        elif row.price_minor:
            amount = viewer.format.money(row.price_minor, row.currency)
            help = say("provisioning.received_help", price=amount)
            if st.button(say("provisioning.received"), type="primary", key=f"received_{row.id}", help=help):
                _done(viewer, act(decisions.received, order_id=row.id), "provisioning.paid")
        with st.popover(say("provisioning.refuse"), key=f"refusal_{row.id}"), st.form(f"refuse_{row.id}", border=False):
            st.markdown(say("provisioning.refuse_what"))
            reason = st.text_input(say("provisioning.refuse_why"), max_chars=500)
            if st.form_submit_button(say("provisioning.refuse_do")):
                _done(viewer, act(decisions.refuse, order_id=row.id, reason=reason), "provisioning.refused")


def _done(viewer: Viewer, decided: OrderView | None, notice: str) -> None:
    if decided is not None:
        state.notice(viewer.say.text(notice))
        st.rerun()
