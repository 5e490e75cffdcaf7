"""Panels of the Key figures page: one card a figure."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.key_figures import KeyFigure
from app.ui import layout, tables
from app.ui.gate import Viewer
from app.ui.tables import Column, Opening


def show(viewer: Viewer, figures: Sequence[KeyFigure]) -> None:
    say = viewer.say
    missed = sum(one.met is False for one in figures)
    unknown = sum(one.met is None for one in figures)
    layout.header(say("key.headline", n=missed), note=say("key.unknown", n=unknown) if unknown else "")
    for one in figures:
        with layout.card(say(f"key.{one.code}"), note=say(f"key.{one.code}_is"), key=f"key_{one.code}", stretch=False):
            _figure(viewer, one)


def _figure(viewer: Viewer, one: KeyFigure) -> None:
    say = viewer.say
    value: str = say("key.not_measured") if one.value is None else told(viewer, one, one.value)
    if one.met is not None:
        value = f":{'green' if one.met else 'red'}[**{value}**]"
    pairs: list[tuple[str, str]] = [(say("key.now"), value), (say("key.target"), target(viewer, one))]
    pairs += [(month, told(viewer, one, amount)) for month, amount in one.trend[-6:]]
    layout.facts(pairs)
    if one.rows:
        columns = [
            Column("name", say.text("column.app"), lambda r: r.name, width=200),
            Column("at", say.text("column.at"), lambda r: r.at, "moment"),
            Column("value", say.text(f"key.{one.code}"), lambda r: told(viewer, one, r.value), width=160),
        ]
        with st.expander(say.text("key.rows", n=len(one.rows))):
            opening = Opening("provisioning", lambda r: {"change": r.change_set_id})
            tables.show(viewer, one.rows, columns, key=f"key_{one.code}_rows", alt=say.text(f"key.{one.code}"), opening=opening)


def target(viewer: Viewer, one: KeyFigure) -> str:
    say = viewer.say.text
    if one.low is not None and one.high is not None:
        return say("key.between", low=told(viewer, one, one.low), high=told(viewer, one, one.high))
    if one.low is not None:
        return say("key.at_least", low=told(viewer, one, one.low))
    return say("key.at_most", high=told(viewer, one, one.high or 0.0))


def told(viewer: Viewer, one: KeyFigure, value: float) -> str:
    """An amount in the figure's unit."""
    if one.unit == "share":
        return viewer.format.percent(value, 1)
    return viewer.format.duration(value)
