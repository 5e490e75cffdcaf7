"""Collection health: can the numbers be trusted, how old are they, what is missing and why."""

import streamlit as st

from app.services import collection
from app.ui import collection_panels, gate, layout, queries
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission


@gate.fragment(Permission.SEE_CLUSTER)
def live(viewer: Viewer) -> None:
    say = viewer.say
    seen = queries.ask(collection.health)
    headline = (
        say("collection.away", at=viewer.format.since(seen.away_since, viewer.now)) if seen.away_since else plain(seen.sentence)
    )
    layout.header(headline, note=f":gray[{say('collection.checked', ago=viewer.format.ago(seen.as_of, viewer.now))}]")
    if seen.away_since:
        st.warning(plain(seen.sentence), icon=":material/cloud_off:")
    collection_panels.figures(viewer, seen)
    with layout.card(say("collection.sources"), key="sources", stretch=False):
        collection_panels.sources(viewer, seen.sources)
    with layout.card(say("collection.gaps"), note=say("collection.gaps_note"), key="gaps_card", stretch=False):
        layout.away(viewer, seen.away_since, "away.gaps")
        if seen.gaps or seen.away_since is None:
            collection_panels.gaps(viewer, seen.gaps)
    with layout.card(say("collection.findings"), key="findings", stretch=False):
        collection_panels.findings(viewer, seen.findings)
    with layout.card(say("collection.questions"), note=say("collection.questions_note"), key="questions_card", stretch=False):
        collection_panels.questions(viewer, seen.sources)
    with layout.card(say("collection.sizes"), key="sizes", stretch=False):
        layout.away(viewer, seen.away_since)
        collection_panels.sizes(viewer, seen.sizes)


gate.require(Permission.SEE_CLUSTER)
live()
