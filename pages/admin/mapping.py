"""Mapping: whose each namespace is, so that the numbers are whole; nobody's first, by page or by CSV."""

import streamlit as st

from app.services import mapping, organizations
from app.ui import gate, layout, mapping_panels, queries, state
from app.ui.messages import Plain
from models.domain.access import Permission
from models.domain.mapping import Via
from models.domain.organizations import ENDED

viewer = gate.require(Permission.MAP_NAMESPACES)
say, fmt = viewer.say, viewer.format
top = st.container()
with st.container(horizontal=True):
    words = state.search(say.text("mapping.search"))
    via = state.select(say.text("column.via"), ["", *Via], key="via", words=lambda v: say.text(f"via.{v}" if v else "all.vias"))
seen = queries.ask(mapping.list_, search=words, via=Via(via) if via else None)
open_ones = seen.unowned + seen.disputed
with top:
    layout.header(
        say("mapping.headline", n=open_ones) if open_ones else say("mapping.whole"),
        note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since),
    )
    st.markdown(
        say(
            "mapping.unowned",
            n=seen.unowned_pods,
            share=fmt.percent(seen.unowned_memory_share, 1),
            organization=Plain(seen.organization_label),  # between backticks, where a backslash would be a letter
            instance=Plain(seen.instance_label),
        ),
        help=say("mapping.unowned_help"),
    )
mapping_panels.listed(viewer, seen.rows)
owners = [one for one in queries.ask(organizations.every) if one.standing not in ENDED]
left, right = st.columns(2)
with left, layout.card(say("mapping.assign"), note=say("mapping.assign_note"), key="assign"):
    mapping_panels.assign(viewer, seen.rows, owners)
with right, layout.card(say("mapping.csv"), note=say("mapping.csv_note"), key="csv"):
    mapping_panels.file(viewer)
