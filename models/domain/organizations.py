"""Organizations: the standing of a customer account, and the rules about its owners."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from models.domain.access import MemberRole
from models.domain.errors import Conflict, IllegalTransition, Invalid

REMOVED_PERSON = "a removed person"
"""Stands in the audit for somebody whose name was anonymised."""
REMOVED_NAME = "Removed organization"
_EMAIL = re.compile(
    r"[^@\s\x00-\x1f\x7f\"'<>(),;:\\\[\]]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""A value that a Kubernetes label can have, and not an empty one."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Standing(StrEnum):
    """Where the customer account stands."""

    ACTIVE = "active"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    ANONYMISED = "anonymised"


ENDED = frozenset({Standing.CLOSED, Standing.ANONYMISED})
"""Nothing new is given to an organization that stands so."""

MOVES: Mapping[Standing, frozenset[Standing]] = {
    Standing.ACTIVE: frozenset({Standing.ON_HOLD, Standing.CLOSED}),
    Standing.ON_HOLD: frozenset({Standing.ACTIVE, Standing.CLOSED}),
    Standing.CLOSED: frozenset({Standing.ACTIVE, Standing.ANONYMISED}),
    Standing.ANONYMISED: frozenset(),
}


def move(current: Standing, target: Standing) -> Standing:
    """`target`, when the table has that move; a removed organization never comes back."""
    if target not in MOVES[current]:
        raise IllegalTransition("organization", current, target)
    return target


def check_name(text: str, *, field: str = "name") -> str:
    """A name for people and organizations: 1 to 80 characters on one line, single spaces inside and none around."""
    name = " ".join(part for part in text.split(" ") if part).strip()
    if not name:
        raise Invalid("A name is missing. Type one of 1 to 80 characters.", field=field)
    if len(name) > 80:
        raise Invalid(f"The name has {len(name)} characters; at most 80 fit. Shorten it.", field=field)
    if _CONTROL.search(name):
        raise Invalid("The name contains a line break or a control character. Type it on one line.", field=field)
    return name


def check_email(text: str, *, field: str = "email") -> str:
    """The address in the one form in which it is kept: lower case, without spaces around it."""
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address. Write it like name@example.com.", field=field)
    return email


def check_country(text: str) -> str:
    """An ISO 3166 code of two letters in capitals, or nothing while it is not known."""
    code = text.strip().upper()
    if code and not re.fullmatch(r"[A-Z]{2}", code):
        raise Invalid("A country is written as two letters, such as ID or DE.", field="country")
    return code


def keeps_an_owner(roles: Mapping[str, MemberRole], user: str, role: MemberRole | None) -> None:
    """Refuse the change of `user` to `role` (None: leaves) when nobody would own the organization afterwards."""
    after = {**roles, user: role}
    if roles.get(user) is MemberRole.OWNER and MemberRole.OWNER not in after.values():
        raise Conflict("This is the last owner. Make somebody else an owner first, then change this one.")
