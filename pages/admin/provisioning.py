"""Provisioning: orders that wait for staff, changes that stopped or run, and one change as steps."""

import streamlit as st

from app.services import changesets, drift, orders, organizations, orphans, upgrades
from app.ui import (
    change_panels,
    diagnosis_panels,
    gate,
    layout,
    order_decisions,
    orphan_panels,
    queries,
    state,
    suspension_panels,
    upgrade_panels,
)
from app.ui.gate import Viewer
from models.domain.access import Permission
from models.domain.changesets import ChangeState
from models.domain.orders import OPEN

NEWEST = 100


@gate.fragment(Permission.SEE_CLUSTER)
def overview(viewer: Viewer) -> None:
    say = viewer.say
    waiting = queries.ask(orders.list_, states=OPEN, limit=NEWEST).items
    going = queries.ask(changesets.list_, states=change_panels.UNDER_WAY, limit=NEWEST)
    over = queries.ask(changesets.list_, states=change_panels.OVER, limit=NEWEST)
    stopped = sum(row.state is ChangeState.BLOCKED for row in going)
    runs, ours = len(going) - stopped, order_decisions.waiting(waiting)
    notes = [say("provisioning.also", n=runs)] if stopped and runs else []
    notes += [say("provisioning.orders", n=ours)] if ours else []
    headline = "provisioning.stopped" if stopped else "provisioning.runs" if runs else "provisioning.quiet"
    layout.header(say(headline, n=stopped or runs), note=" · ".join(notes))
    if waiting:
        st.subheader(say("provisioning.waiting_orders"), anchor=False)
        names = {id: queries.ask(organizations.get, organization_id=id).name for id in {row.organization_id for row in waiting}}
        order_decisions.cards(viewer, waiting, names)
    orphan_panels.panel(viewer, queries.ask(orphans.list_))
    change_panels.drifted(viewer, queries.ask(drift.recent, limit=20).items)
    upgrade_panels.behind(viewer, queries.ask(upgrades.behind), queries.ask(upgrades.list_, limit=20).items)
    with layout.card(say("provisioning.changes"), note=say("provisioning.changes_note"), key="changes_card", stretch=False):
        change_panels.listed(viewer, change_panels.ordered(going, over))


@gate.fragment(Permission.SEE_CLUSTER)
def opened(viewer: Viewer, change: str) -> None:
    row = queries.ask(changesets.get, change_set_id=change)
    change_panels.one(viewer, row, queries.ask(changesets.steps, change_set_id=change))


viewer = gate.require(Permission.SEE_CLUSTER)
change = state.parameter("change")
if change:
    layout.back(viewer, "provisioning")
    opened(change)
    app = queries.ask(changesets.get, change_set_id=change).instance_id
    suspension_panels.panel(app)
    diagnosis_panels.panel(app)
else:
    overview()
