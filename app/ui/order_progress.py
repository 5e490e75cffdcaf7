"""How far an order is: its steps in words, what is waited for, what went wrong and what happens next."""

from __future__ import annotations

import streamlit as st

from app.services import decisions, progress
from app.services.progress import Mark, Progress
from app.ui import app_cards, failures, gate, layout, navigation, queries, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain
from models.domain.access import Permission

SECONDS = 2.0
"""Between two looks at an order that is worked on."""
BEING_MADE = frozenset({"working", "stopped"})
"""While it is, what is wrong with the app itself is told beside its steps."""
ICONS = {"done": ":green[:material/check_circle:]", "now": ":blue[:material/hourglass_top:]",
         "stopped": ":red[:material/error:]", "ahead": ":gray[:material/circle:]"}  # fmt: skip
COLOURS = {"ready": "green", "stopped": "red", "refused": "red", "lapsed": "gray", "working": "blue"}


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def followed(viewer: Viewer, order_id: str) -> None:
    """The page about one order, until its app is there and afterwards."""
    seen = queries.ask(progress.of_order, order_id=order_id)
    layout.header(headline(viewer, seen), note=_note(viewer, seen))
    _whole(viewer, seen)


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def of_app(viewer: Viewer, instance_id: str) -> None:
    """The same on the page of an app that is being made; that page is drawn again once the app is there."""
    seen = queries.ask(progress.of_app, instance_id=instance_id)
    if seen is None:
        st.rerun()
    layout.header(headline(viewer, seen), note=_note(viewer, seen))
    _whole(viewer, seen)


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=SECONDS)
def on_order(viewer: Viewer, organization_id: str) -> None:
    """Open orders on Home. They move without news of the cluster, so they have a clock of their own."""
    with st.grid("auto", min_column_width=340):
        for one in queries.ask(progress.open_, organization_id=organization_id):
            card(viewer, one)


def card(viewer: Viewer, seen: Progress) -> None:
    """One open order."""
    with st.container(border=True, key=f"order_{seen.order.id}"):
        st.subheader(plain(seen.order.name), anchor=False)
        colour = COLOURS.get(seen.code, "orange")
        st.markdown(f":{colour}-badge[{viewer.say(f'progress.short.{seen.code}', template=_kind(viewer, seen))}]")
        _line(viewer, seen)
        navigation.link(viewer, "order", viewer.say("progress.open"), icon="arrow_forward", order=seen.order.id)


def headline(viewer: Viewer, seen: Progress) -> Plain:
    return viewer.say(f"progress.headline.{seen.code}", name=seen.order.name, template=_kind(viewer, seen))


def _note(viewer: Viewer, seen: Progress) -> str:
    say, fmt, order = viewer.say, viewer.format, seen.order
    size = plain(plan_word(viewer, order.plan))
    price = say("plan.month", price=fmt.money(order.price_minor, order.currency)) if order.price_minor else say("progress.nothing")
    return f"{plain(_kind(viewer, seen))} · {size} · {price} · {say('progress.placed', at=fmt.since(order.placed_at, viewer.now))}"


def _kind(viewer: Viewer, seen: Progress) -> str:
    """What the template is called."""
    key = f"template.{seen.order.template}"
    return viewer.say.text(key) if viewer.say.has(key) else seen.template


def plan_word(viewer: Viewer, name: str) -> str:
    key = f"plan.{name}"
    return viewer.say.text(key) if viewer.say.has(key) else name.capitalize()


def _line(viewer: Viewer, seen: Progress) -> None:
    """How much of it is done, as a bar, and at which step it is."""
    done = sum(mark.stand == "done" for mark in seen.marks)
    stage = seen.stage
    text = viewer.say(f"stage.{stage}") if stage else viewer.say("progress.short.ready", template=_kind(viewer, seen))
    st.progress(done / len(seen.marks), text=f":small[{text}{_time(viewer, seen)}]")


def _time(viewer: Viewer, seen: Progress) -> str:
    say, fmt = viewer.say, viewer.format
    if seen.elapsed is None or seen.code not in ("working", "ready"):
        return ""
    if seen.usual is None or seen.code == "ready":
        return f" · {fmt.duration(seen.elapsed)}"
    return f" · {say('progress.time', span=fmt.duration(seen.elapsed), usual=fmt.duration(seen.usual))}"


def _whole(viewer: Viewer, seen: Progress) -> None:
    say, order = viewer.say, seen.order
    _told(viewer, seen)
    left, right = st.columns([3, 2])
    with left, layout.card(say("progress.steps"), key="steps", stretch=False):
        _line(viewer, seen)
        for mark in seen.marks:
            st.markdown(_step(viewer, seen, mark))
    with right, layout.card(plain(order.name), key="ordered", stretch=False):
        if order.address:
            st.markdown(f":small[:gray[{say('progress.address')}]]  \n{plain(order.address.partition('://')[2])}")
        if seen.code == "ready":
            st.link_button(say("app.open"), app_cards.address(order.address), icon=":material/open_in_new:", type="primary")
            navigation.link(viewer, "app", say("progress.manage"), icon="monitoring", id=order.instance_id)
        elif not seen.over:
            st.markdown(f":small[{say('progress.close')}]")
        _buttons(viewer, seen)


def _step(viewer: Viewer, seen: Progress, mark: Mark) -> str:
    say = viewer.say
    key = f"stage.{mark.name}"
    if mark.name == "payment" and mark.stand != "done" and say.has(f"stage.{seen.code}"):
        key = f"stage.{seen.code}"  # what is waited for before the money
    text = say(key)
    text = Plain(f"**{text}**") if mark.stand in ("now", "stopped") else text
    took = f" :small[:gray[{viewer.format.duration(mark.took)}]]" if mark.took and mark.took.total_seconds() >= 1 else ""
    return f"{ICONS[mark.stand]} {text}{took}"


def _told(viewer: Viewer, seen: Progress) -> None:
    """What is waited for until when, or why it stopped and what happens next."""
    say, fmt, order = viewer.say, viewer.format, seen.order
    until = fmt.moment(order.until)
    match seen.code:
        case "ready":
            st.success(say("progress.told.ready"), icon=":material/check_circle:")
        case "stopped":
            reason = say(f"stage.stopped.{seen.stage or 'start'}")
            st.error(f"{reason} {say('progress.told.stopped')}", icon=":material/error:")
            if seen.exact:
                with st.expander(say("app.exact")):
                    st.code(seen.exact, language=None, wrap_lines=True)
        case "refused" | "lapsed":
            reason = plain(failures.known(say, seen.exact) or seen.exact)
            st.warning(f"{say(f'progress.told.{seen.code}')} {reason}", icon=":material/block:")
        case "payment" if order.price_minor:
            price = fmt.money(order.price_minor, order.currency)
            st.info(say("progress.told.payment", price=price, until=until), icon=":material/payments:")
        case "confirmation" | "approval":
            st.info(say(f"progress.told.{seen.code}", by=order.placed_by, until=until), icon=":material/pending:")


def _buttons(viewer: Viewer, seen: Progress) -> None:
    say, order = viewer.say, seen.order
    with st.container(horizontal=True):
        confirms = seen.may_confirm and st.button(say("progress.confirm"), type="primary", key="confirm_order")
        cancels = seen.may_cancel and st.button(say("progress.cancel"), key="cancel_order")
        if confirms and act(decisions.confirm, order_id=order.id) is not None:
            state.notice(say.text("progress.confirmed"))
            st.rerun()
        if cancels and act(decisions.cancel, order_id=order.id) is not None:
            state.notice(say.text("progress.cancelled"))
            st.rerun()
        if seen.code in ("refused", "lapsed"):
            navigation.link(viewer, "order", say("progress.again"), icon="replay", template=order.template)
