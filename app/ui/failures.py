"""What a reader is told of an expected failure: its own sentence in their language, or instead of what names the installation one with a
reference."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from app.absence import Away
from app.logs import logger
from app.ui.gate import Viewer
from app.ui.messages import Plain, Say, failures_indonesian, listed_indonesian, plain
from models.domain.access import Permission
from models.domain.errors import Misconfigured, PlatformError, Unavailable

_log = logger(__name__)
SENTENCES: Mapping[str, Mapping[str, str]] = {"id": {**failures_indonesian.SENTENCES, **listed_indonesian.SENTENCES}}
"""By language: what is known sentence by sentence. Of others the kind of failure is said."""


def words(viewer: Viewer, error: PlatformError) -> Plain:
    """The sentence of `error` for this reader. Addresses and files of the installation are for those who can mend it: others get a
    reference, which stands in the log beside the whole sentence."""
    if isinstance(error, Away):
        return viewer.say("away.part", at=viewer.format.since(error.since, viewer.now))
    if not isinstance(error, Unavailable | Misconfigured):
        return plain(error) if viewer.say.language == "en" else plain(_translated(viewer.say, error))
    if Permission.SEE_CLUSTER in viewer.actor.everywhere:
        return plain(error)
    reference = secrets.token_hex(4)
    _log.warning("a customer's page could not be answered", reference=reference, code=error.code, error=str(error))
    return viewer.say("error.unavailable", reference=reference)


def known(say: Say, sentence: str) -> str:
    """What the services said in the reader's language; empty when that language has no translation of it.

    Several sentences may be known each by itself, and a value may be a sentence that is known.
    """
    each = re.split(r"(?<=\.) (?=[A-Z])", sentence)
    if len(each) > 1 and all(parts := [known(say, one) for one in each]):
        return " ".join(parts)
    for english, own in SENTENCES.get(say.language, {}).items():
        found = re.fullmatch("(.+)".join(re.escape(part) for part in english.strip().split("{}")), sentence)
        if found:
            return own.strip().format(*(known(say, value) or value for value in found.groups()))
    return ""


def _translated(say: Say, error: PlatformError) -> str:
    found = known(say, str(error))
    if found:
        return found
    kind = next(k for k in type(error).__mro__ if issubclass(k, PlatformError) and say.has(f"error.{k.code}"))
    return say.text(f"error.{kind.code}")
