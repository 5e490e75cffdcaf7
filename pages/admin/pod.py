"""Pod: state and since when, use against request and limit with restarts and events on one time axis, then the details."""

import streamlit as st

from app.services import cluster, history
from app.ui import charts, cluster_tables, curves, gate, layout, navigation, pod_facts, queries, state
from app.ui.gate import Viewer
from models.domain.access import Permission

SECONDS = 10.0
"""Between two looks: less than a tick, so that a new sample is not long in coming."""


@gate.fragment(Permission.SEE_CLUSTER, every=SECONDS, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say, fmt = viewer.say, viewer.format
    uid = state.parameter("uid")
    seen = queries.ask(cluster.pod, uid=uid)
    pod = seen.pod
    filters = layout.header(
        pod_facts.headline(viewer, pod),
        note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since, measured_at=pod.measured_at),
    )
    with filters:
        span = state.span(fmt)
    pod_facts.show(viewer, seen)
    since, until = state.window(viewer, span)
    series = queries.attempt(history.pod_series, uid=uid, since=since, until=until)
    if series is not None:
        with layout.card(say("curve.memory"), key="memory", stretch=False):
            charts.lines(
                fmt, series, curves.memory(say), key="memory_chart", alt=say.text("curve.memory"), unit="B", marks=series.marks
            )
        first, second, third = st.columns(3)
        for place, name, curve, unit, marks in (
            (first, "cpu", curves.cpu(say), "cores", series.marks),
            (second, "throttled", curves.throttled(say), "share", ()),
            (third, "network", curves.network(say), "B/s", ()),
        ):
            with place, layout.card(say(f"curve.{name}"), key=name, stretch=False):
                charts.lines(
                    fmt, series, curve, key=f"{name}_chart", alt=say.text(f"curve.{name}"), unit=unit, height=220, marks=marks
                )
        layout.source(viewer, series.source, series.formula)
    names = ("containers", "events", "changes", "neighbours")
    counts = (len(seen.containers), len(seen.events), len(seen.changes), len(seen.neighbours))
    parts = st.tabs([cluster_tables.tab(viewer, name, n) for name, n in zip(names, counts, strict=True)])
    with parts[0]:
        cluster_tables.containers(viewer, seen.containers)
    with parts[1]:
        cluster_tables.events(viewer, seen.events, seen.away_since)
    with parts[2]:
        cluster_tables.changes(viewer, seen.changes, seen.away_since)
    with parts[3]:
        if pod.node:
            navigation.link(viewer, "node", say("pod.to_node", name=pod.node), icon="dns", name=pod.node)
        cluster_tables.pods(viewer, seen.neighbours, key="neighbours", on_node=False)


viewer = gate.require(Permission.SEE_CLUSTER)
layout.back(viewer, "cluster")
live()
