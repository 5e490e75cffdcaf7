"""What its people do with an app: sign-in, stop and start, size, settings, history, deletion. Each says before what will happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import streamlit as st

from app.services import credentials, operations, upkeep
from app.services.changesets import ChangeSetView
from app.services.upkeep import Choice, Generation, Upkeep
from app.ui import (
    component_panels,
    credit_panels,
    domain_panels,
    gate,
    layout,
    navigation,
    offer_cards,
    parameter_fields,
    queries,
    runtime,
    state,
)
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission
from models.domain.changesets import ChangeState

SECONDS = 3.0
"""Between two looks at what is being done."""
SHOWN = 10
"""So many of the newest generations."""


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def under_way(viewer: Viewer, instance_id: str) -> None:
    """What is being done with the app now; the page is drawn again when it is over."""
    seen = queries.ask(upkeep.of_app, instance_id=instance_id)
    work = seen.work if seen is not None else None
    key = f"work_{instance_id}"
    before = st.session_state.get(key)
    st.session_state[key] = work.id if work is not None else None
    if work is None:
        if before is not None:
            st.rerun()
        return
    if work.state is ChangeState.BLOCKED:
        st.error(viewer.say("care.stopped"), icon=":material/error:")
    else:
        st.info(viewer.say(f"care.doing.{work.purpose.value}"), icon=":material/hourglass_top:")


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=None)
def panels(viewer: Viewer, instance_id: str) -> None:
    """Everything that the reader may do; nothing at all for whoever may only look."""
    seen = queries.ask(upkeep.of_app, instance_id=instance_id)
    if seen is None:
        return
    if seen.may_reveal and seen.credentials:
        with layout.card(
            viewer.say("care.credentials"), note=viewer.say("care.credentials_note"), key="credentials", stretch=False
        ):
            _credentials(viewer, seen)
    if not seen.may_operate:
        return
    with layout.card(viewer.say("care.title"), key="care", stretch=False):
        _power(viewer, seen)
        if len(seen.choices) > 1:
            with st.expander(viewer.say("care.plan"), icon=":material/straighten:"):
                _plans(viewer, seen)
        if seen.parameters:
            with st.expander(viewer.say("care.settings"), icon=":material/tune:", expanded=_opened(instance_id)):
                _settings(viewer, seen)
        component_panels.panel(viewer, seen)
        domain_panels.panel(viewer, seen)
        with st.expander(viewer.say("care.history"), icon=":material/history:"):
            for one in seen.generations[:SHOWN]:
                _generation(viewer, seen, one)
        if seen.may_delete:
            with st.expander(viewer.say("care.delete"), icon=":material/delete_forever:"):
                _delete(viewer, seen)


def open_settings(instance_id: str) -> None:
    """The settings are open when the page is drawn next."""
    st.session_state[f"settings_open_{instance_id}"] = True


def _opened(instance_id: str) -> bool:
    return bool(st.session_state.get(f"settings_open_{instance_id}"))


def _credentials(viewer: Viewer, seen: Upkeep) -> None:
    say = viewer.say
    if not viewer.signed.recent:
        back = quote(f"/app?id={seen.instance_id}", safe="")
        st.markdown(say("care.confirm_first"))
        st.html(f'<a href="/login?next={back}" target="_self" style="color:inherit">{say.text("care.confirm")}</a>')
        return
    if not st.button(say("care.show"), icon=":material/visibility:", key="reveal"):
        return
    found = act(credentials.reveal, instance_id=seen.instance_id, seal=runtime.container().seal, recent=viewer.signed.recent)
    for one in found or ():
        st.caption(plain(one.label.get(say.language) or one.label["en"]))
        st.code(one.value, language=None, wrap_lines=True)


def _power(viewer: Viewer, seen: Upkeep) -> None:
    say = viewer.say
    offered: tuple[tuple[str, str, Callable[..., ChangeSetView]], ...] = (
        (("restart", "restart_alt", operations.restart), ("stop", "stop_circle", operations.stop))
        if seen.running
        else (("start", "play_circle", operations.start),)
    )
    with st.container(horizontal=True):
        for name, icon, service in offered:
            with st.popover(say(f"care.{name}"), icon=f":material/{icon}:"):
                st.markdown(say(f"care.{name}_what", name=seen.name))
                if st.button(say(f"care.{name}_do"), type="primary", key=f"{name}_app"):
                    _asked(viewer, service, instance_id=seen.instance_id)


def _plans(viewer: Viewer, seen: Upkeep) -> None:
    st.markdown(viewer.say("care.plan_what"))
    with st.grid("auto", min_column_width=210):
        for one in seen.choices:
            with st.container(border=True, height="stretch"):
                _choice(viewer, seen, one)


def _choice(viewer: Viewer, seen: Upkeep, one: Choice) -> None:
    say, fmt = viewer.say, viewer.format
    st.markdown(f"**{offer_cards.plan_name(viewer, one.plan.name)}**  \n{offer_cards.price(viewer, one.plan, seen.currency)}")
    st.caption(offer_cards.resources(viewer, one.plan))
    if one.refused:
        st.caption(say(f"care.plan_{one.refused}"))
        return
    amount = fmt.money(abs(one.difference_minor), seen.currency)
    sign = "more" if one.difference_minor > 0 else "less" if one.difference_minor < 0 else "same"
    st.caption(say(f"care.plan_{sign}", price=amount))
    place = f"share_{seen.instance_id}_{one.plan.name}"
    clicked = st.button(say("care.plan_do"), key=f"plan_{one.plan.name}")
    share = st.session_state.get(place) if clicked else one.share  # what was read when it was clicked
    st.session_state[place] = one.share
    if share is not None:
        credit_panels.share(viewer, share)
    if clicked:
        _asked(viewer, operations.change_plan, instance_id=seen.instance_id, plan=one.plan.name, shown=share)


def _settings(viewer: Viewer, seen: Upkeep) -> None:
    st.markdown(viewer.say("care.settings_what"))
    found, wrong = parameter_fields.ask(viewer, seen.parameters, given=seen.given)
    if st.button(viewer.say("care.settings_do"), type="primary", key="settings_app", disabled=wrong is not None):
        whole = {name: found.get(name, "") for name in seen.parameters}  # what was emptied is to be empty
        _asked(viewer, operations.change_settings, instance_id=seen.instance_id, parameters=whole)


def _generation(viewer: Viewer, seen: Upkeep, one: Generation) -> None:
    say, fmt = viewer.say, viewer.format
    first, _, rest = one.reason.partition(" ")
    words = say(f"care.was.{first}", what=rest.removeprefix("to ")) if say.has(f"care.was.{first}") else plain(one.reason)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"**{one.number}** {words}  \n:small[:gray[{fmt.since(one.at, viewer.now)} · {plain(one.by or '–')}]]", width="content"
        )
        if one.other:
            with st.popover(say("care.back")):
                st.markdown(say("care.back_what", number=one.number))
                if st.button(say("care.back_do"), key=f"back_{one.number}"):
                    _asked(viewer, operations.roll_back, instance_id=seen.instance_id, generation=one.number)


def _delete(viewer: Viewer, seen: Upkeep) -> None:
    say = viewer.say
    with st.form("delete_app", border=False):
        st.markdown(say("care.delete_what", name=seen.name, host=seen.host))
        typed = st.text_input(say("care.delete_type", name=seen.name), max_chars=100)
        if not st.form_submit_button(say("care.delete_do"), icon=":material/delete_forever:"):
            return
    if act(operations.remove, instance_id=seen.instance_id, typed_name=typed) is not None:
        state.notice(say.text("care.deleted", name=seen.name))
        navigation.go("home")


def _asked(viewer: Viewer, service: Callable[..., ChangeSetView], **arguments: Any) -> None:
    if act(service, **arguments) is not None:
        state.notice(viewer.say.text("care.asked"))
        st.rerun()
