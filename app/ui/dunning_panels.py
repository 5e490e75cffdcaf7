"""Panels of dunning: the board, holds, a subscription's timeline, and cancelling by its people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import streamlit as st

from app.services import cancellations, conversions, holds
from app.services.cancellations import SubscriptionView
from app.services.offers import PlanOffer
from app.services.standings import MomentView, StandingView
from app.ui import layout, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.tables import Column, Opening
from models.domain.access import Permission
from models.domain.subscriptions import ENDED, CancelWhen, SubscriptionState


def board(viewer: Viewer, rows: Sequence[StandingView]) -> None:
    """Who is in which step since when, and what comes next; a row opens its timeline."""
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("organization", say("column.organization"), lambda r: r.organization, width=160),
        Column("apps", say("dunning.apps"), lambda r: ", ".join(r.apps), width=140),
        Column("state", say("column.state"), lambda r: say(f"dunning.state.{r.state}"), width=110),
        Column("since", say("dunning.since"), lambda r: r.since, "moment"),
        Column("open", say("dunning.open"), lambda r: fmt.money(r.open_minor, r.currency) if r.invoice else "", width=120),
        Column("invoice", say("column.number"), lambda r: r.invoice, width=150),
        Column("next", say("dunning.next"), lambda r: _next(viewer, r), width=220),
        Column("when", say("dunning.when"), lambda r: r.next_at, "moment"),
        Column("hold", say("dunning.hold"), lambda r: r.hold_until, "moment"),
    ]
    opening = Opening("dunning", lambda r: {"subscription": r.subscription_id})
    tables.show(viewer, rows, columns, key="dunning", alt=say("table.dunning"), empty="dunning.none", opening=opening)


def hold(viewer: Viewer, rows: Sequence[StandingView]) -> None:
    """The form that leaves one of these customers in peace, and the way to end that."""
    if not rows or not viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        return
    say = viewer.say
    names = {row.organization_id: row.organization for row in rows}
    with layout.card(say("dunning.hold_title"), note=say("dunning.hold_note"), key="hold_card", stretch=False):
        with st.form("hold", border=False):
            who = st.selectbox(say("column.organization"), list(names), format_func=lambda one: names[one], key="hold_who")
            day = st.date_input(say("dunning.until"), value=(viewer.now + timedelta(days=7)).date(), key="hold_until")
            reason = st.text_input(say("dunning.reason"), max_chars=holds.MOST_REASON, key="hold_reason")
            asked = st.form_submit_button(say("dunning.do_hold"), type="primary")
        if asked:
            until = datetime.combine(day, time(), UTC)
            if act(holds.put, organization_id=who, until=until, reason=reason) is not None:
                state.notice(say.text("dunning.held"))
                st.rerun()
        for id in dict.fromkeys(row.organization_id for row in rows if row.hold_until is not None):
            if st.button(say("dunning.lift", name=names[id]), key=f"lift_{id}") and done(holds.lift, organization_id=id):
                state.notice(say.text("dunning.lifted"))
                st.rerun()


def timeline(viewer: Viewer, row: SubscriptionView, rows: Sequence[MomentView]) -> None:
    """What happened to one subscription, the newest first."""
    say, fmt = viewer.say.text, viewer.format
    layout.header(viewer.say("dunning.of", apps=", ".join(row.apps) or row.id), note=viewer.say("dunning.of_note"))
    columns = [
        Column("at", say("dunning.at"), lambda r: r.at, "moment"),
        Column("what", say("dunning.what"), lambda r: say(f"dunning.moment.{r.what}"), width=110),
        Column("state", say("column.state"), lambda r: _became(viewer, r), width=200),
        Column("number", say("column.number"), lambda r: r.number, width=150),
        Column("amount", say("column.total"), lambda r: fmt.money(r.amount_minor, r.currency) if r.amount_minor else "", width=120),
        Column("why", say("dunning.why"), lambda r: r.reason, width=180),
    ]
    tables.show(viewer, rows, columns, key="moments", alt=say("table.moments"), empty="dunning.none")


def cancelling(viewer: Viewer, rows: Sequence[SubscriptionView]) -> None:
    """Each subscription that goes on, with what happens when it is cancelled, and the way back until then."""
    going = [row for row in rows if row.state is not SubscriptionState.PENDING and row.state not in ENDED]
    if not going or not viewer.actor.may(Permission.MANAGE_OWN_BILLING, going[0].organization_id):
        return
    say, fmt = viewer.say, viewer.format
    with layout.card(say("cancel.title"), note=say("cancel.note"), key="cancel_card", stretch=False):
        for row in going:
            name = ", ".join(row.apps) or row.id
            kept = fmt.moment(row.kept_until) if row.kept_until else ""
            if row.cancel_at is not None:
                st.markdown(say("cancel.ends", name=name, at=fmt.moment(row.cancel_at), kept=kept))
                again = st.button(say("cancel.keep", name=name), key=f"keep_{row.id}")
                if again and act(cancellations.keep, subscription_id=row.id) is not None:
                    state.notice(say.text("cancel.kept"))
                    st.rerun()
                continue
            with st.popover(say("cancel.begin", name=name)):
                if row.period_end is not None:
                    st.markdown(say("cancel.at_end", at=fmt.moment(row.period_end), kept=kept))
                    _button(viewer, row, CancelWhen.AT_PERIOD_END)
                st.markdown(say("cancel.now", name=name))
                _button(viewer, row, CancelWhen.NOW)


def buying(viewer: Viewer, row: SubscriptionView, plans: Sequence[PlanOffer]) -> None:
    """The choice of the plan that a tried app has after its trial; nothing where there is none."""
    if not plans or row.trial_until is None or not viewer.actor.may(Permission.MANAGE_OWN_BILLING, row.organization_id):
        return
    say, fmt = viewer.say, viewer.format
    prices = {one.name: fmt.money(one.prices[row.currency], row.currency) for one in plans}
    with layout.card(say("buy.title", name=", ".join(row.apps)), key=f"buy_card_{row.id}", stretch=False):
        st.markdown(say("buy.note", at=fmt.moment(row.trial_until)))
        plan = st.selectbox(say("buy.plan"), list(prices), format_func=lambda one: f"{one}, {prices[one]}", key=f"plan_{row.id}")
        clicked = st.button(say("buy.do"), type="primary", key=f"buy_{row.id}")
        if clicked and act(conversions.convert, subscription_id=row.id, plan=plan) is not None:
            state.notice(say.text("buy.done"))
            st.rerun()


def _button(viewer: Viewer, row: SubscriptionView, when: CancelWhen) -> None:
    word = "cancel.do_now" if when is CancelWhen.NOW else "cancel.do_at_end"
    clicked = st.button(viewer.say(word), key=f"cancel_{when}_{row.id}")
    if clicked and act(cancellations.cancel, subscription_id=row.id, when=when) is not None:
        state.notice(viewer.say.text("cancel.done"))
        st.rerun()


def _next(viewer: Viewer, row: StandingView) -> str:
    if not row.next:
        return ""
    target = viewer.say.text(f"dunning.state.{row.target}") if row.target else ""
    return viewer.say.text(f"dunning.next.{row.next}", target=target)


def _became(viewer: Viewer, row: MomentView) -> str:
    say = viewer.say.text
    if row.what == "reminder":
        return say("dunning.told", n=int(row.after))
    return (
        f"{say(f'dunning.state.{row.before}')} → {say(f'dunning.state.{row.after}')}"
        if row.before
        else say(f"dunning.state.{row.after}")
    )
