"""Panels of the Revenue page: each figure with its formula, each row with what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import streamlit as st

from app.services.revenue import BY, MonthView, MovementView, RevenueView
from app.ui import charts, layout, state, tables
from app.ui.format import NOTHING
from app.ui.gate import Viewer
from app.ui.tables import Column, Opening

BARS = ("opening", "new", "expansion", "reactivation", "contraction", "churn", "closing")


def currency(viewer: Viewer, known: Sequence[str]) -> str:
    """The one that the reader looks at."""
    if len(known) < 2:
        return known[0] if known else "IDR"
    return state.choice(viewer.say.text("column.currency"), known, key="currency")


def headline(viewer: Viewer, view: RevenueView) -> None:
    say, fmt = viewer.say, viewer.format
    now = view.months[0]
    amount = fmt.money(view.mrr_minor, view.currency)
    layout.header(say("revenue.headline", n=now.customers, amount=amount), note=say("revenue.as_of", at=fmt.moment(view.as_of)))
    arpa = fmt.money(round(now.arpa), view.currency) if now.arpa is not None else NOTHING
    before = view.months[1].bridge
    pairs = [
        ("arr", fmt.money(now.arr, view.currency)),
        ("arpa", arpa),
        ("churn", share(viewer, before.customer_churn)),
        ("gross_churn", share(viewer, before.gross_churn)),
        ("nrr", share(viewer, before.net_retention)),
        ("grr", share(viewer, before.gross_retention)),
        ("quick", NOTHING if before.quick_ratio is None else fmt.number(float(before.quick_ratio), 1)),
    ]
    layout.facts([(say(f"revenue.{name}"), value) for name, value in pairs])
    layout.source(viewer, say.text("revenue.source"), say.text("revenue.formulas"))


def month(viewer: Viewer, view: RevenueView) -> MonthView:
    """The month whose bridge is shown."""
    keys = [f"{one.month:%Y-%m}" for one in view.months]
    picked = state.select(viewer.say.text("ledger.month"), keys, key="month", words=str, width=120)
    return view.months[keys.index(picked)]


def bridge(viewer: Viewer, view: RevenueView, one: MonthView) -> None:
    """The waterfall that sums, and the movements of which it is made."""
    say, fmt = viewer.say.text, viewer.format
    steps = [getattr(one.bridge, name) for name in BARS]
    signed = [-amount if name in ("contraction", "churn") else amount for name, amount in zip(BARS, steps, strict=True)]
    below, at = [], 0
    for name, amount in zip(BARS, signed, strict=True):
        if name in ("opening", "closing"):
            below.append(0)
            at = amount
        else:
            below.append(min(at, at + amount))
            at += amount
    labels = [f"{say(f'revenue.{name}')}\n{fmt.money(amount, view.currency)}" for name, amount in zip(BARS, signed, strict=True)]
    option = {
        "grid": {"left": 8, "right": 8, "top": 16, "bottom": 8, "containLabel": True},
        "xAxis": {"type": "category", "data": labels, "axisLabel": {"interval": 0}},
        "yAxis": {"type": "value", "axisLabel": {"show": False}, "splitNumber": 3},
        "series": [
            {"type": "bar", "stack": "mrr", "data": below, "itemStyle": {"color": "transparent"}, "silent": True},
            {
                "type": "bar",
                "stack": "mrr",
                "data": [
                    {"value": amount, "itemStyle": {"color": _colour(name)}} for name, amount in zip(BARS, steps, strict=True)
                ],
            },
        ],
    }
    charts.draw(option, key="bridge_chart", alt=say("revenue.bridge_alt"), height=240)
    mine = [row for row in view.movements if _in(row, view, one)]
    columns = [
        Column("organization", say("column.organization"), lambda r: r.organization, width=220),
        Column("at", say("column.at"), lambda r: r.at, "moment"),
        Column("kind", say("revenue.movement"), lambda r: say(f"revenue.{r.kind.value}"), width=130),
        Column("change", say("revenue.change"), lambda r: fmt.money(r.change_minor, view.currency), width=140),
    ]
    tables.show(
        viewer, mine, columns, key="movements", alt=say("revenue.movements"), empty="revenue.no_movements",
        opening=Opening("organization", lambda r: {"id": r.organization_id}),
    )  # fmt: skip
    layout.source(viewer, say("revenue.source"), say("revenue.bridge_formula"))


def months(viewer: Viewer, view: RevenueView) -> None:
    say = viewer.say.text
    columns = [Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90)]
    columns += [Column(name, say(f"revenue.{name}"), _amount(viewer, view, name), width=120) for name in BARS]
    columns += [
        Column("customers", say("revenue.customers"), lambda r: r.customers, "integer", width=90),
        Column("nrr", say("revenue.nrr"), lambda r: share(viewer, r.bridge.net_retention), width=80),
        Column("grr", say("revenue.grr"), lambda r: share(viewer, r.bridge.gross_retention), width=80),
        Column("churn", say("revenue.churn"), lambda r: share(viewer, r.bridge.customer_churn), width=100),
    ]
    tables.show(viewer, view.months, columns, key="mrr_months", alt=say("revenue.months"))


def cohorts(viewer: Viewer, view: RevenueView) -> None:
    """MRR of the customers of each month, as a share of what it was at the end of that month."""
    say = viewer.say.text
    most = min(max((len(one.mrr) for one in view.cohorts), default=0), 15)
    columns = [
        Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90),
        Column("customers", say("revenue.customers"), lambda r: r.customers, "integer", width=90),
        Column("first", say("revenue.closing"), lambda r: viewer.format.money(r.mrr[0], view.currency), width=130),
    ]
    columns += [Column(f"m{at}", str(at), _retained(viewer, at), width=64) for at in range(1, most)]
    tables.show(viewer, view.cohorts, columns, key="cohort", alt=say("revenue.cohorts"), empty="revenue.none")
    layout.source(viewer, say("revenue.source"), say("revenue.cohort_formula"))


def trials(viewer: Viewer, view: RevenueView) -> None:
    say = viewer.say.text
    columns = [
        Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90),
        *(Column(name, say(f"revenue.trials_{name}"), _plain(name), "integer", width=100) for name in _TRIALS),
        Column("share", say("revenue.conversion"), lambda r: share(viewer, r.share), width=110),
    ]
    tables.show(viewer, view.trials, columns, key="trial_months", alt=say("revenue.trials"), empty="revenue.no_trials")
    layout.source(viewer, say("revenue.source"), say("revenue.conversion_formula"))


def parts(viewer: Viewer, view: RevenueView) -> None:
    """By plan, template or country, and the lines behind it."""
    say, fmt = viewer.say.text, viewer.format
    what = state.choice(say("revenue.by"), BY, key="by", words=lambda one: say(f"revenue.by_{one}"))
    columns = [
        Column(
            "name", say(f"revenue.by_{what}"), lambda r: fmt.country(r.name) if what == "country" else r.name or NOTHING, width=200
        ),
        Column("mrr", "MRR", lambda r: fmt.money(r.mrr_minor, view.currency), width=140),
        Column("share", say("revenue.share"), lambda r: r.mrr_minor / view.mrr_minor if view.mrr_minor else None, "share"),
        Column("customers", say("revenue.customers"), lambda r: r.customers, "integer", width=90),
        Column("lines", say("revenue.lines"), lambda r: r.lines, "integer", width=90),
    ]
    tables.show(viewer, view.by(what), columns, key=f"by_{what}", alt=say("revenue.parts"), empty="revenue.none")
    every = [
        Column("organization", say("column.organization"), lambda r: r.organization, width=200),
        Column("app", say("column.app"), lambda r: r.app, width=160),
        Column("plan", say("revenue.by_plan"), lambda r: f"{r.template}, {r.plan}", width=180),
        Column("since", say("revenue.since"), lambda r: r.since, "day"),
        Column("net", "MRR", lambda r: fmt.money(r.net_minor, view.currency), width=130),
    ]
    with st.expander(say("revenue.every_line", n=len(view.lines))):
        tables.show(
            viewer, view.lines, every, key="mrr_lines", alt=say("revenue.lines"), empty="revenue.none",
            opening=Opening("organization", lambda r: {"id": r.organization_id}),
        )  # fmt: skip


def share(viewer: Viewer, value: Fraction | None) -> str:
    """A share of one, or a dash where there is nothing to divide by."""
    return viewer.format.percent(None if value is None else float(value), 1)


_TRIALS = ("begun", "converted", "ended", "open")


def _in(row: MovementView, view: RevenueView, one: MonthView) -> bool:
    """Whether a movement is one of those that the bridge sums."""
    newer = [other for other in view.months if other.month > one.month]
    return row.at >= one.start and (not newer or row.at < newer[-1].start)


def _colour(name: str) -> str:
    if name in ("contraction", "churn"):
        return charts.BAD
    return charts.CALM if name in ("opening", "closing") else charts.GOOD


def _amount(viewer: Viewer, view: RevenueView, name: str) -> Any:
    return lambda row: viewer.format.money(getattr(row.bridge, name), view.currency)


def _plain(name: str) -> Any:
    return lambda row: getattr(row, name)


def _retained(viewer: Viewer, at: int) -> Any:
    return lambda row: share(viewer, Fraction(row.mrr[at], row.mrr[0])) if at < len(row.mrr) and row.mrr[0] else None
