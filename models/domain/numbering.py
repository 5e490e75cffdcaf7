"""Numbers of documents: one after the other without a gap in each entity, kind and year, taken last in the transaction that issues.

Sources: EU VAT directive art. 226(2) ("a sequential number, based on one or more series, which uniquely identifies the invoice"), the
same in UK regulation 14; Odoo's INV/2025/00001 with a yearly restart. Drafts have none; a void document keeps its own; credit notes have
their own series; a number is never edited. Sequences of a database leave gaps when a transaction is rolled back, a row that is counted up
does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from models.domain.errors import Conflict, Invalid
from models.domain.periods import local_day


class DocumentKind(StrEnum):
    """What is numbered by itself, and how its numbers begin."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECEIPT = "receipt"

    @property
    def prefix(self) -> str:
        return {"invoice": "INV", "credit_note": "CN", "receipt": "RC"}[self.value]


@dataclass(frozen=True, slots=True)
class Series:
    """Where one count runs. `year` is the fiscal year, named after the calendar year in which it begins."""

    entity: str
    kind: DocumentKind
    year: int


@dataclass(frozen=True, slots=True)
class Style:
    """How an entity writes its numbers: `{kind}`, `{year}` and `{number}` once each, such as `{kind}/{year}/{number}`."""

    pattern: str = "{kind}/{year}/{number}"
    width: int = 5

    def __post_init__(self) -> None:
        bare = self.pattern
        for part in ("{kind}", "{year}", "{number}"):
            if self.pattern.count(part) != 1:
                raise Invalid(f"A document's number has {part} in it once.", field="pattern")
            bare = bare.replace(part, " ")
        if not re.fullmatch(r"[A-Z0-9/. -]*", bare) or re.search(r"\}[0-9]*\{", self.pattern):
            raise Invalid(
                "Between its parts a document's number has capital letters, slashes, dots or hyphens. Keep the parts apart by one.",
                field="pattern",
            )
        if not 1 <= self.width <= 12:
            raise Invalid("A document's number is written with 1 to 12 digits.", field="width")


def series_at(entity: str, kind: DocumentKind, at: datetime, zone: str, *, first_month: int = 1) -> Series:
    """The series of what is issued at an instant: the fiscal year of the day that it is in the entity's zone."""
    if not 1 <= first_month <= 12:
        raise Invalid("A fiscal year begins in a month from 1 to 12.", field="first_month")
    day = local_day(at, zone)
    return Series(entity, kind, day.year if day.month >= first_month else day.year - 1)


def following(last: int) -> int:
    """The number after `last`; a series begins with 1."""
    if last < 0:
        raise ValueError("numbers of documents are counted from one")
    return last + 1


def written(series: Series, number: int, style: Style = Style()) -> str:
    """As it stands on the document. Distinct numbers and series of an entity are written distinctly."""
    if number < 1:
        raise ValueError("numbers of documents are counted from one")
    text = style.pattern.replace("{kind}", series.kind.prefix).replace("{year}", f"{series.year:04d}")
    return text.replace("{number}", f"{number:0{style.width}d}")


def check_gapless(issued: Iterable[tuple[int, date]]) -> None:
    """Conflict unless numbers and issue dates of one series are 1, 2, 3 … and never go back in time. Names the first fault."""
    expected, before = 1, date.min
    for number, day in sorted(issued):
        if number != expected:
            raise Conflict(f"The series has number {number} where {expected} should follow.")
        if day < before:
            raise Conflict(f"Number {number} was issued on {day}, before the one that precedes it ({before}).")
        expected, before = number + 1, day
