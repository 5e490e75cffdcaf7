"""Overview: is anything wrong, for whom, how full is it, how old is the data."""

import streamlit as st

from app.services import capacity, overview, takings
from app.ui import charts, consumers, first_step_panel, gate, gauges, layout, navigation, queries, state, takings_panel, troubles
from app.ui.gate import Viewer
from app.ui.messages import Plain
from models.domain.access import Permission
from models.domain.trouble import Severity


@gate.fragment(Permission.SEE_CLUSTER, follows_cluster=True)
def live(viewer: Viewer) -> None:
    say, fmt = viewer.say, viewer.format
    seen = queries.ask(overview.state)
    head = seen.headline
    silent = fmt.since(head.silent_since, viewer.now)
    layout.header(
        Plain(troubles.sentence(viewer, head.code, head.hurt, head.need_a_look, silent)),
        note=layout.age(viewer, seen.as_of, stale_since=seen.stale_since, measured_at=seen.measured_at),
    )
    memory = seen.utilization[0]
    with st.grid("auto", min_column_width=172, gap="small"):
        for one in seen.utilization[:2]:
            gauges.utilization(viewer, one)
        gauges.pods(viewer, seen.counts)
        gauges.full_in(viewer, queries.seldom(capacity.forecast))
        gauges.business(viewer, seen.counts)
    if seen.counts.nodes_apart:
        st.caption(say("capacity.apart", n=seen.counts.nodes_apart))
    left, right = st.columns([5, 6])
    with left:
        with layout.card(say("overview.trouble", n=len(seen.trouble)), key="trouble", stretch=False):
            layout.away(viewer, seen.away_since, "away.trouble")
            if seen.trouble or seen.away_since is None:
                troubles.show(viewer, seen.trouble)
        with layout.card(say("overview.money"), key="money", stretch=False):
            sick = tuple(
                sorted({one.trouble.instance_id or "" for one in seen.trouble if one.trouble.severity is Severity.CRITICAL})
            )
            takings_panel.show(viewer, queries.attempt(takings.now, sick=sick))
            navigation.link(viewer, "revenue", say("page.revenue"), icon="arrow_forward")
            navigation.link(viewer, "invoices", say("overview.to_invoices"), icon="arrow_forward")
            navigation.link(viewer, "organizations", say("overview.to_organizations"), icon="arrow_forward")
    with right:
        with layout.card(say("overview.day"), note=say("overview.day_note"), key="day", stretch=False):
            span = state.span(fmt, longest="30d")
            since, until = state.window(viewer, span)
            keep = queries.attempt if span.length < overview.DAY else queries.seldom
            series = seen.history if span.length == overview.DAY else keep(overview.utilization, since=since, until=until)
            if series is None and span.length == overview.DAY:
                layout.away(viewer, seen.away_since)
            if series is not None:
                charts.lines(
                    fmt,
                    series,
                    charts.utilization_curves(say),
                    key="day_chart",
                    alt=say.text("overview.day_alt"),
                    unit="share",
                    thresholds=charts.sale_lines(fmt, memory.target_low, memory.target_high, memory.one_node_loss),
                    height=300,
                )
                layout.source(viewer, series.source, series.formula)
        with layout.card(say("overview.consumers"), note=say("overview.consumers_note"), key="consumers", stretch=False):
            consumers.show(viewer, seen.consumers)


gate.require(Permission.SEE_CLUSTER)
first_step_panel.show()
live()
