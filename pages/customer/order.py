"""Order: what, how big, under which name; afterwards how far it is."""

import streamlit as st

from app.services import progress
from app.ui import checkout_form, diagnosis_panels, gate, layout, navigation, order_progress, queries, state
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_OWN_INSTANCES)
here = state.organization(viewer)
placed, template = state.parameter("order"), state.parameter("template")
layout.back(viewer, "home" if placed else "catalogue", **({"org": here.id} if here else {}))
if placed:
    checkout_form.arrived()
    order_progress.followed(placed)
    seen = queries.ask(progress.of_order, order_id=placed)
    if seen.code in order_progress.BEING_MADE:
        diagnosis_panels.panel(seen.order.instance_id)
elif here is None:
    layout.empty(viewer, "home.nowhere")
elif template:
    checkout_form.show(here.id, template)
else:
    navigation.go("catalogue", org=here.id)
st.space("small")
