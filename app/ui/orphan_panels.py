"""Orphans: what stands without an app, and what is on record and stands nowhere, each with what staff can do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app import provisioning
from app.services import adoption, organizations, orphans
from app.services.orphans import OrphanView
from app.ui import layout, queries, runtime, state
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission
from models.domain.orphans import Kind


def panel(viewer: Viewer, rows: Sequence[OrphanView]) -> None:
    """Nothing at all while there are none."""
    if not rows:
        return
    say = viewer.say
    with layout.card(say("orphans.title", n=len(rows)), note=say("orphans.note"), key="orphans", stretch=False):
        for row in rows:
            _orphan(viewer, row)


def _orphan(viewer: Viewer, row: OrphanView) -> None:
    say, one = viewer.say, row.orphan
    whose = row.organization or say.text("orphans.nobody")
    since = viewer.format.since(one.since, viewer.now)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        words = say(f"orphans.{one.why}", None, name=one.name or one.id, whose=whose, since=since, pods=one.pods)
        st.markdown(f":orange[:material/link_off:] {words}", width="content")
        if not viewer.actor.may(Permission.MANAGE_ORGANIZATIONS):
            return
        with st.container(horizontal=True, width="content"):
            match one.kind:
                case Kind.NAMESPACE:
                    _adopt(viewer, row)
                    _typed(viewer, row, "delete", lambda typed: _delete(one.id, typed))
                case Kind.INSTANCE:
                    _typed(viewer, row, "again", lambda typed: _did(orphans.make_again, instance_id=one.id, typed_name=typed))
                    _typed(viewer, row, "give_up", lambda typed: done(orphans.give_up, instance_id=one.id, typed_name=typed))
                case Kind.SUBSCRIPTION:
                    if st.button(say("orphans.end"), key=f"end_{one.id}"):
                        _told(viewer, done(orphans.end_subscription, subscription_id=one.id))


def _did(service: Callable[..., object], **arguments: Any) -> bool:
    return act(service, **arguments) is not None


def _delete(namespace: str, typed: str) -> bool:
    cluster = provisioning.hands(runtime.container())
    return done(orphans.delete_namespace, namespace=namespace, typed_name=typed, cluster=cluster)


def _typed(viewer: Viewer, row: OrphanView, what: str, repair: Callable[[str], bool]) -> None:
    """A repair that costs data: its name is typed first."""
    say, one = viewer.say, row.orphan
    with st.popover(say(f"orphans.{what}")):
        st.markdown(say(f"orphans.{what}_what", name=one.name))
        with st.form(f"{what}_{one.id}", border=False):
            typed = st.text_input(say("orphans.type", name=one.name), max_chars=100)
            asked = st.form_submit_button(say(f"orphans.{what}_do"))
        if asked:
            _told(viewer, repair(typed))


def _adopt(viewer: Viewer, row: OrphanView) -> None:
    say, one = viewer.say, row.orphan
    with st.popover(say("orphans.adopt")):
        st.markdown(say("orphans.adopt_what"))
        known = {found.id: found.name for found in queries.ask(organizations.every)}
        with st.form(f"adopt_{one.id}", border=False):
            ids = sorted(known, key=lambda id: known[id])
            place = ids.index(one.organization_id) if one.organization_id in known else 0
            whose = st.selectbox(say("column.organization"), ids, index=place, format_func=lambda id: plain(known[id]))
            name = st.text_input(say("column.app"), max_chars=63)
            asked = st.form_submit_button(say("orphans.adopt_do"))
        if asked and whose:
            _told(viewer, _did(adoption.adopt, organization_id=whose, name=name, namespace=one.id))


def _told(viewer: Viewer, good: bool) -> None:
    if good:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
