"""Rows of the trouble list, one a thing: whose, what, since when, all that is wrong with it, the next step, and the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import streamlit as st

from app.services.overview import TroubleRow
from app.ui import navigation
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.trouble import Severity, Trouble

_LOOK = {Severity.CRITICAL: ("red", "error"), Severity.WARNING: ("orange", "warning"), Severity.INFO: ("gray", "info")}
PAGES = {
    "pod": ("pod", "uid"),
    "node": ("node", "name"),
    "source": ("collection", "source"),
    "namespace": ("cluster", "q"),
    "mapping": ("mapping", "via"),
}
"""By kind of subject: the page that opens, and its parameter."""


def show(viewer: Viewer, rows: Sequence[TroubleRow], *, most: int = 8) -> None:
    """The worst rows; the rest behind one click."""
    if not rows:
        st.success(viewer.say("trouble.none"), icon=":material/check_circle:")
        return
    _rows(viewer, rows[:most])
    if len(rows) > most:
        with st.expander(viewer.say("trouble.more", n=len(rows) - most)):
            _rows(viewer, rows[most:])


def _rows(viewer: Viewer, rows: Sequence[TroubleRow]) -> None:
    """Where several in a row call for the same step, it is said once, below the last of them."""
    for row, following in zip_longest(rows, rows[1:]):
        step = row.trouble.next_step
        _row(viewer, row, step if following is None or following.trouble.next_step != step else "")


def title(viewer: Viewer, row: TroubleRow) -> str:
    """Whose it is and which thing, as Markdown: `Kopi Senja · n8n`, or the thing's own name."""
    name = row.trouble.name
    if row.trouble.kind == "unowned":
        name = viewer.say.text("trouble.unowned")
    parts = [p for p in (row.organization, row.instance) if p]
    return " · ".join(plain(p) for p in parts) if len(parts) == 2 else " · ".join(plain(p) for p in [*parts, name])


def destination(row: TroubleRow) -> tuple[str, dict[str, str]]:
    """Page and parameters that open the thing."""
    kind, _, rest = row.trouble.subject.partition(":")
    if kind == "mapping":
        return "mapping", {}
    page, parameter = PAGES.get(kind, ("collection" if kind == "cluster" else "cluster", "q"))
    return page, {parameter: rest} if kind in PAGES else {}


def _row(viewer: Viewer, row: TroubleRow, step: str) -> None:
    colour, icon = _LOOK[row.trouble.severity]
    page, parameters = destination(row)
    said = [_reason(viewer, one) for one in (row.trouble, *row.also)]
    with st.container(gap=None):
        navigation.link(viewer, page, f":{colour}[:material/{icon}:] **{title(viewer, row)}**", **parameters)
        st.markdown("  \n".join([*said, f":small[:gray[{plain(step)}]]"] if step else said))


def _reason(viewer: Viewer, one: Trouble) -> str:
    when = f" {viewer.say('trouble.since', at=viewer.format.since(one.since, viewer.now))}" if one.since else ""
    return f"{plain(one.reason)}{when}"


def sentence(viewer: Viewer, code: str, hurt: int, look: int, silent: str) -> str:
    """The headline of the Overview."""
    match code:
        case "silent":
            return viewer.say("overview.silent", at=silent)
        case "somebody_is_hurt":
            return viewer.say("overview.hurt", n=hurt)
        case "some_need_a_look" if look:
            return viewer.say("overview.look", n=look)
        case "some_need_a_look":
            return viewer.say("overview.look_platform")
        case _:
            return viewer.say("overview.well")
