"""One organization: standing, apps and use, people, what happened to it; and what staff can do for it."""

import streamlit as st

from app.services import addresses, apps, audit, changesets, credits, members, orders, organizations, usage
from app.ui import (
    address_panels,
    adoption_forms,
    app_cards,
    change_panels,
    credit_panels,
    gate,
    layout,
    order_decisions,
    organization_panels,
    people_panels,
    queries,
    state,
    support_panels,
)
from models.domain.access import Permission
from models.domain.orders import OPEN

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
say, fmt = viewer.say, viewer.format
layout.back(viewer, "organizations")
id = state.parameter("id")
seen = queries.ask(organizations.get, organization_id=id)
filters = layout.header(say("organization.headline", name=seen.name, standing=say.text(f"standing.{seen.standing}")))
with filters:
    span = state.span(fmt, default="7d")
people = queries.ask(members.of_organization, organization_id=id) if Permission.SEE_OWN_MEMBERS in viewer.actor.everywhere else ()
layout.facts(organization_panels.facts(viewer, seen, people))
if Permission.SEE_OWN_INSTANCES in viewer.actor.everywhere:
    home = queries.attempt(apps.mine, organization_id=id)
    with layout.card(say("organization.apps"), key="apps", stretch=False):
        if home is not None:
            app_cards.table(viewer, home.apps)
        if gate.holds(viewer.actor, Permission.MANAGE_ORGANIZATIONS):
            if Permission.MAP_NAMESPACES in viewer.actor.everywhere:
                adoption_forms.add(viewer, id)
            if home is not None:
                adoption_forms.change(viewer, home.apps)
    waiting = queries.attempt(orders.list_, organization_id=id, states=OPEN)
    if waiting is not None and waiting.items:
        with layout.card(say("provisioning.waiting_orders"), key="waiting", stretch=False):
            order_decisions.cards(viewer, waiting.items, {id: seen.name})
    going = queries.attempt(changesets.list_, organization_id=id, states=change_panels.UNDER_WAY)
    if going:
        with layout.card(say("provisioning.changes"), key="going", stretch=False):
            change_panels.listed(viewer, change_panels.ordered(going, ()))
    reached = queries.attempt(addresses.of_organization, organization_id=id)
    if reached is not None:
        address_panels.answering(viewer, reached, staff=True)
    since, until = state.window(viewer, span)
    used = queries.attempt(usage.organization, organization_id=id, since=since, until=until)
    if used is not None:
        with layout.card(say("organization.usage"), note=organization_panels.covered(viewer, used), key="usage", stretch=False):
            organization_panels.usage(viewer, used)
owed = queries.attempt(credits.of_organization, organization_id=id)
if owed:
    with layout.card(say("organization.credit"), key="credit", stretch=False):
        credit_panels.pay_out(viewer, id, owed)
left, right = st.columns(2)
if Permission.SEE_OWN_MEMBERS in viewer.actor.everywhere:
    with left, layout.card(say("organization.people"), key="people"):
        people_panels.members(viewer, people)
if Permission.SEE_OWN_AUDIT in viewer.actor.everywhere:
    with right, layout.card(say("organization.timeline"), key="timeline"):
        organization_panels.timeline(viewer, queries.ask(audit.of_organization, organization_id=id, limit=50).items)
if Permission.SEE_OWN_AUDIT in viewer.actor.everywhere:
    support_panels.listed(viewer, id)
support_panels.begin(viewer, id, seen.name)
if gate.holds(viewer.actor, Permission.MANAGE_ORGANIZATIONS):
    organization_panels.manage(viewer, seen)
