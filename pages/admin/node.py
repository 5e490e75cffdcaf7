"""Node: one machine with its curves, its pods and what happened to it."""

import streamlit as st

from app.services import cluster, history
from app.ui import charts, cluster_tables, curves, emptying_panels, gate, layout, machine_facts, node_panels, queries, state
from app.ui.gate import Viewer
from models.domain.access import Permission

SECONDS = 10.0
"""Between two looks: less than a tick, so that a new sample is not long in coming."""


@gate.fragment(Permission.SEE_CLUSTER, every=SECONDS, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say, fmt = viewer.say, viewer.format
    seen = queries.ask(cluster.node, name=state.parameter("name"))
    node = seen.node
    filters = layout.header(
        say("node.headline", name=node.name, state=say.text(f"node.{node.state}")),
        note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since, measured_at=node.measured_at),
    )
    with filters:
        span = state.span(fmt)
    layout.facts(
        [
            (say("fact.since"), fmt.since(node.since, viewer.now)),
            (say("fact.memory"), say("fact.of", part=fmt.bytes(node.requests.memory), whole=fmt.bytes(node.allocatable.memory))),
            (say("fact.cpu"), say("fact.of", part=fmt.cores(node.requests.cpu), whole=fmt.cores(node.allocatable.cpu))),
            (say("fact.pods"), say("fact.pods_of", part=node.requests.pods, whole=node.allocatable.pods)),
            (say("fact.disk"), fmt.percent(node.disk_used_share)),
            (say("fact.load"), fmt.number(node.load1, 2)),
            (say("fact.version"), layout.plain(node.version)),
            (say("fact.address"), layout.plain(node.address)),
        ]
    )
    for problem in (*node.pressures, *seen.taints, *((node.reason,) if node.reason and node.state != "ready" else ())):
        st.warning(layout.plain(problem), icon=":material/warning:")
    for warning in machine_facts.warnings(seen):
        st.warning(warning, icon=":material/warning:")
    since, until = state.window(viewer, span)
    series = queries.attempt(history.node_series, name=node.name, since=since, until=until)
    if series is not None:
        left, right = st.columns(2)
        for place, name, curve, unit in (
            (left, "memory", curves.memory(say, top="memory_allocatable"), "B"),
            (right, "cpu", curves.cpu(say, top="cpu_allocatable"), "cores"),
        ):
            with place, layout.card(say(f"curve.{name}"), key=name):
                charts.lines(fmt, series, curve, key=f"{name}_chart", alt=say.text(f"curve.{name}"), unit=unit, marks=series.marks)
        layout.source(viewer, series.source, series.formula)
    st.subheader(say("node.machine"), anchor=False)
    layout.away(viewer, seen.away_since, "away.counts")
    machine_facts.show(viewer, seen.machine)
    st.subheader(say("node.pods", n=len(seen.pods)), anchor=False)
    cluster_tables.pods(viewer, seen.pods, key="node_pods", on_node=False)
    happened, changed = st.tabs(
        [cluster_tables.tab(viewer, "events", len(seen.events)), cluster_tables.tab(viewer, "changes", len(seen.changes))]
    )
    with happened:
        cluster_tables.events(viewer, seen.events, seen.away_since)
    with changed:
        cluster_tables.changes(viewer, seen.changes, seen.away_since)


viewer = gate.require(Permission.SEE_CLUSTER)
layout.back(viewer, "cluster")
live()
if state.parameter("name"):
    node_panels.service(state.parameter("name"))
    emptying_panels.panel(state.parameter("name"))
