"""The public catalogue: what is on sale, with plans and prices, for who has no account yet."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from app.auth.forms import markup
from app.auth.forms.exchange import EDGE, Exchange
from app.auth.forms.markup import Html
from app.auth.forms.words import ZONES
from app.auth.policy import VISITOR
from app.services import offers
from app.services.offers import Offer, PlanOffer
from app.ui.format import Formatter, formatter
from models.domain.errors import PlatformError

CURRENCIES = ("IDR", "USD", "EUR")
USUAL = {"en": "USD", "id": "IDR"}
"""In which currency prices stand for a reader who chose none."""


def shown(exchange: Exchange, error: PlatformError | None) -> Response:
    """Whoever is a member of an organization is led to its own catalogue, where the prices are theirs."""
    signed = exchange.signed()
    if signed is not None and signed.organizations:
        return exchange.redirect("/new")
    say, fmt = exchange.say, formatter(exchange.say.language, ZONES[exchange.say.language])
    currency = exchange.fields.get("currency", "").upper()
    currency = currency if currency in CURRENCIES else USUAL[say.language]
    typed = exchange.fields.get("q", "").strip()[:80]
    with exchange.parts.reading(VISITOR, EDGE) as ctx:
        found = [offer for offer in offers.list_(ctx) if _matches(fmt, offer, typed)]
    found.sort(key=lambda offer: (offer.category == "own", fmt.say.text(f"category.{offer.category}"), offer.name))
    return exchange.page(
        "catalogue.title",
        markup.paragraph(say("catalogue.lead")),
        markup.search("/catalogue", say("catalogue.search"), say("catalogue.find"), typed, _kept(exchange, currency=currency)),
        markup.links(*(_choice(exchange, one, typed, chosen=one == currency) for one in CURRENCIES)),
        *(_offer(exchange, fmt, offer, currency) for offer in found),
        markup.paragraph(say("catalogue.none")) if not found else Html(""),
        markup.links(
            markup.link(exchange.to("/signup"), say("catalogue.signup"), kind="button"),
            markup.link(exchange.to("/login"), say("catalogue.login")),
        ),
        error=error,
        wide=True,
    )


def _kept(exchange: Exchange, **query: str) -> dict[str, str]:
    lang = {"lang": exchange.say.language} if exchange.fields.get("lang") else {}
    return {name: value for name, value in query.items() if value} | lang


def _choice(exchange: Exchange, currency: str, typed: str, *, chosen: bool) -> Html:
    address = f"/catalogue?{urlencode(_kept(exchange, currency=currency, q=typed))}"
    return markup.link(address, currency, kind="chosen" if chosen else "")


def _matches(fmt: Formatter, offer: Offer, typed: str) -> bool:
    words = offer.words.get(fmt.say.language) or offer.words["en"]
    about = f"{_name(fmt, offer)} {offer.id} {fmt.say.text(f'category.{offer.category}')} {words.summary} {words.text}".lower()
    return all(word in about for word in typed.lower().split())


def _name(fmt: Formatter, offer: Offer) -> str:
    key = f"template.{offer.id}"
    return fmt.say.text(key) if fmt.say.has(key) else offer.name


def _offer(exchange: Exchange, fmt: Formatter, offer: Offer, currency: str) -> Html:
    words = offer.words.get(fmt.say.language) or offer.words["en"]
    category = fmt.say.text(f"category.{offer.category}")
    ready = fmt.say.text("shop.ready", span=fmt.duration(offer.ready_after)) if offer.ready_after is not None else ""
    lines = [" · ".join(part for part in (category, ready) if part), words.summary, words.text]
    headings = tuple(exchange.say(f"catalogue.{one}") for one in ("plan", "price", "size"))
    plans = sorted(offer.plans, key=lambda plan: (plan.trial_days is None, plan.price_minor))
    return markup.offer(_name(fmt, offer), lines, headings, [_plan(fmt, plan, currency) for plan in plans])


def _plan(fmt: Formatter, plan: PlanOffer, currency: str) -> tuple[str, str, str]:
    say = fmt.say
    name = say.text(f"plan.{plan.name}") if say.has(f"plan.{plan.name}") else plan.name.capitalize()
    price = say.text("plan.month", price=fmt.money(plan.prices[currency], currency))
    size = [say.text("plan.memory", size=fmt.bytes(plan.memory_bytes)), fmt.cores(plan.cpu_cores)]
    if plan.storage_bytes:
        size.append(say.text("plan.storage", size=fmt.bytes(plan.storage_bytes)))
    size.append(say.text("plan.people", n=plan.people))
    return name, say.text("plan.free_days", n=plan.trial_days) if plan.trial_days else price, " · ".join(size)
