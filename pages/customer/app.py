"""App: its state, address, use against limits, restarts and what happened, availability."""

from datetime import timedelta

import streamlit as st

from app.services import apps, progress
from app.ui import (
    app_cards,
    app_panels,
    backup_panels,
    charts,
    curves,
    diagnosis_panels,
    gate,
    layout,
    log_panels,
    navigation,
    order_progress,
    queries,
    state,
    suspension_panels,
    upgrade_panels,
    upkeep_panels,
)
from app.ui.gate import Viewer
from models.domain.access import Permission

YOUNG = timedelta(hours=6)
"""An app that has not run for longer fills an hour better than a day."""
SECONDS = 10.0
"""Between two looks: less than a tick, so that a new sample is not long in coming."""


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say, fmt = viewer.say, viewer.format
    id = state.parameter("id")
    if not id:
        navigation.go("home")
    seen = queries.ask(apps.app, instance_id=id)
    card = seen.card
    filters = layout.header(
        say("app.headline", name=card.name, words=app_cards.words(viewer, card.condition)),
        note=layout.age(viewer, card.as_of, stale_since=card.stale_since),
    )
    with filters:
        young = viewer.now - queries.ask(apps.created, instance_id=id) < YOUNG
        span = state.span(fmt, default="1h" if young else "24h")
    app_cards.standing(viewer, card)
    app_panels.figures(viewer, seen)
    since, until = state.window(viewer, span)
    series = queries.attempt(apps.app_series, instance_id=id, since=since, until=until)
    if series is not None:
        left, right = st.columns(2)
        with left, layout.card(say("app.memory"), key="memory"):
            shown = curves.memory(say, request=False)
            charts.lines(fmt, series, shown, key="memory_chart", alt=say.text("app.memory"), unit="B", marks=series.marks)
        with right, layout.card(say("app.cpu_cores"), key="cpu"):
            charts.lines(fmt, series, curves.cpu(say, request=False), key="cpu_chart", alt=say.text("app.cpu"), unit="cores")
    answered = queries.attempt(apps.app_answers, instance_id=id, since=since, until=until)
    if answered is not None:
        with layout.card(say("app.answers"), note=say("app.answers_note"), key="answers", stretch=False):
            app_panels.answers(viewer, answered)
    with layout.card(say("app.happened"), note=say("app.happened_note"), key="happened", stretch=False):
        layout.away(viewer, seen.away_since)
        if seen.away_since is None:
            app_panels.events(viewer, seen.events)
    with layout.card(say("app.parts"), key="parts", stretch=False):
        app_panels.parts(viewer, seen.parts)


viewer = gate.require(Permission.SEE_OWN_INSTANCES)
layout.back(viewer, "home")
id = state.parameter("id")
if id and queries.ask(progress.of_app, instance_id=id) is not None:
    order_progress.of_app(id)
    diagnosis_panels.panel(id)
else:
    if id:
        upkeep_panels.under_way(id)
        suspension_panels.panel(id)
        diagnosis_panels.panel(id)
    live()
    if id:
        log_panels.panel(id)
        backup_panels.panel(id)
        upgrade_panels.panel(id)
    upkeep_panels.panels(id)
