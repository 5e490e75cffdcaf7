"""Panels of the Margin page: the rows of a month, and that they are the bill to the unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from app.services import margins
from app.services.margins import BY, MarginView
from app.ui import layout, state, tables
from app.ui.gate import Viewer
from app.ui.tables import Column

AMOUNTS = ("revenue", "direct", "shared", "before_idle", "idle", "after_idle")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the reader looks at."""

    month: date
    by: str


def choose(viewer: Viewer, months: Sequence[date]) -> Chosen:
    say = viewer.say.text
    keys = [f"{one:%Y-%m}" for one in months]
    with st.container(horizontal=True):
        by = state.choice(say("margin.by"), BY, key="by", words=lambda one: say(f"margin.by_{one}"))
        month = state.select(say("ledger.month"), keys, key="month", words=str, width=120)
    return Chosen(months[keys.index(month)], by)


def show(viewer: Viewer, view: MarginView, by: str) -> None:
    say, fmt = viewer.say, viewer.format
    left = fmt.money(sum(row.after_idle_minor for row in view.rows) - view.rest_minor, view.currency)
    revenue = fmt.money(view.revenue_minor, view.currency)
    layout.header(say("margin.headline", amount=left, revenue=revenue, month=f"{view.month:%Y-%m}"), note=say("margin.note"))
    if not view.priced:
        st.info(say("margin.unpriced"), icon=":material/payments:")
    if not view.ended:
        st.caption(say("margin.running"))
    if margins.proven(view):
        st.caption(say("margin.proven", bill=fmt.money(view.bill_minor, view.currency), idle=fmt.percent(view.idle_share)))
    else:
        st.error(say("margin.not_proven"))
    columns = [Column("name", say.text(f"margin.by_{by}"), lambda r: r.name or "–", width=230)]
    columns += [Column(one, say.text(f"margin.{one}"), _amount(viewer, view, one), width=130) for one in AMOUNTS]
    tables.show(viewer, view.rows, columns, key=f"margin_{by}", alt=say.text("margin.rows"), empty="margin.none")
    layout.source(viewer, say.text("margin.source"), say.text("margin.formula"))


def _amount(viewer: Viewer, view: MarginView, name: str) -> Any:
    return lambda row: viewer.format.money(getattr(row, f"{name}_minor"), view.currency)
