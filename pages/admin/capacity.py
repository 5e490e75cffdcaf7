"""Capacity: how long until full, at the loss of a node, with open trials; what would happen if; what could be smaller."""

import streamlit as st

from app.services import capacity
from app.ui import forecast_chart, gate, layout, queries, room_panels, state
from app.ui.messages import plain
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_CLUSTER)
say, fmt = viewer.say, viewer.format
seen = queries.ask(capacity.state)
top = st.container()
with layout.card(say("capacity.outlook"), key="outlook", stretch=False):
    with st.container(horizontal=True):
        chosen = state.choice(
            say("capacity.resource"), ("memory", "cpu", "pods"), key="resource", words=lambda k: say.text(f"resource.{k}")
        )
        line = state.choice(
            say("capacity.line"), ("full", "sale", "safe"), key="line", words=lambda k: say.text(f"capacity.line_{k}")
        )
    outlook = queries.seldom(capacity.forecast, resource=chosen, line=line)
    said, _, besides = (outlook.sentence if outlook else say.text("page.capacity")).partition(". ")
    with top:
        layout.header(
            plain(f"{said}." if besides else said),
            note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since),
        )
        if besides:
            st.markdown(plain(besides))
        room_panels.gauges(viewer, seen.resources)
        if seen.nodes_apart:
            st.caption(say("capacity.apart", n=seen.nodes_apart))
        st.markdown(room_panels.survival(viewer, seen))
    resource = next((r for r in seen.resources if r.resource == chosen), None)
    if outlook is not None and resource is not None:
        forecast_chart.show(viewer, outlook, resource)
        if outlook.enough:
            trust = say("forecast.trusted" if outlook.trusted else "forecast.untrusted")
            error = say(
                "forecast.error",
                error=fmt.percent(outlook.median_error, 1),
                base=fmt.percent(outlook.baseline_error, 1),
                n=outlook.cuts,
            )
            st.caption(f"{error} {trust}")
        layout.source(viewer, outlook.source, f"{outlook.method}. {outlook.history.formula}")
left, right = st.columns([7, 5])
with left, layout.card(say("capacity.headroom"), note=room_panels.block(viewer, seen), key="headroom_card"):
    room_panels.headroom(viewer, seen.headroom)
with right, layout.card(say("capacity.losses"), note=say("capacity.losses_note"), key="losses_card"):
    room_panels.losses(viewer, seen.losses)
with layout.card(say("whatif.title"), note=say("whatif.note"), key="whatif", stretch=False):
    with st.form("what_if_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        lose = st.selectbox(
            say("whatif.lose"), ["", *[r.node for r in seen.losses]], format_func=lambda n: n or say.text("whatif.none")
        )
        add = st.number_input(say("whatif.add"), 0, 20, 0)
        plans = {p.plan_id: f"{p.template_name} · {p.name}" for p in seen.headroom}
        plan = st.selectbox(say("whatif.plan"), ["", *plans], format_func=lambda p: plans.get(p, say.text("whatif.none")))
        copies = st.number_input(say("whatif.copies"), 0, 1000, 10)
        trials = st.checkbox(say("whatif.trials"))
        asked = st.form_submit_button(say("whatif.ask"), type="primary")
    if asked:
        found = queries.attempt(
            capacity.what_if,
            lose=lose or None,
            add=int(add),
            plan_id=plan or None,
            copies=int(copies) if plan else 0,
            trials=trials,
        )
        if found is not None:
            room_panels.answer(viewer, found)
with layout.card(say("sizing.title"), key="sizing_card", stretch=False):
    smaller = queries.seldom(capacity.rightsizing)
    if smaller is not None:
        room_panels.sizing(viewer, smaller)
        layout.source(viewer, smaller.source, smaller.formula)
