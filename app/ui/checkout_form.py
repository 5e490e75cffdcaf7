"""The checkout: what, how big, under which name; beside it what that costs now and later, and whether there is room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import streamlit as st

from app.services import orders, storefront
from app.services.offers import PlanOffer
from app.services.orders import Quote
from app.services.selling import NoRoom
from app.services.storefront import Counter
from app.ui import failures, gate, layout, navigation, offer_cards, parameter_fields, queries, state
from app.ui.actions import act, tried
from app.ui.gate import Viewer
from app.ui.messages import plain
from models.domain.access import Permission
from models.domain.errors import Invalid, PlatformError
from models.domain.orders import proposed


@gate.fragment(Permission.SEE_OWN_INSTANCES, every=None)
def show(viewer: Viewer, organization_id: str, template: str) -> None:
    """All of it; every answer is checked when it is given."""
    before = _placed().get(template)
    if before:
        navigation.go("order", order=before, org=organization_id)
    counter = queries.ask(storefront.counter, organization_id=organization_id, template=template)
    say = viewer.say
    layout.header(
        say("order.headline", name=offer_cards.name(viewer, counter.offer)), note=offer_cards.ready(viewer, counter.offer)
    )
    left, right = st.columns([3, 2])
    with left:
        _what(viewer, counter)
        people, plan = _size(viewer, counter, organization_id)
        wanted, wrong = _name(viewer, counter)
    if plan is None:
        return
    asked: dict[str, Any] = {"organization_id": organization_id, "template": template, "plan": plan.name, **wanted}
    quote, error = (None, wrong) if wrong is not None else tried(orders.quote, **asked)
    with left:
        _problem(viewer, counter, error)
    with right:
        _summary(viewer, counter, plan, people, quote)
        _order(viewer, counter, plan, quote, asked)


def _what(viewer: Viewer, counter: Counter) -> None:
    said = offer_cards.words(viewer, counter.offer)
    with layout.card(viewer.say("order.what"), key="what", stretch=False):
        st.markdown(f"**{plain(offer_cards.name(viewer, counter.offer))}** {plain(counter.offer.version)} · {plain(said.summary)}")
        st.markdown(f":small[{plain(said.text)}]")


def _size(viewer: Viewer, counter: Counter, organization_id: str) -> tuple[int, PlanOffer | None]:
    """How many people, and the plan: the one in the address, else the trial while it is unused, else what suits so many."""
    say = viewer.say
    plans = [one for one in counter.offer.plans if not (one.trial_days and counter.trial_used)]
    plans.sort(key=lambda one: (one.trial_days is None, one.price_minor))
    with layout.card(say("order.size"), key="size", stretch=False):
        people = int(st.number_input(say("order.people"), 1, 10_000, 5, key="people"))
        fits = proposed(plans, people)
        named = next((one for one in plans if one.name == state.parameter("plan")), None)
        chosen = named or next((one for one in plans if one.trial_days), None) or fits
        full, _ = tried(storefront.full, organization_id=organization_id, template=counter.offer.id)
        with st.grid("auto", min_column_width=190):
            for one in plans:
                _plan(viewer, counter, one, chosen=one is chosen, fits=one is fits, full=one.name in (full or ()))
        if counter.trial_used and any(one.trial_days for one in counter.offer.plans):
            st.caption(say("order.trial_used", name=counter.offer.name))
    return people, chosen


def _plan(viewer: Viewer, counter: Counter, plan: PlanOffer, *, chosen: bool, fits: bool, full: bool) -> None:
    say = viewer.say
    with st.container(border=True, height="stretch", key=f"plan_{plan.name}", gap="xsmall"):
        badge = f" :blue-badge[{say('plan.fits')}]" if fits else ""
        badge += f" :orange-badge[{say('plan.full')}]" if full else ""
        st.markdown(f"**{offer_cards.plan_name(viewer, plan.name)}**{badge}")
        st.markdown(offer_cards.price(viewer, plan, counter.currency))
        st.markdown(f":small[{offer_cards.resources(viewer, plan)}]")
        st.markdown(f":small[{say('plan.people', n=plan.people)}]")
        label = say("plan.chosen") if chosen else say("plan.choose")
        if st.button(label, key=f"take_{plan.name}", icon=":material/check:" if chosen else None, disabled=chosen, width="stretch"):
            _take(plan.name)


def _take(plan: str) -> None:
    st.query_params["plan"] = plan
    st.rerun()


def _name(viewer: Viewer, counter: Counter) -> tuple[Mapping[str, Any], Invalid | None]:
    say = viewer.say
    with layout.card(say("order.name"), key="name", stretch=False):
        name = st.text_input(say("order.app_name"), counter.name, key="app_name", max_chars=63, live=True)
        label = st.text_input(say("order.label"), counter.label, key="app_label", max_chars=63, live=True)
        st.markdown(f":small[{say('order.address', address=f'{label or counter.label}.{counter.domain}')}]")
        parameters, wrong = parameter_fields.ask(viewer, counter.offer.parameters)
    # what is empty is named as well: pressed twice, the second order would otherwise get the next free name
    return {"name": name or counter.name, "label": label or counter.label, "parameters": parameters}, wrong


def _problem(viewer: Viewer, counter: Counter, error: PlatformError | None) -> None:
    """What is wrong with the answers, in a sentence; a question that nobody answered yet is no error."""
    field = str(getattr(error, "field", None) or "")
    if error is None or field.startswith("bad_"):  # said beside the field
        return
    asked = counter.offer.parameters.get(field)
    if asked is not None and asked.kind != "components" and not st.session_state.get(f"parameter_{field}"):
        st.info(viewer.say("order.missing", question=parameter_fields.label(viewer, asked)), icon=":material/edit:")
    else:
        st.error(failures.words(viewer, error), icon=":material/edit:")


def _summary(viewer: Viewer, counter: Counter, plan: PlanOffer, people: int, quote: Quote | None) -> None:
    say, fmt = viewer.say, viewer.format
    with layout.card(say("order.costs"), key="costs", stretch=False):
        price = quote.price_minor if quote is not None else plan.prices[counter.currency]
        if plan.trial_days:
            until = quote.trial_until if quote and quote.trial_until else viewer.now + timedelta(days=plan.trial_days)
            nothing = fmt.money(0, counter.currency)
            layout.facts([(say("order.now"), f"**{plain(nothing)}**"), (say("order.until"), f"**{plain(fmt.day(until))}**")])
            st.markdown(say("order.trial_is", n=plan.trial_days))
            st.markdown(say("order.trial_ends", at=fmt.day(until)))
            later = proposed(counter.offer.plans, people)
            if later is not None:
                st.markdown(f":small[{_later(viewer, counter, later, people)}]")
        else:
            layout.facts([(say("order.now"), f"**{plain(fmt.money(price, counter.currency))}**"),
                          (say("order.monthly"), f"**{plain(fmt.money(price, counter.currency))}**")])  # fmt: skip
            st.markdown(say("order.paid_is"))
        for name, minor in quote.beside if quote is not None else ():
            cost = say("plan.month", price=fmt.money(minor, counter.currency)) if minor else say("listed.beside_free")
            st.markdown(f":small[{say('listed.beside', name=name)}: {cost}]")
        if counter.offer.ready_after is not None:
            st.markdown(offer_cards.ready(viewer, counter.offer))
        if quote is not None:
            _room(viewer, counter, quote)


def _later(viewer: Viewer, counter: Counter, plan: PlanOffer, people: int) -> str:
    word, price = offer_cards.plan_name(viewer, plan.name), viewer.format.money(plan.prices[counter.currency], counter.currency)
    return viewer.say("order.afterwards", n=people, plan=word, price=price)


def _room(viewer: Viewer, counter: Counter, quote: Quote) -> None:
    say = viewer.say
    if not quote.no_room:
        st.markdown(f":green[:material/check_circle:] {say('order.room')}")
        return
    st.warning(failures.words(viewer, NoRoom(quote.no_room)), icon=":material/cloud_off:")
    smaller = next((one for one in counter.offer.plans if one.name == quote.smaller), None)
    if smaller is None:
        st.markdown(say("order.no_room_next"))
    elif st.button(say("order.smaller", plan=offer_cards.plan_name(viewer, smaller.name)), key="smaller"):
        _take(smaller.name)


def _order(viewer: Viewer, counter: Counter, plan: PlanOffer, quote: Quote | None, asked: Mapping[str, Any]) -> None:
    say = viewer.say
    if not counter.may_order or (plan.price_minor and not counter.may_pay):
        st.info(say("order.may_not" if not counter.may_order else "order.may_not_pay"), icon=":material/lock:")
        return
    label = say("order.start_trial") if plan.trial_days else say("order.place")
    ready = quote is not None and not quote.no_room
    if st.button(label, type="primary", key="place", disabled=not ready, width="stretch"):
        placed = _once(asked)
        if placed:
            navigation.go("order", order=placed, org=str(asked["organization_id"]))


def _once(asked: Mapping[str, Any]) -> str:
    """Id of the placed order; empty when it was refused."""
    placed = _placed()
    view = act(orders.place, then=lambda done: placed.update({str(asked["template"]): done.id}), **asked)
    return view.id if view is not None else ""


def arrived() -> None:
    """The page of an order is open: from here on somebody who orders the same once more means it."""
    _placed().clear()


def _placed() -> dict[str, str]:
    """By template the order that was placed while its checkout is still open.

    A second click ends the run of the first where that next calls Streamlit, often before it has left for the order's page. A plain
    dictionary, because writing into it is no such call.
    """
    found: dict[str, str] = st.session_state.setdefault("_orders_placed", {})
    return found
