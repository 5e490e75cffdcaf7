"""Own domains: names that customers bring for their apps, and how it is known that a name is theirs and leads here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.domain.errors import Invalid
from models.domain.ids import is_label

PROOF_LABEL = "_moorage"
"""The record that proves a name stands under this label of it."""
MOST = 10
"""So many names may lead to one app."""


@dataclass(frozen=True, slots=True)
class Records:
    """What the DNS says of a name: where it leads, and which proofs stand beside it."""

    aliases: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    target_addresses: frozenset[str] = frozenset()
    """Of the app's own host."""
    proofs: frozenset[str] = frozenset()


def check_name(text: str, *, apart_from: tuple[str, ...]) -> str:
    """The name as the DNS has it: lower case, ASCII, without a dot at its end. Not below one of `apart_from`. Raises Invalid."""
    bare = text.strip().rstrip(".").lower()
    try:
        name = bare.encode("idna").decode() if bare else ""
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 200 or len(labels) < 2 or not all(is_label(one) for one in labels) or re.fullmatch(r"\d+", labels[-1]):
        raise Invalid("A domain looks like shop.example.com: no https://, no path, no star.", field="name")
    for ours in filter(None, apart_from):
        if name == ours or name.endswith("." + ours):
            raise Invalid(f"Names under {ours} are given by us. Choose one that is your own.", field="name")
    return name


def proof(token: str) -> str:
    """What the TXT record has to hold."""
    return f"moorage={token}"


def lacking(found: Records, *, host: str, token: str) -> str:
    """What is still missing: `proof`, `target`, or nothing when the name is theirs and leads to the app."""
    if proof(token) not in found.proofs:
        return "proof"
    leads = host in found.aliases or bool(found.addresses & found.target_addresses)
    return "" if leads else "target"
