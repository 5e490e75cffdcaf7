"""What emptying a node would mean: a sentence, then each of its pods with its fate."""

from __future__ import annotations

import streamlit as st

from app.context import Context
from app.provisioning import node_hands
from app.services import emptying
from app.services.emptying import Emptying, Moving
from app.ui import gate, layout, queries, runtime, tables
from app.ui.gate import Viewer
from app.ui.tables import Column
from models.domain.access import Permission
from models.domain.emptying import Fate


@gate.fragment(Permission.SEE_CLUSTER, every=None)
def panel(viewer: Viewer, name: str) -> None:
    """Asked for when somebody opens it: it weighs every pod of the node."""
    say = viewer.say
    with layout.card(say("emptying.title"), note=say("emptying.note"), key="emptying", stretch=False):
        if not st.toggle(say("emptying.show"), key=f"emptying_{name}"):
            return
        seen = queries.attempt(_weighed, name=name)
        if seen is None:
            return
        if not seen.moving:
            st.success(say("emptying.empty"), icon=":material/check_circle:")
            return
        if not seen.budgets_known:
            st.info(say("emptying.budgets_unknown"), icon=":material/info:")
        counts = [say(f"emptying.{fate.value}", n=seen.counts[fate]) for fate in Fate if seen.counts.get(fate)]
        st.markdown(" · ".join(counts))
        if seen.hurt:
            st.warning(say("emptying.hurt", n=len(seen.hurt), names=", ".join(seen.hurt)), icon=":material/warning:")
        _table(viewer, seen.moving)


def _weighed(ctx: Context, *, name: str) -> Emptying:
    return emptying.preview(ctx, name=name, nodes=node_hands(runtime.container()))


def _table(viewer: Viewer, rows: tuple[Moving, ...]) -> None:
    say = viewer.say.text
    columns = [
        Column("app", say("column.app"), lambda r: r.app or r.namespace, width=160),
        Column("organization", say("column.organization"), lambda r: r.organization, width=150),
        Column("part", say("column.pod"), lambda r: r.pod, width=220),
        Column("fate", say("emptying.fate"), lambda r: say(f"emptying.fate.{r.fate.value}"), width=260),
        Column("target", say("emptying.target"), lambda r: r.target, width=110),
        Column("why", say("column.reason"), lambda r: r.why, width=320),
    ]
    tables.show(viewer, rows, columns, key="emptying_pods", alt=say("emptying.title"), empty="emptying.empty")
