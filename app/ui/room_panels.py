"""Panels of Capacity: gauges against their lines, headroom by plan, loss of a node, what-if, right-sizing."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services.capacity import CapacityState, MovedPod, NodeLoss, PlanHeadroom, ResourceState, RightSizing, Suggestion, WhatIf
from app.ui import tables
from app.ui.format import NOTHING
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column, Opening


def amount(viewer: Viewer, resource: str, value: float | None) -> str:
    if resource == "memory":
        return viewer.format.bytes(value)
    return viewer.format.cores(value) if resource == "cpu" else viewer.format.number(value)


def gauges(viewer: Viewer, resources: Sequence[ResourceState]) -> None:
    """Requests and use against what there is, and what may still be sold."""
    with st.grid(3, min_column_width=160):
        for one in resources:
            _gauge(viewer, one)


def _gauge(viewer: Viewer, one: ResourceState) -> None:
    say, fmt, left = viewer.say, viewer.format, one.headroom_sale.value
    fits = left is None or left >= 0
    asked, whole = amount(viewer, one.resource, one.requested.value), amount(viewer, one.resource, one.allocatable.value)
    room = amount(viewer, one.resource, None if left is None else abs(left))
    st.metric(
        say.text(f"capacity.{one.resource}"),
        fmt.percent(one.requested_share),
        delta=say.text("capacity.left" if fits else "capacity.over", amount=room),
        delta_color="green" if fits else "red",
        delta_arrow="off",
        delta_description=say.text("gauge.used", share=fmt.percent(one.used_share)),
        border=True,
        height="stretch",
        help=say(
            "capacity.gauge_help",
            asked=asked,
            whole=whole,
            formula=one.requested.formula,
            sale=one.sale_line.formula,
            safe=one.safe_line.formula,
        ),
    )


def block(viewer: Viewer, seen: CapacityState) -> str:
    """The largest single pod that still fits, in words."""
    if seen.largest_block is None:
        return viewer.say("capacity.no_block")
    free = seen.largest_block.free
    return viewer.say(
        "capacity.block", memory=viewer.format.bytes(free.memory), cpu=viewer.format.cores(free.cpu), node=seen.largest_block.node
    )


def survival(viewer: Viewer, seen: CapacityState) -> str:
    """Whether any node can be lost; if not, what the worst loss would take down, and why."""
    say = viewer.say
    if seen.survives_any_loss:
        return say("capacity.survives")
    worst = max(seen.losses, key=_down, default=None)
    if worst is None or not _down(worst):
        return say("capacity.cannot_survive")
    return say("capacity.does_not_survive", node=worst.node, n=_down(worst), local=worst.local_volume, no_room=worst.no_room)


def _down(one: NodeLoss) -> int:
    return one.no_room + one.local_volume + one.no_controller


def headroom(viewer: Viewer, rows: Sequence[PlanHeadroom]) -> None:
    say = viewer.say.text
    columns = [
        Column("plan", say("column.plan"), lambda r: f"{r.template_name} · {r.name}", width=206),
        Column("sale", say("column.within_sale"), lambda r: r.within_sale_limit, "integer", help=say("column.within_sale_help")),
        Column("safe", say("column.within_safe"), lambda r: r.within_safe_line, "integer", help=say("column.within_safe_help")),
        Column("fit", say("column.fit"), lambda r: r.by_placement, "integer", help=say("column.fit_help")),
        Column("binding", say("column.binding"), lambda r: say(f"resource.{r.binding}") if r.binding else ""),
        Column("memory", say("column.memory_request"), lambda r: r.request.memory, "mebibytes"),
        Column("cpu", say("column.cpu_request"), lambda r: r.request.cpu, "cores"),
    ]
    tables.show(viewer, rows, columns, key="headroom", alt=say("table.headroom"), empty="capacity.no_plans")


def losses(viewer: Viewer, rows: Sequence[NodeLoss]) -> None:
    say = viewer.say.text
    columns = [
        Column("node", say("column.node"), lambda r: r.node, width=72),
        Column("moved", say("column.moved"), lambda r: r.moved, "integer", 58),
        Column("no_room", say("column.no_room"), lambda r: r.no_room, "integer", 76),
        Column("local", say("column.local_volume"), lambda r: r.local_volume, "integer", 80, say("column.local_volume_help")),
        Column(
            "hurt", say("column.customers_hurt"), lambda r: r.organizations_hurt, "integer", 90, say("column.customers_hurt_help")
        ),
        Column("bare", say("column.no_controller"), lambda r: r.no_controller, "integer", help=say("column.no_controller_help")),
    ]
    tables.show(
        viewer,
        rows,
        columns,
        key="losses",
        alt=say("table.losses"),
        empty="cluster.no_nodes",
        opening=Opening("node", lambda r: {"name": r.node}),
    )


def answer(viewer: Viewer, found: WhatIf) -> None:
    """The sentence, the shares before and after, and who would not run."""
    say, fmt = viewer.say, viewer.format
    bad = found.no_room + found.down
    (st.error if bad else st.success)(plain(found.sentence), icon=":material/report:" if bad else ":material/check_circle:")
    with st.container(horizontal=True, gap="medium"):
        for name, before in found.before.items():
            after = found.after.get(name)
            st.markdown(
                say("whatif.share", resource=say.text(f"resource.{name}"), before=fmt.percent(before), after=fmt.percent(after)),
                width="content",
            )
    if found.pods:
        moved(viewer, found.pods)


def moved(viewer: Viewer, rows: Sequence[MovedPod]) -> None:
    say = viewer.say.text
    columns = [
        Column("outcome", say("column.outcome"), lambda r: say(f"outcome.{r.outcome}"), width=150),
        Column("organization", say("column.organization"), lambda r: r.organization or say("word.unowned")),
        Column("pod", say("column.pod"), lambda r: r.name, width=220),
        Column("memory", say("column.memory_request"), lambda r: r.request.memory, "mebibytes"),
        Column("to", say("column.to"), lambda r: r.to or NOTHING),
        Column("reason", say("column.reason"), lambda r: r.reason, width=320),
    ]
    tables.show(viewer, rows, columns, key="what_if", alt=say("table.whatif"), height=300)


def sizing(viewer: Viewer, found: RightSizing) -> None:
    """Suggestions, those that win most first, each with what was seen."""
    say, fmt = viewer.say, viewer.format
    st.markdown(
        say(
            "sizing.sentence",
            n=len(found.suggestions),
            memory=fmt.bytes(found.saves_memory),
            cpu=fmt.cores(found.saves_cpu),
            small=found.too_small,
            skipped=found.skipped,
        )
    )
    text = say.text

    def evidence(r: Suggestion) -> str:
        return text("sizing.evidence", days=fmt.number(r.days, 1), n=r.samples)

    columns = [
        Column("organization", text("column.organization"), lambda r: r.organization or text("word.unowned"), width=140),
        Column("workload", text("column.workload"), lambda r: f"{r.workload} / {r.container}", width=180),
        Column("memory", text("column.memory_request"), lambda r: r.memory_request, "mebibytes"),
        Column("memory_suggested", text("column.suggested"), lambda r: r.memory_suggested, "mebibytes"),
        Column("memory_max", text("column.memory_max"), lambda r: r.memory_max, "mebibytes"),
        Column("cpu", text("column.cpu_request"), lambda r: r.cpu_request, "cores"),
        Column("cpu_suggested", text("column.cpu_suggested"), lambda r: r.cpu_suggested, "cores"),
        Column("cpu_p95", text("column.cpu_p95"), lambda r: r.cpu_p95, "cores"),
        Column("pods", text("column.pods"), lambda r: r.pods, "integer"),
        Column("evidence", text("column.evidence"), evidence, width=150),
        Column("reason", text("column.reason"), lambda r: r.reason, width=300),
    ]
    tables.show(viewer, found.suggestions, columns, key="sizing", alt=text("table.sizing"), empty="sizing.empty", height=360)
