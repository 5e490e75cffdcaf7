"""Calls to payment gateways over http: what goes wrong on the way becomes a sentence, and never shows a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from models.domain.errors import Misconfigured, Unavailable

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests to one gateway. `who` is its name for people, `setting` the one that holds its key."""

    who: str
    setting: str
    user: str
    """The key, sent as the user of basic authentication without a password, as both Stripe and Midtrans take it."""

    def send(self, method: str, url: str, **facts: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer. Unavailable when there is none or it says to come later, Misconfigured for a refused key."""
        try:
            answer = httpx.request(method, url, auth=(self.user, ""), timeout=TIMEOUT_SECONDS, **facts)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.who} does not answer ({type(error).__name__}); it is asked again.") from None
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            raise Unavailable(f"{self.who} answers {answer.status_code}; it is asked again.")
        if answer.status_code in (401, 403):
            raise Misconfigured(f"{self.who} refuses the key. Check MOORAGE_{self.setting.upper()}.")
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unavailable(f"{self.who} answers something that cannot be read; it is asked again.")
        return answer.status_code, body
