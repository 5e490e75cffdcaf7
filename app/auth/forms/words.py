"""What the forms say, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.auth.forms import english, indonesian
from models.domain.errors import PlatformError, TooManyAttempts

NAMES: Mapping[str, str] = {"en": "English", "id": "Bahasa Indonesia"}
TEXTS: Mapping[str, Mapping[str, str]] = {"en": english.TEXTS, "id": indonesian.TEXTS}
ERRORS: Mapping[str, Mapping[str, str]] = {"en": {}, "id": indonesian.ERRORS}
ZONES: Mapping[str, str] = {"en": "UTC", "id": "Asia/Jakarta"}
"""Time zone of a new account until its owner sets one."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language of NAMES."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        return TEXTS[self.language][key].format(**values)

    def error(self, error: PlatformError) -> str:
        """The sentence of an error; services speak English, so the known sentences are translated here."""
        if isinstance(error, TooManyAttempts):
            return self("too_many", minutes=-(-error.retry_after_seconds // 60))
        sentence = str(error)
        return ERRORS[self.language].get(sentence, sentence)


def preferred(accept_language: str) -> Words:
    """The language that a browser likes best among ours (RFC 9110, 12.5.4); English otherwise."""
    best, weight = "en", 0.0
    for part in accept_language[:500].split(","):
        tag, _, quality = part.strip().partition(";")
        code = tag.split("-")[0].lower()
        try:
            q = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            q = 0.0
        if code in NAMES and q > weight:
            best, weight = code, q
    return Words(best)
