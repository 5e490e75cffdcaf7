"""Home: are my apps up, and what needs me."""

import streamlit as st

from app.services import addresses, apps, progress
from app.ui import address_panels, app_cards, backup_panels, gate, layout, navigation, order_progress, queries, state
from app.ui.gate import Viewer
from models.domain.access import Permission


@gate.fragment(Permission.SEE_OWN_INSTANCES, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say = viewer.say
    here = state.organization(viewer)
    if here is None:
        layout.empty(viewer, "home.nowhere")
        return
    home = queries.ask(apps.mine, organization_id=here.id)
    ordered = queries.ask(progress.open_, organization_id=here.id)
    being_made = {one.order.instance_id for one in ordered}
    made = [card for card in home.apps if card.instance_id not in being_made]
    sick = sum(card.condition.state not in apps.WELL for card in made)
    code = "being_made" if ordered and not made else home.code
    if code == "some_need_attention" and not sick:  # what is only being made calls for nobody's attention
        code = "all_up"
    actions = layout.header(
        say(f"home.{code}", n=sick if code == "some_need_attention" else len(made or ordered), name=viewer.signed.name),
        note=layout.age(viewer, home.as_of, stale_since=home.stale_since),
    )
    with actions:
        navigation.link(viewer, "catalogue", say("home.new"), icon="add", org=here.id)
    # with the warehouse away it is said below that nothing of the past is known
    reached = () if home.away_since else queries.attempt(addresses.of_organization, organization_id=here.id) or ()
    if not home.apps and not reached:
        layout.empty(viewer, "home.empty")
    else:
        layout.away(viewer, home.away_since, "away.home")
    if ordered:
        order_progress.on_order(here.id)
    with st.grid("auto", min_column_width=340):
        for card in made:
            app_cards.card(viewer, card)
    address_panels.answering(viewer, reached)
    if home.apps:
        navigation.link(viewer, "billing", say("home.to_billing"), icon="receipt_long")


viewer = gate.require(Permission.SEE_OWN_INSTANCES)
live()
here = state.organization(viewer)
if here is not None:
    backup_panels.deleted(here.id)
