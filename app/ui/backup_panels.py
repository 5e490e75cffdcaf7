"""Backups of an app on its page: save now, what there is with size and age, bring one back."""

from __future__ import annotations

import streamlit as st

from app.services import app_backups, app_copies, offers
from app.services.app_backups import BackupView, Kept
from app.ui import gate, layout, navigation, offer_cards, queries, runtime, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission
from models.domain.app_backups import BackupState, RestoreState

SECONDS = 4.0
"""Between two looks."""
SHOWN = 10
OPEN = (BackupState.WANTED, BackupState.RUNNING)


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def panel(viewer: Viewer, instance_id: str) -> None:
    """Nothing for whoever may only look, and for apps that keep nothing."""
    seen = queries.ask(app_backups.of_app, instance_id=instance_id)
    if not seen.may_operate or not (seen.can_save or seen.backups):
        return
    say = viewer.say
    with layout.card(say("saved.title"), note=say("saved.note"), key="backups", stretch=False):
        _under_way(viewer, seen)
        busy = any(one.state in OPEN for one in seen.backups)
        asked = seen.can_save and st.button(say("saved.now"), icon=":material/backup:", key="backup_now", disabled=busy)
        if asked and act(app_backups.ask, instance_id=instance_id) is not None:
            state.notice(say.text("saved.asked"))
            st.rerun()
        if not seen.backups:
            st.caption(say("saved.none"))
        for one in seen.backups[:SHOWN]:
            _backup(viewer, seen, one)


def _under_way(viewer: Viewer, seen: Kept) -> None:
    if not seen.restores:
        return
    newest = seen.restores[0]
    if newest.state in (RestoreState.WANTED, RestoreState.RUNNING):
        st.info(viewer.say("saved.restoring"), icon=":material/hourglass_top:")
    elif newest.state is RestoreState.FAILED:
        st.warning(viewer.say("saved.restore_failed", at=viewer.format.moment(newest.finished_at)), icon=":material/warning:")


def _backup(viewer: Viewer, seen: Kept, one: BackupView) -> None:
    say, fmt = viewer.say, viewer.format
    about = [say(f"saved.reason.{one.reason.value}")]
    if one.state is BackupState.DONE:
        about.append(plain(fmt.bytes(one.size)))
        about.append(say("saved.until", at=fmt.moment(one.expires_at)))
    else:
        about.append(say(f"saved.state.{one.state.value}"))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=f"backup_{one.id}"):
        when = one.finished_at or one.created_at
        st.markdown(
            f"**{plain(fmt.moment(when))}** {plain(fmt.ago(when, viewer.now))}  \n:small[:gray[{' · '.join(about)}]]",
            width="content",
        )
        if one.usable and seen.can_save:
            with st.container(horizontal=True, width="content"):
                with st.popover(say("saved.back")):
                    _restore(viewer, seen, one)
                with st.popover(say("saved.copy")):
                    _copy(viewer, one)


def _restore(viewer: Viewer, seen: Kept, one: BackupView) -> None:
    say = viewer.say
    with st.form(f"restore_{one.id}", border=False):
        st.markdown(say("saved.back_what", name=seen.app, at=viewer.format.moment(one.finished_at)))
        typed = st.text_input(say("saved.back_type", name=seen.app), max_chars=100)
        if not st.form_submit_button(say("saved.back_do"), icon=":material/settings_backup_restore:"):
            return
    if act(app_backups.restore, backup_id=one.id, typed_name=typed) is not None:
        state.notice(say.text("saved.restoring"))
        st.rerun()


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=None)
def deleted(viewer: Viewer, organization_id: str) -> None:
    """Backups of deleted apps that can still be brought back; nothing when there is none, or for whoever may only look."""
    found = queries.attempt(app_copies.of_deleted, organization_id=organization_id)
    if not found or not viewer.actor.may(Permission.OPERATE_OWN_INSTANCES, organization_id):
        return
    say, fmt = viewer.say, viewer.format
    with layout.card(say("saved.deleted"), note=say("saved.deleted_note"), key="deleted_apps", stretch=False):
        for one in found[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                about = f"{plain(fmt.bytes(one.size))} · {say('saved.until', at=fmt.moment(one.expires_at))}"
                st.markdown(f"**{plain(one.app)}** {plain(fmt.moment(one.finished_at))}  \n:small[:gray[{about}]]", width="content")
                with st.popover(say("saved.copy")):
                    _copy(viewer, one)


def _copy(viewer: Viewer, one: BackupView) -> None:
    say = viewer.say
    offer = queries.attempt(offers.get, template=one.template)
    if offer is None:
        return
    plans = [plan.name for plan in offer.plans if plan.trial_days is None]
    with st.form(f"copy_{one.id}", border=False):
        plan = st.selectbox(say("saved.copy_plan"), plans, format_func=lambda name: offer_cards.plan_name(viewer, name))
        name = st.text_input(say("saved.copy_name"), max_chars=63)
        if not st.form_submit_button(say("saved.copy_do"), icon=":material/content_copy:"):
            return
    made = act(app_copies.copy, backup_id=one.id, seal=runtime.container().seal, plan=plan or "", name=name)
    if made is not None:
        navigation.go("order", order=made.id, org=made.organization_id)
