"""Rows of the trouble list: whose, what, since when, why, the next step, and the way to the thing."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.overview import TroubleRow
from app.ui import navigation
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.trouble import Severity

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
    for row in rows[:most]:
        _row(viewer, row)
    if len(rows) > most:
        with st.expander(viewer.say("trouble.more", n=len(rows) - most)):
            for row in rows[most:]:
                _row(viewer, row)


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


def _row(viewer: Viewer, row: TroubleRow) -> None:
    colour, icon = _LOOK[row.trouble.severity]
    page, parameters = destination(row)
    since = viewer.format.since(row.trouble.since, viewer.now)
    with st.container(gap=None):
        navigation.link(viewer, page, f":{colour}[:material/{icon}:] **{title(viewer, row)}**", **parameters)
        when = f" {viewer.say('trouble.since', at=since)}" if row.trouble.since else ""
        st.markdown(f"{plain(row.trouble.reason)}{when}  \n:small[:gray[{plain(row.trouble.next_step)}]]")


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
