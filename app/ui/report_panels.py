"""Reports of the ledger on its page: which one, of which month and currency; each row leads to the entries that make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import streamlit as st

from app.services import books
from app.services.books import BooksView
from app.services.reports import AgeingView, DeferredView, PositionView, ResultView, TaxMonthView, TaxView
from app.ui import layout, state, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Plain
from app.ui.tables import Column, Opening
from models.domain.access import Permission

VIEWS = ("balance", "result", "position", "deferred", "ageing", "tax", "months", "journal")
MONTHLY = ("result", "position")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the reader looks at."""

    view: str
    currency: str
    month: date


def choose(viewer: Viewer, currencies: Sequence[str], months: Sequence[date]) -> Chosen:
    """The choices on top; currency and month only where they matter."""
    say = viewer.say.text
    with st.container(horizontal=True):
        view = state.choice(say("ledger.view"), VIEWS, key="view", words=lambda one: say(f"ledger.{one}"))
        currency = currencies[0] if currencies else "IDR"
        if len(currencies) > 1 and view not in ("balance", "months", "journal"):
            currency = state.choice(say("column.currency"), currencies, key="currency")
        month = months[0]
        if view in MONTHLY:
            keys = [f"{one:%Y-%m}" for one in months]
            month = months[keys.index(state.select(say("ledger.month"), keys, key="month", words=str, width=120))]
    return Chosen(view, currency, month)


def wanted() -> dict[str, Any]:
    """Which entries the address asks for, as a row of a report does; nothing when it asks for none."""
    asked: dict[str, Any] = {name: state.parameter(name) or None for name in ("account", "currency", "kind")}
    if asked["account"] is None:
        return {}
    month = state.parameter("of")
    if len(month) == 7 and month[:4].isdigit() and month[5:].isdigit() and 1 <= int(month[5:]) <= 12 and int(month[:4]) >= 2000:
        asked["month"] = date(int(month[:4]), int(month[5:]), 1)
    return asked


def entries_of(viewer: Viewer, asked: Mapping[str, Any]) -> Plain:
    """The heading of those entries."""
    month = asked.get("month")
    name = named(viewer, asked["account"], "")
    return viewer.say("ledger.entries_of", account=name, month=f"{month:%Y-%m}" if month else viewer.say.text("ledger.ever"))


def result(viewer: Viewer, view: ResultView) -> None:
    say, fmt = viewer.say.text, viewer.format
    layout.facts([(say("ledger.result_of", month=f"{view.month:%Y-%m}"), fmt.money(view.result_minor, view.currency))])
    columns = [
        Column("account", say("column.account"), lambda r: named(viewer, r.account, r.name), width=230),
        _money(viewer, "amount", f"{view.month:%Y-%m}", view.currency, lambda r: r.amount_minor),
        _money(viewer, "before", say("ledger.before"), view.currency, lambda r: r.before_minor),
        _money(viewer, "year", say("ledger.year"), view.currency, lambda r: r.year_minor),
    ]
    _table(viewer, view.rows, columns, "result", _entries(view.currency, view.month))
    layout.source(viewer, say("ledger.source"), say("ledger.result_formula"))


def position(viewer: Viewer, view: PositionView) -> None:
    say, fmt = viewer.say.text, viewer.format
    pairs = [("assets", view.assets_minor), ("liabilities", view.liabilities_minor)]
    pairs += [("equity", view.equity_minor), ("earned", view.result_minor)]
    layout.facts([(say(f"ledger.{name}"), fmt.money(amount, view.currency)) for name, amount in pairs])
    columns = [
        Column("account", say("column.account"), lambda r: named(viewer, r.account, r.name), width=230),
        Column("kind", say("column.account_kind"), lambda r: say(f"account_kind.{r.kind.value}"), width=120),
        _money(viewer, "amount", say("column.balance"), view.currency, lambda r: r.amount_minor),
        _money(viewer, "before", say("ledger.before"), view.currency, lambda r: r.before_minor),
    ]
    _table(viewer, view.rows, columns, "position", _entries(view.currency, view.month))
    layout.source(viewer, say("ledger.source"), say("ledger.position_formula"))


def deferred(viewer: Viewer, rows: Sequence[DeferredView]) -> None:
    say = viewer.say.text
    names = ("opening", "billed", "recognised", "other", "closing")
    currency = rows[0].currency if rows else "IDR"
    columns = [Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90)]
    columns += [_money(viewer, one, say(f"ledger.{one}"), currency, _of(f"{one}_minor")) for one in names]
    opening = Opening("ledger", lambda r: {"account": "2400", "currency": r.currency, "of": f"{r.month:%Y-%m}"})
    _table(viewer, rows, columns, "deferred", opening)
    layout.source(viewer, say("ledger.source"), say("ledger.deferred_formula"))


def ageing(viewer: Viewer, view: AgeingView) -> None:
    say, fmt = viewer.say.text, viewer.format
    facts = [(say(f"ledger.age_{at}"), fmt.money(amount, view.currency)) for at, amount in enumerate(view.ages_minor)]
    facts.append((say("ledger.total"), fmt.money(view.total_minor, view.currency)))
    layout.facts(facts)
    if view.difference_minor:
        st.warning(viewer.say("ledger.ageing_differs", amount=fmt.money(view.difference_minor, view.currency)))
    columns = [
        Column("number", say("column.number"), lambda r: r.number, width=150),
        Column("organization", say("column.organization"), lambda r: r.organization, width=200),
        Column("due", say("ledger.due"), lambda r: fmt.calendar_day(r.due_on), width=110),
        Column("days", say("ledger.days"), lambda r: r.days, "integer", width=90),
        _money(viewer, "open", say("ledger.open"), view.currency, lambda r: r.open_minor),
    ]
    _table(viewer, view.rows, columns, "ageing", Opening("invoices", lambda r: {"invoice": r.invoice_id}))
    layout.source(viewer, say("ledger.source"), say("ledger.ageing_formula"))


def tax(viewer: Viewer, rows: Sequence[TaxView]) -> None:
    say = viewer.say.text
    currency = rows[0].currency if rows else "IDR"
    columns = [
        Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90),
        Column("tax", say("ledger.tax"), lambda r: r.name or say(f"tax_category.{r.category.value}"), width=90),
        Column("category", say("ledger.category"), lambda r: say(f"tax_category.{r.category.value}"), width=150),
        Column("invoices", say("page.invoices"), lambda r: r.invoices, "integer", width=90),
        _money(viewer, "net", say("ledger.net"), currency, lambda r: r.net_minor),
        _money(viewer, "amount", say("ledger.tax"), currency, lambda r: r.tax_minor),
    ]
    _table(viewer, rows, columns, "tax", None)


def tax_months(viewer: Viewer, rows: Sequence[TaxMonthView]) -> None:
    say = viewer.say.text
    currency = rows[0].currency if rows else "IDR"
    columns = [
        Column("month", say("ledger.month"), lambda r: f"{r.month:%Y-%m}", width=90),
        _money(viewer, "invoiced", say("ledger.tax_invoiced"), currency, lambda r: r.invoiced_minor),
        _money(viewer, "other", say("ledger.tax_other"), currency, lambda r: r.other_minor),
        _money(viewer, "due", say("ledger.tax_due"), currency, lambda r: r.due_minor),
    ]
    opening = Opening("ledger", lambda r: {"account": "2200", "currency": r.currency, "of": f"{r.month:%Y-%m}"})
    _table(viewer, rows, columns, "tax_months", opening)
    layout.source(viewer, say("ledger.source"), say("ledger.tax_formula"))


def months(viewer: Viewer, view: BooksView) -> None:
    """From when on the books are open, who moved that, and the form that moves it."""
    say, fmt = viewer.say, viewer.format
    st.markdown(say("ledger.open_from", day=fmt.calendar_day(view.open_from)) if view.open_from else say("ledger.never_closed"))
    if view.unrecognised:
        st.info(say("ledger.unrecognised", n=view.unrecognised), icon=":material/hourglass_top:")
    if viewer.actor.may(Permission.MANAGE_OWN_BILLING):
        reason = st.text_input(say.text("ledger.reason"), max_chars=500, key="books_reason")
        with st.container(horizontal=True):
            last = view.closable
            if last is not None and st.button(say("ledger.close", month=f"{last:%Y-%m}"), key="books_close"):
                _moved(viewer, "closed", act(books.close, month=last, reason=reason))
            if view.open_from is not None:
                month = (view.open_from - timedelta(days=1)).replace(day=1)
                if st.button(say("ledger.reopen", month=f"{month:%Y-%m}"), key="books_reopen"):
                    _moved(viewer, "reopened", act(books.reopen, month=month, reason=reason))
    columns = [
        Column("at", say.text("column.at"), lambda r: r.at, "moment"),
        Column("what", say.text("column.what"), lambda r: say.text("ledger.closed" if r.closed else "ledger.reopened"), width=120),
        Column("after", say.text("ledger.open_from_column"), lambda r: fmt.calendar_day(r.after), width=120),
        Column("by", say.text("ledger.by"), lambda r: r.actor_name, width=150),
        Column("reason", say.text("ledger.reason"), lambda r: r.reason, width=300),
    ]
    tables.show(viewer, view.moves, columns, key="books", alt=say.text("ledger.months"), empty="ledger.never_closed")


def named(viewer: Viewer, code: str, name: str) -> str:
    """An account as people read it."""
    return f"{code} {viewer.say.text(f'account.{code}') if viewer.say.has(f'account.{code}') else name}"


def _moved(viewer: Viewer, word: str, made: BooksView | None) -> None:
    if made is not None:
        state.notice(viewer.say.text(f"ledger.{word}"))
        st.rerun()


def _of(name: str) -> Any:
    return lambda row: getattr(row, name)


def _money(viewer: Viewer, name: str, label: str, currency: str, value: Any) -> Column:
    return Column(name, label, lambda row: viewer.format.money(value(row), currency), width=140)


def _entries(currency: str, month: date) -> Opening:
    def asked(row: Any) -> Mapping[str, str]:
        return {"account": row.account, "currency": currency, "of": f"{month:%Y-%m}"}

    return Opening("ledger", asked)


def _table(viewer: Viewer, rows: Sequence[Any], columns: list[Column], key: str, opening: Opening | None) -> None:
    tables.show(viewer, rows, columns, key=key, alt=viewer.say.text(f"ledger.{key}"), empty="ledger.none", opening=opening)
