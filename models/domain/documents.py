"""Documents that go to customers: what stands on one, fixed when it is issued, so that it can be set again to the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

LANGUAGES = ("en", "id", "de")
"""Languages in which documents are set."""
GERMAN = frozenset({"AT", "CH", "DE", "LI"})


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Party:
    """The seller or the buyer as the document names them; `address` has a line for each of its lines."""

    name: str
    address: str = ""
    tax_number: str = ""
    registration: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class PaperLine:
    """One line, for service from `first` to before `after`; minor units. Both days are None where no time belongs to it."""

    what: str
    net: int
    tax: int
    first: date | None = None
    after: date | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole document in minor units of `currency`. `refers` is the number of the document that it belongs to.

    `link` leads to the page where it is paid or seen; `how` are lines about the payment, such as an account, as they are to be read;
    `remark` is a sentence about the whole.
    """

    kind: DocumentKind
    number: str
    language: str
    issued_on: date
    seller: Party
    buyer: Party
    currency: str
    lines: tuple[PaperLine, ...]
    net: int
    tax: int
    total: int
    tax_name: str = ""
    tax_formula: str = ""
    due_on: date | None = None
    refers: str = ""
    link: str = ""
    how: tuple[str, ...] = ()
    remark: str = ""


def language(wanted: str, *, locale: str = "", country: str = "") -> str:
    """The language of an organization's documents: the one it chose, else that of a German-speaking country, else its own, else English."""
    if wanted in LANGUAGES:
        return wanted
    if country.upper() in GERMAN:
        return "de"
    spoken = locale.replace("_", "-").partition("-")[0].lower()
    return spoken if spoken in LANGUAGES else "en"


def facts(paper: Paper) -> dict[str, Any]:
    """The document as plain values, days as ISO 8601; `paper` makes it again."""
    return {key: _plain(value) for key, value in asdict(paper).items()}


def paper(facts: Mapping[str, Any]) -> Paper:
    """What `facts` told."""
    known = dict(facts)
    known["kind"] = DocumentKind(known["kind"])
    known["issued_on"] = date.fromisoformat(known["issued_on"])
    known["due_on"] = _day(known["due_on"])
    known["seller"], known["buyer"] = Party(**known["seller"]), Party(**known["buyer"])
    known["lines"] = tuple(PaperLine(**{**one, "first": _day(one["first"]), "after": _day(one["after"])}) for one in known["lines"])
    known["how"] = tuple(known["how"])
    return Paper(**known)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
