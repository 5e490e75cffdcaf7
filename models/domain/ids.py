"""Identifiers: opaque, prefixed by their noun, sortable by nothing; and names that Kubernetes and DNS accept."""

from __future__ import annotations

import re
import secrets
import unicodedata

LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


def new_id(noun: str) -> str:
    """A fresh identifier such as `org_3f9c0a1b2c4d5e6f7a8b`: 80 random bits, so it cannot be guessed."""
    return f"{noun}_{secrets.token_hex(10)}"


def is_label(text: str) -> bool:
    """Whether `text` is a DNS label (RFC 1123): lower case letters, digits and inner hyphens, at most 63."""
    return LABEL.fullmatch(text) is not None


def slug(text: str, *, limit: int = 40) -> str:
    """The DNS label nearest to a person's wording; `app` when nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-") or "app"
