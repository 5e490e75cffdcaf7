"""Cluster: what runs where, for whom, in what state; nodes as columns, then nodes and pods as tables."""

import streamlit as st

from app.services import cluster, ingress
from app.ui import cluster_tables, gate, layout, navigation, node_map, queries, state
from app.ui.gate import Viewer
from models.domain.access import Permission
from models.domain.health import State

MOST = cluster.MOST_PODS


@gate.fragment(Permission.SEE_CLUSTER, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say = viewer.say
    seen, every = queries.ask(cluster.nodes), queries.ask(cluster.pods, limit=MOST)
    ready = sum(n.state == "ready" for n in seen.rows)
    layout.header(
        say("cluster.headline", ready=ready, nodes=len(seen.rows), up=every.up, pods=every.total),
        note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since),
    )
    with layout.card(key="map", stretch=False):
        by = state.choice(say("cluster.by"), ("state", "organization", "template"), key="by", words=lambda k: say.text(f"by.{k}"))
        st.markdown(f":small[:gray[{say('map.legend')}]]")
        if meant := node_map.legend(viewer, every.rows, by):
            st.html(meant)
        chosen = node_map.show(viewer, seen.rows, every.rows, by)
        if chosen is not None:
            navigation.link(viewer, "pod", say("map.open", name=chosen.name), icon="open_in_new", uid=chosen.uid)
    st.subheader(say("cluster.nodes"), anchor=False)
    cluster_tables.nodes(viewer, seen.rows)
    entrance = queries.attempt(ingress.processes)
    if entrance is not None:
        st.subheader(say("cluster.ingress"), anchor=False)
        layout.away(viewer, entrance.away_since, "away.reloads")
        cluster_tables.processes(viewer, entrance.rows)


@gate.fragment(Permission.SEE_CLUSTER, every=None)
def pods(viewer: Viewer) -> None:
    say = viewer.say
    every = queries.ask(cluster.pods, limit=MOST)
    owners = {p.organization_id or "unowned": p.organization or say.text("word.unowned") for p in every.rows}
    st.subheader(say("cluster.pods"), anchor=False)
    with st.container(horizontal=True):
        words = state.search(say.text("cluster.search"))
        wanted = state.select(say.text("column.state"), ["", *State], key="state", words=lambda s: _state(viewer, s))
        owner = state.select(
            say.text("column.organization"), ["", *sorted(owners, key=lambda o: owners[o].casefold())], key="organization",
            words=lambda o: owners[o] if o else say.text("all.organizations"),
        )  # fmt: skip
        on = state.select(
            say.text("column.node"), ["", *sorted({p.node for p in every.rows if p.node})], key="node",
            words=lambda n: n or say.text("all.nodes"),
        )  # fmt: skip
    found = queries.ask(cluster.pods, search=words, state=wanted or None, organization=owner or None, node=on or None, limit=MOST)
    st.caption(say("cluster.found", n=found.total, shown=len(found.rows), of=found.of))
    cluster_tables.pods(viewer, found.rows, key="pods")
    layout.source(viewer, found.source)


def _state(viewer: Viewer, code: str) -> str:
    return viewer.format.word(code) if code else viewer.say.text("all.states")


gate.require(Permission.SEE_CLUSTER)
live()
pods()
