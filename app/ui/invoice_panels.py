"""Panels about invoices: the list, one with its lines, and the charges to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from app.services.invoices import InvoiceView
from app.services.renewals import ComingView
from app.ui import layout, tables
from app.ui.gate import Viewer
from app.ui.messages import Plain
from app.ui.tables import Column, Opening
from models.domain.subscriptions import SubscriptionState
from models.store.invoices import InvoiceState


def amounts(viewer: Viewer, rows: Sequence[InvoiceView]) -> str:
    """What is open of them, by currency."""
    open_: dict[str, int] = {}
    for row in rows:
        open_[row.currency] = open_.get(row.currency, 0) + row.open_minor
    return " + ".join(viewer.format.money(minor, currency) for currency, minor in sorted(open_.items()) if minor)


def open_first(open_: Sequence[InvoiceView], rows: Sequence[InvoiceView]) -> list[InvoiceView]:
    """Everything that is open, then the newest that is not."""
    return [*open_, *(row for row in rows if row.state is not InvoiceState.OPEN)]


def listed(
    viewer: Viewer, rows: Sequence[InvoiceView], *, page: str, empty: str, organizations: Mapping[str, str] | None = None
) -> None:
    """The invoices; a row opens itself. `organizations`: names by id, where rows are of several."""
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("number", say("column.number"), lambda r: r.number, width=150),
        Column("state", say("column.state"), lambda r: r.state.value, "state", 130),
        Column("total", say("column.total"), lambda r: fmt.money(r.total_minor, r.currency), width=130),
        Column("period", say("column.period"), lambda r: _span(viewer, r), width=210),
        Column("due", say("column.due_on"), lambda r: fmt.calendar_day(r.due_on), width=130),
        Column("tax", say("column.tax"), lambda r: fmt.money(r.tax_minor, r.currency), width=110),
    ]
    if organizations is not None:
        of = organizations
        columns.insert(2, Column("organization", say("column.organization"), lambda r: of.get(r.organization_id, ""), width=160))
    tables.show(
        viewer, rows, columns, key="invoices", alt=say("table.invoices"), empty=empty,
        opening=Opening(page, lambda r: {"invoice": r.id}),
    )  # fmt: skip


def one(viewer: Viewer, row: InvoiceView) -> None:
    """One invoice with its lines and how its tax comes about."""
    say, fmt = viewer.say, viewer.format
    layout.header(
        say("billing.lines", number=row.number, total=fmt.money(row.total_minor, row.currency)),
        note=say(
            "billing.lines_note",
            first=fmt.calendar_day(row.first),
            last=fmt.calendar_day(row.after - timedelta(days=1)),
            due=fmt.calendar_day(row.due_on),
        ),
    )
    chip = "green" if row.state is InvoiceState.PAID else "orange"
    st.markdown(f":{chip}-badge[{say(f'state.{row.state.value}')}]")
    columns = [
        Column("what", say.text("column.what_for"), lambda r: r.what, width=260),
        Column("net", say.text("column.net"), lambda r: fmt.money(r.net_minor, row.currency), width=130),
        Column("tax", say.text("column.tax"), lambda r: fmt.money(r.tax_minor, row.currency), width=130),
        Column("total", say.text("column.total"), lambda r: fmt.money(r.net_minor + r.tax_minor, row.currency), width=130),
    ]
    tables.show(viewer, row.lines, columns, key="invoice_lines", alt=say.text("table.invoice_lines"))
    layout.facts(
        [
            (say("billing.net"), fmt.money(row.net_minor, row.currency)),
            (say("billing.tax"), fmt.money(row.tax_minor, row.currency)),
            (say("column.total"), fmt.money(row.total_minor, row.currency)),
        ]
    )
    if row.tax_formula:
        st.markdown(f":small[:gray[{say('billing.formula')}: {row.tax_name} {Plain(row.tax_formula.replace('*', ''))}]]")


def coming(viewer: Viewer, rows: Sequence[ComingView]) -> None:
    """The next charge of each subscription, with its lines."""
    if not rows:
        layout.empty(viewer, "billing.no_subscription")
        return
    say, fmt = viewer.say, viewer.format
    with st.grid("auto", min_column_width=300):
        for row in rows:
            with st.container(border=True, key=f"coming_{row.subscription_id}", height="stretch"):
                if row.parked:
                    st.markdown(say("billing.parked"))
                elif row.first is None or row.after is None:
                    trial = row.state is SubscriptionState.TRIAL
                    st.markdown(say("billing.trial" if trial else "billing.next_none"))
                else:
                    total = fmt.money(row.total_minor, row.currency)
                    st.markdown(f"**{say('billing.next_one', total=total, day=fmt.calendar_day(row.first))}**")
                    last = fmt.calendar_day(row.after - timedelta(days=1))
                    st.markdown(f":gray[{say('billing.next_for', first=fmt.calendar_day(row.first), last=last)}]")
                for line in row.lines:
                    amount = fmt.money(line.net_minor + line.tax_minor, row.currency)
                    st.markdown(say("billing.line", what=line.what, amount=amount))


def _span(viewer: Viewer, row: InvoiceView) -> str:
    fmt = viewer.format
    return f"{fmt.calendar_day(row.first)} – {fmt.calendar_day(row.after - timedelta(days=1))}"
