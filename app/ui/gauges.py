"""The cards on top of staff pages: one resource against its lines, with its last day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from app.services.capacity import Outlook
from app.services.overview import Counts, Utilization
from app.ui.format import NOTHING
from app.ui.gate import Viewer
from app.ui.messages import plain

MOVES = 0.01
"""A sparkline has no axis: below a change of one point of a hundred it would draw noise as mountains."""


def known_tail(values: Sequence[float | None]) -> list[float]:
    """The newest run of known values: a sparkline cannot show a hole, so it begins after the last one."""
    tail: list[float] = []
    for value in reversed(values):
        if value is None:
            break
        tail.append(value)
    return tail[::-1]


def utilization(viewer: Viewer, one: Utilization) -> None:
    """Requests as a share of allocatable, what of it is used, and the line that matters next."""
    say, fmt = viewer.say, viewer.format
    share, loss = one.requested_share, one.one_node_loss
    if share is None:
        verdict, colour = NOTHING, "off"
    elif share > one.target_high:
        verdict, colour = say.text("gauge.above_sale"), "red"
    elif loss is not None and share > loss:
        verdict, colour = say.text("gauge.above_loss"), "orange"
    elif share >= one.target_low:
        verdict, colour = say.text("gauge.in_target"), "green"
    else:
        verdict, colour = say.text("gauge.below_target"), "off"
    spark = known_tail(one.spark)
    lines = say.text("gauge.lines", low=fmt.percent(one.target_low), high=fmt.percent(one.target_high), loss=fmt.percent(loss, 1))
    st.metric(
        say.text(f"gauge.{one.resource}"),
        fmt.percent(share),
        delta=verdict,
        delta_color=cast(Any, colour),
        delta_arrow="off",
        help=f"{plain(one.requested.formula)}. {plain(one.requested.source)}. {plain(lines)}",
        border=True,
        height="stretch",
        chart_data=spark if len(spark) > 2 and max(spark) - min(spark) >= MOVES else None,
        chart_type="area",
        delta_description=say.text("gauge.used", share=fmt.percent(one.used_share)),
    )


def pods(viewer: Viewer, counts: Counts) -> None:
    say = viewer.say
    wrong = [
        say.text(f"gauge.{name}", n=n) for name, n in (("crashing", counts.pods_crashing), ("pending", counts.pods_pending)) if n
    ]
    nodes = say.text("gauge.nodes", ready=counts.nodes_ready, n=counts.nodes)
    st.metric(
        say.text("gauge.pods_up"),
        say.text("gauge.of", part=counts.pods_up, whole=counts.pods),
        delta=", ".join(wrong) or say.text("gauge.none_wrong"),
        delta_color="red" if wrong else "green",
        delta_arrow="off",
        delta_description=nodes,
        border=True,
        height="stretch",
        help=say("gauge.pods_help"),
    )


def full_in(viewer: Viewer, outlook: Outlook | None) -> None:
    """Days until memory requests reach what there is, with the band; a dash when no date is given."""
    say, fmt = viewer.say, viewer.format
    value, band, help = NOTHING, say.text("gauge.no_date"), ""
    if outlook is not None:
        help = plain(outlook.sentence)
        if outlook.enough and outlook.trusted and outlook.days is not None:
            value = fmt.duration(outlook.days * 86400)
            band = _band(viewer, outlook)
        elif outlook.enough and outlook.trusted:
            value, band = say.text("gauge.over_a_year"), say.text("gauge.at_this_pace")
    if outlook is not None and outlook.with_trials is not None:
        help = f"{help} {say('gauge.with_trials', date=fmt.calendar_day(outlook.with_trials))}"
    st.metric(
        say.text("gauge.full_in"), value, delta=band, delta_color="off", delta_arrow="off", help=help or None, border=True,
        height="stretch",
    )  # fmt: skip


def _band(viewer: Viewer, outlook: Outlook) -> str:
    """How sure the date is, as the sentence of Capacity says it."""
    say, fmt = viewer.say, viewer.format
    early, late = fmt.short_date(outlook.earliest), fmt.short_date(outlook.latest)
    if outlook.latest is None:
        return say.text("gauge.open_band", early=early)
    if outlook.latest == outlook.crossing:
        return say.text("gauge.early_band", early=early) if outlook.earliest != outlook.latest else early
    return say.text("gauge.band", early=early, late=late)


def business(viewer: Viewer, counts: Counts) -> None:
    say = viewer.say
    st.metric(
        say.text("gauge.organizations"), f"{counts.organizations}",
        delta=say.text("gauge.apps", n=counts.instances), delta_color="off", delta_arrow="off",
        delta_description=say.text("gauge.trials", n=counts.trials), border=True, height="stretch",
        help=say("gauge.organizations_help", ending=counts.trials_ending),
    )  # fmt: skip
