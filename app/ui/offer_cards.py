"""What is on sale, as cards and plans: one look each, wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services import storefront
from app.services.offers import Offer, PlanOffer, Words
from app.services.storefront import Front
from app.ui import navigation
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain


def words(viewer: Viewer, offer: Offer) -> Words:
    """What it is for, in the reader's language."""
    return offer.words.get(viewer.say.language) or offer.words["en"]


def name(viewer: Viewer, offer: Offer) -> str:
    """What it is called; what describes itself instead of having a name of its own is translated."""
    key = f"template.{offer.id}"
    return viewer.say.text(key) if viewer.say.has(key) else offer.name


def matching(viewer: Viewer, offers: Sequence[Offer], text: str) -> list[Offer]:
    """Those of which every typed word stands in name, kind or purpose; what belongs together stands together."""

    def about(offer: Offer) -> str:
        said = words(viewer, offer)
        return (
            f"{name(viewer, offer)} {offer.id} {viewer.say.text(f'category.{offer.category}')} {said.summary} {said.text}".lower()
        )

    found = [offer for offer in offers if all(word in about(offer) for word in text.lower().split())]
    return sorted(found, key=lambda offer: (offer.category == "own", viewer.say.text(f"category.{offer.category}"), offer.name))


def ready(viewer: Viewer, offer: Offer) -> str:
    """How long it usually takes, as measured; empty when nobody ever ordered it."""
    return viewer.say("shop.ready", span=viewer.format.duration(offer.ready_after)) if offer.ready_after is not None else ""


def card(viewer: Viewer, offer: Offer, front: Front, **parameters: str) -> None:
    """One entry of the catalogue, and the way to its checkout."""
    say, fmt, said = viewer.say, viewer.format, words(viewer, offer)
    prices, days = storefront.prices(offer), storefront.trial_days(offer)
    with st.container(border=True, key=f"offer_{offer.id}", height="stretch"):
        st.markdown(f":small[:gray[{say(f'category.{offer.category}')}]]")
        st.subheader(plain(name(viewer, offer)), anchor=False)
        st.markdown(plain(said.summary))
        st.markdown(f":small[{plain(said.text)}]")
        facts = []
        if prices:
            facts.append(f"**{say('shop.from', price=fmt.money(prices[front.currency], front.currency))}**")
        if days:
            facts.append(say("shop.trial_used") if offer.id in front.trials_used else say("shop.trial_days", n=days))
        facts.append(ready(viewer, offer))
        st.markdown(" · ".join(fact for fact in facts if fact))
        navigation.link(
            viewer, "order", say("shop.choose", name=name(viewer, offer)), icon="arrow_forward", template=offer.id, **parameters
        )


def plan_name(viewer: Viewer, name: str) -> Plain:
    """A plan's name in words; one that we have no word for as it is written."""
    key = f"plan.{name}"
    return viewer.say(key) if viewer.say.has(key) else plain(name.capitalize())


def resources(viewer: Viewer, plan: PlanOffer) -> Plain:
    """What a plan gives, in one line."""
    say, fmt = viewer.say, viewer.format
    parts = [say("plan.memory", size=fmt.bytes(plan.memory_bytes)), fmt.cores(plan.cpu_cores)]
    if plan.storage_bytes:
        parts.append(say("plan.storage", size=fmt.bytes(plan.storage_bytes)))
    return Plain(" · ".join(plain(part) for part in parts))


def price(viewer: Viewer, plan: PlanOffer, currency: str) -> Plain:
    """What a month costs; of a trial how long it costs nothing."""
    if plan.trial_days:
        return viewer.say("plan.free_days", n=plan.trial_days)
    return viewer.say("plan.month", price=viewer.format.money(plan.prices[currency], currency))
