"""Panels of the catalogue's management: every kind of app, and one with its licence, plans and sale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.services import offers
from app.services.offers import LIST_CURRENCY, Offer, PlanOffer
from app.ui import layout, state, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column, Opening
from models.domain.readiness import Readiness

Makings = Mapping[str, tuple[int, int]]
CURRENCIES = ("IDR", "USD", "EUR")


def listed(viewer: Viewer, rows: Sequence[Offer], makings: Makings) -> None:
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("name", say("column.name"), lambda r: r.name, width=150),
        Column("offered", say("column.offered"), lambda r: "on_sale" if r.on_sale else "withheld", "state", 120),
        Column("version", say("column.version"), lambda r: r.version),
        Column("price", say("column.from_price"), lambda r: _from(viewer, r), width=120),
        Column("ready", say("column.ready_after"), lambda r: fmt.duration(r.ready_after) if r.ready_after else "", width=120),
        Column("made", say("column.made"), lambda r: makings.get(r.id, (0, 0))[0], "integer"),
        Column("stopped", say("column.stopped"), lambda r: makings.get(r.id, (0, 0))[1], "integer"),
        Column("licence", say("selling.licence"), lambda r: r.licence, width=170),
        Column("reason", say("column.reason"), lambda r: r.withheld, width=340),
    ]
    tables.show(
        viewer, rows, columns, key="templates", alt=say("table.templates"), empty="selling.none",
        opening=Opening("catalogue_admin", lambda r: {"template": r.id}),
    )  # fmt: skip


def _from(viewer: Viewer, row: Offer) -> str:
    paid = [plan.price_minor for plan in row.plans if plan.price_minor]
    return viewer.format.money(min(paid), LIST_CURRENCY) if paid else ""


def readiness(viewer: Viewer, rows: Sequence[Readiness]) -> None:
    """How long each plan of a kind of app took to be ready, and where the time went."""
    say = viewer.say.text
    steps = list(dict.fromkeys(step for row in rows for step in row.steps))
    columns = [
        Column("plan", say("column.plan"), lambda r: r.plan, width=110),
        Column("made", say("column.made"), lambda r: r.made, "integer"),
        Column("stopped", say("column.stopped"), lambda r: r.stopped, "integer"),
        Column("success", say("column.success"), lambda r: r.success, "share"),
        Column("half", say("column.half_within"), lambda r: r.median, "seconds"),
        Column("most", say("column.nine_of_ten_within"), lambda r: r.nine_of_ten, "seconds"),
        *(Column(step, say(f"phase.{step}"), _step(step), "seconds") for step in steps),
    ]
    with layout.card(viewer.say("selling.ready"), note=viewer.say("selling.ready_note"), key="readiness", stretch=False):
        tables.show(viewer, rows, columns, key="readiness_table", alt=say("table.readiness"), empty="selling.never")


def _step(name: str) -> Callable[[Readiness], float | None]:
    return lambda row: row.steps.get(name)


def one(viewer: Viewer, row: Offer, makings: Makings) -> None:
    """One kind of app: what is known of it and what staff decide about it."""
    say, fmt = viewer.say, viewer.format
    made, stopped = makings.get(row.id, (0, 0))
    with layout.card(plain(row.name), note=plain(row.words["en"].summary), key="template", stretch=False):
        if row.on_sale:
            st.success(say("selling.on_sale"), icon=":material/sell:")
        else:
            st.warning(say("selling.why", reason=row.withheld), icon=":material/block:")
        ready = (
            say("selling.median", n=row.measured, span=fmt.duration(row.ready_after)) if row.ready_after else say("selling.never")
        )
        terms = say("selling.needs") if row.needs_agreement else say("selling.free")
        layout.facts(
            [
                (say("selling.version"), plain(row.version)),
                (say("selling.licence"), f"{plain(row.licence)} · {terms}"),
                (say("selling.ready"), ready),
                (say("selling.made"), fmt.number(made)),
                (say("selling.failures"), fmt.number(stopped)),
            ]
        )
        if row.licence_note:
            st.info(plain(row.licence_note), icon=":material/gavel:")
        if row.agreed_at is not None:
            st.caption(say("selling.agreed", at=fmt.day(row.agreed_at), by=row.agreed_by))
        _buttons(viewer, row)
        _plans(viewer, row.plans)


def _buttons(viewer: Viewer, row: Offer) -> None:
    say = viewer.say
    if row.needs_agreement and row.agreed_at is None:
        st.markdown(say("selling.agree_what"))
        if st.button(say("selling.agree"), icon=":material/handshake:", key="template_agree"):
            _done(viewer, act(offers.agree, template=row.id))
    with st.container(horizontal=True):
        if row.withdrawn and st.button(say("selling.resume"), type="primary", key="template_resume"):
            _done(viewer, act(offers.resume, template=row.id))
        if not row.withdrawn:
            with st.popover(say("selling.withdraw")), st.form("template_withdraw", border=False):
                st.markdown(say("selling.withdraw_what"))
                reason = st.text_input(say("selling.withdraw_why"), max_chars=300)
                if st.form_submit_button(say("selling.withdraw_do")):
                    _done(viewer, act(offers.withdraw, template=row.id, reason=reason))


def _plans(viewer: Viewer, rows: Sequence[PlanOffer]) -> None:
    say, fmt = viewer.say.text, viewer.format

    def price(currency: str) -> Callable[[Any], str]:
        return lambda r: fmt.money(r.prices.get(currency), currency)

    columns = [
        Column("plan", say("column.plan"), lambda r: r.name, width=110),
        Column("cpu", say("app.cpu"), lambda r: r.cpu_cores, "cores"),
        Column("memory", say("app.memory"), lambda r: r.memory_bytes, "mebibytes"),
        Column("disk", say("column.disk"), lambda r: fmt.bytes(r.storage_bytes) if r.storage_bytes else ""),
        Column("people", say("column.people"), lambda r: r.people, "integer"),
        *(Column(one.lower(), say("column.price_in", currency=one), price(one), width=130) for one in CURRENCIES),
        Column("trial", say("column.trial_days"), lambda r: r.trial_days, "integer"),
    ]
    tables.show(viewer, rows, columns, key="plans", alt=say("table.plans"))


def _done(viewer: Viewer, changed: Offer | None) -> None:
    if changed is not None:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
