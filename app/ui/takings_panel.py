"""Money on the overview: the figures of each currency, with where they come from."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.takings import TakingsView
from app.ui import layout
from app.ui.gate import Viewer


def show(viewer: Viewer, rows: Sequence[TakingsView] | None) -> None:
    if rows is None:
        return
    say, fmt = viewer.say, viewer.format
    if not rows:
        layout.empty(viewer, "takings.none")
        return
    for row in rows:
        late = fmt.money(row.overdue_minor, row.currency)
        risk = fmt.money(row.at_risk_minor, row.currency)
        pairs = [
            ("mrr", f"{fmt.money(row.mrr_minor, row.currency)} ({say('takings.of_customers', n=row.customers)})"),
            ("collected", fmt.money(row.collected_minor, row.currency)),
            ("overdue", f":red[{late}] ({say('takings.invoices', n=row.overdue)})" if row.overdue else late),
            ("at_risk", f":red[{risk}] ({say('takings.of_customers', n=row.at_risk)})" if row.at_risk else risk),
            ("ending", str(row.trials_ending)),
        ]
        layout.facts([(say(f"takings.{name}"), value) for name, value in pairs])
        st.caption(say("takings.before", amount=fmt.money(row.before_minor, row.currency)))
    layout.source(viewer, say.text("takings.source"), say.text("takings.formula"))
