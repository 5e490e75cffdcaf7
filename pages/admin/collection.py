"""Collection health: can the numbers be trusted, how old are they, what is missing and why."""

from app.services import collection
from app.ui import collection_panels, gate, layout, queries
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission


@gate.fragment(Permission.SEE_CLUSTER)
def live(viewer: Viewer) -> None:
    say = viewer.say
    seen = queries.ask(collection.health)
    layout.header(plain(seen.sentence), note=f":gray[{say('collection.checked', ago=viewer.format.ago(seen.as_of, viewer.now))}]")
    collection_panels.figures(viewer, seen)
    with layout.card(say("collection.sources"), key="sources", stretch=False):
        collection_panels.sources(viewer, seen.sources)
    with layout.card(say("collection.gaps"), note=say("collection.gaps_note"), key="gaps_card", stretch=False):
        collection_panels.gaps(viewer, seen.gaps)
    with layout.card(say("collection.findings"), key="findings", stretch=False):
        collection_panels.findings(viewer, seen.findings)
    with layout.card(say("collection.questions"), note=say("collection.questions_note"), key="questions_card", stretch=False):
        collection_panels.questions(viewer, seen.sources)
    with layout.card(say("collection.sizes"), key="sizes", stretch=False):
        collection_panels.sizes(viewer, seen.sizes)


gate.require(Permission.SEE_CLUSTER)
live()
