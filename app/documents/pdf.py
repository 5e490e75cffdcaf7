"""Sets a document as PDF: the same document gives the same bytes."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst
from babel import Locale
from babel.dates import format_date

from app.documents.words import WORDS
from app.money import shown
from models.domain.documents import DocumentKind, Paper, Party

TEMPLATE = Path(__file__).with_name("paper.typ")
MEDIA_TYPE = "application/pdf"


def pdf(paper: Paper) -> bytes:
    """The document as PDF/A-3b with the fonts inside, dated by its day of issue. No font of the machine is used.

    A letter that none of the fonts has is set as a box, in a PDF that does not claim the standard.
    """
    facts = _printable(_facts(paper))
    try:
        return _set(facts, paper.issued_on, ["a-3b"])
    except typst.TypstError:
        return _set(facts, paper.issued_on, [])


def _set(facts: Any, on: date, standards: list[Any]) -> bytes:
    made = typst.compile(
        _template(),
        format="pdf",
        ignore_system_fonts=True,
        pdf_standards=standards,
        sys_inputs={"paper": json.dumps(facts, ensure_ascii=False)},
        timestamp=datetime.combine(on, time(12), UTC),
    )
    assert isinstance(made, bytes)  # noqa: S101  a PDF is one file
    return made


def _printable(value: Any) -> Any:
    """The same without control characters and halves of characters, which have no shape."""
    if isinstance(value, str):
        return "".join(one for one in value if unicodedata.category(one) not in ("Cc", "Cs") or one == "\n")
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, (list, tuple)) else value


def _facts(paper: Paper) -> dict[str, Any]:
    words, locale = WORDS[paper.language], Locale(paper.language)

    def money(minor: int) -> str:
        return shown(minor, paper.currency, locale)

    def day(at: date) -> str:
        return str(format_date(at, "medium", locale=locale))

    def span(first: date | None, after: date | None) -> str:
        return f"{day(first)} – {day(after - timedelta(days=1))}" if first and after else ""

    heading = words[paper.kind.value]
    about = [(words["number"], paper.number), (words["issued"], day(paper.issued_on))]
    about += [(words["due"], day(paper.due_on))] if paper.due_on else []
    about += [(words["refers"], paper.refers)] if paper.refers else []
    taxed = paper.kind in (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE)
    timed = any(one.first for one in paper.lines)
    columns = [words["what"], *([words["period"]] if timed else [])]
    columns += [words["net"], words["tax"], words["amount"]] if taxed else [words["amount"]]
    rows = []
    for one in paper.lines:
        row = [one.what, *([span(one.first, one.after)] if timed else [])]
        rows.append([*row, *([money(one.net), money(one.tax)] if taxed else []), money(one.net + one.tax)])
    last = {DocumentKind.RECEIPT: "paid", DocumentKind.STATEMENT: "balance"}.get(paper.kind, "total")
    sums = [(words["sum"], money(paper.net)), (f"{words['tax']} {paper.tax_name}".strip(), money(paper.tax))] if taxed else []
    return {
        "words": words,
        "language": paper.language,
        "heading": heading,
        "title": f"{heading} {paper.number}",
        "seller": _party(paper.seller, words),
        "buyer": _party(paper.buyer, words),
        "about": about,
        "columns": columns,
        "amounts": 3 if taxed else 1,
        "rows": rows,
        "sums": [*sums, (words[last], money(paper.total))],
        "formula": paper.tax_formula if taxed else "",
        "remark": paper.remark,
        "link": paper.link,
        "qr": _qr(paper.link) if paper.link else "",
        "invitation": words["pay" if paper.kind is DocumentKind.INVOICE else "see"],
        "how": paper.how,
    }


def _party(one: Party, words: Any) -> dict[str, Any]:
    named = [(words["tax_number"], one.tax_number), (words["registration"], one.registration)]
    lines = [*(line for line in one.address.splitlines() if line.strip()), *(f"{what}: {text}" for what, text in named if text)]
    return {"name": one.name, "lines": [*lines, *([one.email] if one.email else [])]}


def _qr(link: str) -> str:
    held = io.BytesIO()
    segno.make(link, error="m", micro=False).save(held, kind="svg", xmldecl=False, border=1)
    return held.getvalue().decode()


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()
