"""Versions: the newer one on an app's page with what it means and how it went, and for staff who is behind."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services import upgrades
from app.services.upgrades import Behind, Offered, UpgradeView
from app.ui import gate, layout, queries, state, tables
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.tables import Column, Opening
from models.domain.access import Permission
from models.domain.upgrades import OPEN, UpgradeState

SECONDS = 4.0
"""Between two looks."""
_LOOKS = {
    UpgradeState.DONE: st.success,
    UpgradeState.RETURNED: st.warning,
    UpgradeState.FAILED: st.warning,
    UpgradeState.STUCK: st.error,
}


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def panel(viewer: Viewer, instance_id: str) -> None:
    """Nothing for an app that has the newest version and never had another one."""
    seen = queries.attempt(upgrades.of_app, instance_id=instance_id)
    if seen is None or not (seen.to or seen.refused or seen.upgrades):
        return
    say = viewer.say
    with layout.card(say("upgrade.title", version=seen.version), key="upgrade", stretch=False):
        if seen.upgrades:
            _last(viewer, seen.upgrades[0])
        if seen.upgrades and seen.upgrades[0].state in OPEN:
            return
        if seen.refused:
            st.markdown(say("upgrade.newer", version=seen.newest))
            st.caption(say(f"upgrade.refused.{seen.refused}"))
        elif seen.to:
            _offer(viewer, seen)


def _last(viewer: Viewer, one: UpgradeView) -> None:
    say, fmt = viewer.say, viewer.format
    if one.state in OPEN:
        st.info(
            say(f"upgrade.state.{one.state.value}", version=one.to_version, before=one.from_version),
            icon=":material/hourglass_top:",
        )
        return
    show = _LOOKS.get(one.state, st.info)
    key = f"upgrade.state.{one.state.value}" + ("_data" if one.state is UpgradeState.RETURNED and one.restores else "")
    show(say(key, version=one.to_version, before=one.from_version, at=fmt.moment(one.finished_at)))
    if one.why:
        st.caption(say("upgrade.why", why=one.why))


def _offer(viewer: Viewer, seen: Offered) -> None:
    say = viewer.say
    st.markdown(say("upgrade.newer", version=seen.newest))
    if seen.to != seen.newest:
        st.caption(say("upgrade.by_steps", version=seen.to))
    with st.popover(say("upgrade.open", version=seen.to), icon=":material/upgrade:"):
        what = "still" if seen.stands_still else "saved" if seen.saves else "nothing"
        st.markdown(say(f"upgrade.what_{what}", name=seen.app, version=seen.to, before=seen.version))
        if not st.button(say("upgrade.do", version=seen.to), type="primary", key="upgrade_app"):
            return
        if act(upgrades.ask, instance_id=seen.instance_id, version=seen.to) is not None:
            state.notice(say.text("upgrade.asked"))
            st.rerun()


def behind(viewer: Viewer, rows: Sequence[Behind], newest: Sequence[UpgradeView]) -> None:
    """Who does not have the newest version, and the newest upgrades; nothing at all while there are neither."""
    if not rows and not newest:
        return
    say = viewer.say.text
    with layout.card(viewer.say("upgrades.title"), note=viewer.say("upgrades.note"), key="upgrades", stretch=False):
        if rows:
            columns = [
                Column("app", say("column.app"), lambda r: r.app, width=150),
                Column("organization", say("column.organization"), lambda r: r.organization, width=180),
                Column("template", say("column.template"), lambda r: r.template),
                Column("version", say("column.version"), lambda r: r.version),
                Column("newest", say("column.newest_version"), lambda r: r.newest),
                Column("going", say("column.upgrade"), lambda r: say(f"upgrades.{r.going.value}") if r.going else ""),
            ]
            opening = Opening("organization", lambda r: {"id": r.organization_id})
            tables.show(viewer, rows, columns, key="behind_table", alt=say("table.behind"), opening=opening)
        if newest:
            columns = [
                Column("at", say("column.at"), lambda r: r.created_at, "moment"),
                Column("app", say("column.app"), lambda r: r.app, width=150),
                Column("template", say("column.template"), lambda r: r.template),
                Column("version", say("column.version"), lambda r: f"{r.from_version} → {r.to_version}", width=150),
                Column("state", say("column.upgrade"), lambda r: say(f"upgrades.{r.state.value}"), width=150),
                Column("by", say("column.by"), lambda r: r.created_by, width=150),
                Column("reason", say("column.reason"), lambda r: r.why, width=340),
            ]
            tables.show(viewer, newest, columns, key="upgrades_table", alt=say("table.upgrades"))
