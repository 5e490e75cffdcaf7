"""Orders: what a customer asked for, as one table of moves, and the rules about names, trials and the size that is proposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from models.domain.errors import IllegalTransition, Invalid
from models.domain.ids import is_label


class OrderState(StrEnum):
    """What an order waits for, or how it ended."""

    CONFIRMATION = "confirmation"
    """A token asked for something that costs; a signed-in person of the organization has to say yes."""
    APPROVAL = "approval"
    """Staff have to say yes."""
    PAYMENT = "payment"
    """The gateway has to say that the money is there; what costs nothing goes the same way and waits a moment only."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LAPSED = "lapsed"


S = OrderState
MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    S.CONFIRMATION: frozenset({S.APPROVAL, S.PAYMENT, S.REFUSED, S.LAPSED}),
    S.APPROVAL: frozenset({S.PAYMENT, S.REFUSED, S.LAPSED}),
    S.PAYMENT: frozenset({S.ACCEPTED, S.REFUSED, S.LAPSED}),
    S.ACCEPTED: frozenset(),
    S.REFUSED: frozenset(),
    S.LAPSED: frozenset(),
}
OPEN = frozenset({S.CONFIRMATION, S.APPROVAL, S.PAYMENT})
"""States in which an order holds its reservation and may still lapse."""
KEEPS_A_TRIAL = frozenset(S) - {S.REFUSED, S.LAPSED}
"""An order that ended otherwise does not use up the organization's trial of a template."""
RESERVED = frozenset(
    {
        "admin", "administrator", "api", "app", "apps", "auth", "billing", "cdn", "console", "dashboard", "dev", "dns", "docs",
        "ftp", "help", "imap", "internal", "localhost", "login", "mail", "moorage", "mx", "ns", "ns1", "ns2", "operator", "pop",
        "portal", "root", "security", "smtp", "staff", "staging", "static", "status", "support", "system", "test", "webmail", "www",
    }
)  # fmt: skip
"""Labels that would let an app pass for the platform or for its mail."""
LONGEST_LABEL = 63


def move(current: OrderState, target: OrderState) -> OrderState:
    """`target`, when the table has that move."""
    if target not in MOVES[current]:
        raise IllegalTransition("order", current, target)
    return target


class Approval(StrEnum):
    """Which orders wait for staff."""

    NONE = "none"
    PAID = "paid"
    ALL = "all"


def first_state(*, price_minor: int, by_token: bool, approval: Approval, repeated: bool = False) -> OrderState:
    """Where an order begins: confirmation before approval before money. A `repeated` trial waits for staff whatever the setting."""
    if by_token and price_minor:
        return S.CONFIRMATION
    if repeated and not price_minor:
        return S.APPROVAL
    return after_confirmation(price_minor=price_minor, approval=approval)


def after_confirmation(*, price_minor: int, approval: Approval) -> OrderState:
    """Where it goes once the customer has said yes."""
    if approval is Approval.ALL or (approval is Approval.PAID and price_minor):
        return S.APPROVAL
    return S.PAYMENT


def check_label(text: str) -> str:
    """The first part of an app's address, as DNS writes it (letters beyond ASCII by IDNA, RFC 3490). Raises Invalid."""
    plain = text.strip().lower()
    try:
        label = plain.encode("idna").decode("ascii")
    except UnicodeError:
        label = ""
    if not is_label(label) or len(label) > LONGEST_LABEL or "." in plain:
        raise Invalid(
            "The address begins with at most 63 letters, digits and inner hyphens, such as “toko-ayu”. Dots and spaces do not fit.",
            field="label",
        )
    if label[2:4] == "--" and not label.startswith("xn--"):
        raise Invalid("The third and fourth character of an address cannot both be hyphens. Write it otherwise.", field="label")
    if label in RESERVED:
        raise Invalid(f"“{label}” is kept for the platform itself. Choose another word.", field="label")
    return label


def numbered(label: str, number: int) -> str:
    """The label itself for the first app of a kind, `label-2` for the second, never longer than a label may be."""
    if number <= 1:
        return label
    tail = f"-{number}"
    return label[: LONGEST_LABEL - len(tail)].rstrip("-") + tail


class Sized(Protocol):
    """Anything with the number of people that it suits and a price."""

    @property
    def people(self) -> int: ...

    @property
    def price_minor(self) -> int: ...


P = TypeVar("P", bound=Sized)


def proposed(plans: Iterable[P], people: int) -> P | None:
    """The cheapest plan that suits so many people and costs something; the largest when none does. None without a paid plan."""
    paid = sorted((one for one in plans if one.price_minor), key=lambda one: (one.price_minor, one.people))
    return next((one for one in paid if one.people >= people), paid[-1] if paid else None)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an order that is not accepted keeps its place."""

    unpaid: timedelta
    undecided: timedelta

    def of(self, state: OrderState) -> timedelta:
        return self.unpaid if state is S.PAYMENT else self.undecided
