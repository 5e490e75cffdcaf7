"""Forms about a customer's apps on record: put one on, change its address, take it off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import streamlit as st

from app.services import adoption, catalogue, instances, settings
from app.services.apps import AppCard
from app.ui import queries, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import plain

TURN = "adopt_turn"


def add(viewer: Viewer, organization_id: str) -> None:
    """Put an app on record that runs in a namespace of the cluster."""
    say = viewer.say
    with st.expander(say("adopt.new"), icon=":material/add:"):
        free = queries.attempt(adoption.adoptable, organization_id=organization_id)
        if free is None:
            return
        if not free:
            st.info(say("adopt.nothing"), icon=":material/inbox:")
            return
        # other keys after each success: fields that keep their text after a refusal are empty then
        turn = st.session_state.setdefault(TURN, 0)
        with st.form(f"adopt_{turn}", border=False):
            left, right = st.columns(2)
            namespace = left.selectbox(say("column.namespace"), free, key=f"adopt_namespace_{turn}")
            name = right.text_input(
                say("adopt.name"), max_chars=63, placeholder="n8n", key=f"adopt_name_{turn}", help=say("adopt.name_help")
            )
            template = left.text_input(say("column.template"), max_chars=63, placeholder="n8n", key=f"adopt_template_{turn}")
            address = right.text_input(
                say("adopt.address"), max_chars=300, placeholder="https://acme.n8n.example.com", key=f"adopt_address_{turn}",
                help=say("adopt.address_help"),
            )  # fmt: skip
            plan = _plan(viewer, left, None, key=f"adopt_plan_{turn}")
            trial = _trial(viewer, right, None, key=f"adopt_trial_{turn}")
            if st.form_submit_button(say("adopt.do"), type="primary"):
                made = act(
                    adoption.adopt,
                    organization_id=organization_id,
                    name=name,
                    namespace=namespace,
                    template=template,
                    address=address,
                    plan_id=plan,
                    trial_until=_end_of(viewer, trial),
                )
                if made is not None:
                    st.session_state[TURN] = turn + 1
                _told(viewer, made is not None)


def change(viewer: Viewer, apps: Sequence[AppCard]) -> None:
    """Another address, plan or trial for one of them, or the end of its record."""
    if not apps:
        return
    say = viewer.say
    cards = {one.instance_id: one for one in apps}
    with st.expander(say("adopt.change"), icon=":material/edit:"):
        id = st.selectbox(say("column.app"), list(cards), format_func=lambda i: cards[i].name, key="adopted")
        now = next(i for i in queries.ask(instances.of_organization, organization_id=cards[id].organization_id) if i.id == id)
        with st.form(f"address_{id}", border=False):
            address = st.text_input(say("adopt.address"), now.address, max_chars=300, help=say("adopt.address_help"))
            left, right = st.columns(2)
            plan = _plan(viewer, left, now.plan_id, key=f"plan_{id}")
            until = _last_day(viewer, now.trial_until)
            trial = _trial(viewer, right, until, key=f"trial_{id}")
            if st.form_submit_button(say("action.save")):
                wanted: dict[str, Any] = {"address": address}
                if plan != now.plan_id:
                    wanted |= {"plan_id": plan} | ({"template": ""} if plan else {})  # the plan says which one
                if trial != until:
                    wanted["trial_until"] = _end_of(viewer, trial)
                _told(viewer, act(adoption.change, instance_id=id, **wanted) is not None)
        sure = st.checkbox(say("adopt.sure", name=plain(cards[id].name)), key=f"release_sure_{id}")
        if st.button(say("adopt.release"), disabled=not sure, key=f"release_{id}"):
            _told(viewer, act(adoption.release, instance_id=id) is not None)


def _plan(viewer: Viewer, place: Any, now: str | None, *, key: str) -> str | None:
    """Which plan it has; one that is not on sale any more stays choosable for who has it."""
    names: dict[str | None, str] = {None: viewer.say.text("adopt.no_plan")}
    names |= {p.id: f"{p.template} {p.name}" for p in queries.ask(catalogue.plans)}
    if now is not None and now not in names:
        old = queries.ask(catalogue.plan, plan_id=now)
        names[now] = f"{old.template} {old.name}"
    options = list(names)
    chosen = place.selectbox(
        viewer.say("column.plan"), options, index=options.index(now), format_func=lambda p: names[p], key=key,
        help=viewer.say("adopt.plan_help"),
    )  # fmt: skip
    return None if chosen is None else str(chosen)


def _trial(viewer: Viewer, place: Any, now: date | None, *, key: str) -> date | None:
    """The last day of its trial; empty when it is none."""
    days = int(queries.ask(settings.get, key="trial_days"))
    usual = (viewer.format.local(viewer.now) + timedelta(days=days)).date()
    chosen = place.date_input(
        viewer.say("adopt.trial"), now, key=key, format="YYYY-MM-DD",
        help=viewer.say("adopt.trial_help", n=days, usual=viewer.format.calendar_day(usual)),
    )  # fmt: skip
    return chosen if isinstance(chosen, date) else None


def _end_of(viewer: Viewer, day: date | None) -> datetime | None:
    """The moment at which that day is over where the reader is."""
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), viewer.format.zone)


def _last_day(viewer: Viewer, until: datetime | None) -> date | None:
    return None if until is None else viewer.format.local(until - timedelta(microseconds=1)).date()


def _told(viewer: Viewer, good: bool) -> None:
    if good:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
