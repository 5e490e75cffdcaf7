"""Audit: who changed what, through which edge, from what to what."""

import json
from datetime import timedelta

import streamlit as st

from app.services import audit
from app.ui import gate, layout, organization_panels, queries, state, tables
from app.ui.tables import Column
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_AUDIT)
say = viewer.say
top = st.container()
with st.container(horizontal=True):
    action = state.search(say.text("audit.search"), key="action")
    span = state.span(viewer.format, default="30d")
since = state.window(viewer, span)[0]
cursor = state.parameter("after") or None
found = queries.ask(audit.list_, action=action, since=since, until=viewer.now + timedelta(minutes=1), limit=200, after=cursor)
with top:
    layout.header(say("audit.headline", n=len(found.items)), note=say("audit.note"))


def facts(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, default=str) if values else ""


tables.show(
    viewer,
    found.items,
    [
        Column("at", say.text("column.at"), lambda r: r.at, "moment"),
        Column("by", say.text("column.by"), lambda r: r.actor_name, width=150),
        Column("what", say.text("column.what"), lambda r: organization_panels.named(viewer, "did", r.action), width=190),
        Column("action", say.text("column.action"), lambda r: r.action, width=140),
        Column("subject", say.text("column.subject"), lambda r: r.subject, width=150),
        Column("before", say.text("column.before"), lambda r: facts(r.before), width=110),
        Column("after", say.text("column.after"), lambda r: facts(r.after), width=330),
        Column("edge", say.text("column.edge"), lambda r: r.edge),
        Column("kind", say.text("column.kind"), lambda r: r.actor_kind.value),
    ],
    key="audit",
    alt=say.text("table.audit"),
    empty="audit.empty",
)
if found.after and st.button(say("action.older"), icon=":material/arrow_forward:"):
    st.query_params["after"] = found.after
    st.rerun()
