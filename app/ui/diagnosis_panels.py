"""What is wrong with an app, its evidence, and the button that mends it: nothing at all while nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from app.services import changesets, diagnosis, operations
from app.services.changesets import ChangeSetView
from app.services.diagnosis import Diagnosed, Diagnosis
from app.services.remedies import Fix
from app.ui import gate, layout, offer_cards, runtime, state, upkeep_panels
from app.ui.actions import act, tried
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from models.domain.access import Permission
from models.domain.diagnosis import Cause, Remedy, Value
from models.domain.trouble_shapes import Severity

SECONDS = 10.0
_LOOKS = {Severity.CRITICAL: "red", Severity.WARNING: "orange", Severity.INFO: "gray"}
_ICONS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "info"}


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS, follows_cluster=True)
def panel(viewer: Viewer, instance_id: str) -> None:
    """Of one app, drawn again while it is open; a stopped app is not wrong."""
    seen, _ = tried(diagnosis.of_app, instance_id=instance_id)
    found = [one for one in seen.findings if one.cause is not Cause.STOPPED] if seen is not None else []
    if seen is None or not found:
        return
    with layout.card(viewer.say("diagnosis.title", n=len(found)), key="diagnosis", stretch=False):
        for number, one in enumerate(found):
            if number:
                st.divider()
            _finding(viewer, seen, one)


def words(viewer: Viewer, one: Diagnosed) -> Plain:
    """Its sentence in the reader's language and zone."""
    n, shown = one.values.get("n"), _shown(viewer, one.values)
    return viewer.say(f"diagnosis.{one.code}", float(n) if isinstance(n, int) else None, **shown)


def advice(viewer: Viewer, fix: Fix) -> Plain:
    """What mends it, in the reader's language."""
    return viewer.say(f"advice.{fix.code}", None, **_shown(viewer, fix.values))


def _shown(viewer: Viewer, values: Mapping[str, Value]) -> dict[str, str]:
    fmt = viewer.format

    def text(name: str, value: Value) -> str:
        if isinstance(value, datetime):
            return fmt.since(value, viewer.now) if name == "since" else fmt.moment(value)
        if name.endswith("_bytes"):
            return fmt.bytes(float(value))
        if name.endswith("_cores"):
            return fmt.cores(float(value))
        if name == "plan":
            return offer_cards.plan_name(viewer, str(value))
        return fmt.percent(float(value)) if name == "share" else str(value)

    return {name: text(name, value) for name, value in values.items() if name != "n"}


def _finding(viewer: Viewer, seen: Diagnosis, one: Diagnosed) -> None:
    say = viewer.say
    st.markdown(Plain(f":{_LOOKS[one.severity]}[:material/{_ICONS[one.severity]}:] **{words(viewer, one)}**"))
    if one.log_source:
        parts = runtime.container()
        lines, _ = tried(diagnosis.tail, instance_id=seen.instance_id, source=one.log_source, logs=parts.logs, seal=parts.seal)
        if lines:
            st.caption(say("diagnosis.last_lines"))
            st.code("\n".join(lines), language=None, wrap_lines=True)
    st.markdown(advice(viewer, one.fix))
    if one.mend:
        st.caption(say("diagnosis.for_staff", mend=one.mend))
    _button(viewer, seen, one)
    if one.evidence:
        with st.expander(say("diagnosis.exact")):
            for text in one.evidence:
                st.markdown(f":small[{plain(text)}]")


def _button(viewer: Viewer, seen: Diagnosis, one: Diagnosed) -> None:
    """What the reader may do about it; otherwise why not."""
    say, fix, id = viewer.say, one.fix, seen.instance_id
    if fix.refused:
        st.caption(say("diagnosis.rights") if fix.refused == "rights" else say(f"care.plan_{fix.refused}"))
        if fix.refused == "rights":
            return
    key = f"{one.cause.value}_{one.part}"
    match fix.remedy:
        case Remedy.PLAN if not fix.refused:
            shown = {name: text for name, text in _shown(viewer, fix.values).items() if name != "plan"}
            with st.popover(say("diagnosis.plan_button", size=next(iter(shown.values()))), icon=":material/straighten:"):
                price = viewer.format.money(fix.difference_minor, fix.currency)
                st.markdown(f"{say('care.plan_what')} **{say('diagnosis.costs', price=price)}**")
                plan = offer_cards.plan_name(viewer, fix.plan)
                if st.button(say("diagnosis.plan_do", plan=plan), type="primary", key=f"fix_plan_{key}"):
                    _asked(viewer, operations.change_plan, instance_id=id, plan=fix.plan)
        case Remedy.RESTART | Remedy.START:
            name, service = fix.remedy.value, operations.restart if fix.remedy is Remedy.RESTART else operations.start
            with st.popover(say(f"care.{name}"), icon=":material/restart_alt:"):
                st.markdown(say(f"care.{name}_what", name=seen.name))
                if st.button(say(f"care.{name}_do"), type="primary", key=f"fix_{name}_{key}"):
                    _asked(viewer, service, instance_id=id)
        case Remedy.ROLL_BACK:
            with st.popover(say("diagnosis.roll_back_button"), icon=":material/history:"):
                st.markdown(say("care.back_what", number=fix.generation))
                if st.button(say("care.back_do"), type="primary", key=f"fix_back_{key}"):
                    _asked(viewer, operations.roll_back, instance_id=id, generation=fix.generation)
        case Remedy.SETTINGS:
            if st.button(say("diagnosis.settings_button"), icon=":material/tune:", key=f"fix_settings_{key}"):
                upkeep_panels.open_settings(id)
                state.notice(say.text("diagnosis.settings_open"))
                st.rerun()
        case Remedy.RETRY:
            if st.button(say("diagnosis.retry_button"), icon=":material/replay:", key=f"fix_retry_{key}"):
                _asked(viewer, changesets.retry, change_set_id=fix.change_set_id)
        case Remedy.STAFF | Remedy.PLAN if not one.mend:
            if st.button(say("diagnosis.staff_button"), icon=":material/support_agent:", key=f"fix_staff_{key}"):
                told = act(diagnosis.tell, instance_id=id, cause=one.cause.value)
                if told is not None:
                    state.notice(say.text("diagnosis.told" if told else "diagnosis.told_already"))
                    st.rerun()
        case _:
            return


def _asked(viewer: Viewer, service: Callable[..., ChangeSetView], **arguments: Any) -> None:
    if act(service, **arguments) is not None:
        state.notice(viewer.say.text("care.asked"))
        st.rerun()
