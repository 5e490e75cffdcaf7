"""Catalogue: what can I run, what does it cost, when is it ready."""

import streamlit as st

from app.services import storefront
from app.ui import gate, layout, offer_cards, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_OWN_INSTANCES)
say = viewer.say
here = state.organization(viewer)
if here is None:
    layout.empty(viewer, "home.nowhere")
    st.stop()
front = queries.ask(storefront.front, organization_id=here.id)
filters = layout.header(say("shop.headline", n=len(front.offers)), note=say("shop.note"))
with filters:
    typed = state.search(say.text("shop.search"))
if not front.offers:
    layout.empty(viewer, "shop.empty", icon="storefront")
found = offer_cards.matching(viewer, front.offers, typed)
if front.offers and not found:
    layout.empty(viewer, "shop.no_match", icon="search_off")
with st.grid("auto", min_column_width=320):
    for offer in found:
        offer_cards.card(viewer, offer, front, org=here.id)
