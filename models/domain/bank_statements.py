"""Bank statements as CSV: columns by their names in several languages, amounts with decimal comma or point, days in several ways.

A statement is read whole or not at all: what cannot be read, or could be read in two ways, is told with its line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from models.domain.errors import Invalid
from models.domain.money import currency

MOST_LINES = 5_000
MOST_TOLD = 10
_NAMES: Mapping[str, str] = {
    "day": "date|transaction date|booking date|posting date|value date|tanggal|tgl|tanggal transaksi|buchungstag|buchungsdatum|datum",
    "words": "description|details|remark|remarks|reference|narrative|memo|keterangan|berita|uraian|deskripsi|verwendungszweck|text",
    "payer": "name|payer|sender|counterparty|nama|pengirim|auftraggeber|zahler",
    "amount": "amount|jumlah|nominal|nilai|mutasi|betrag",
    "credit": "credit|money in|paid in|deposit|kredit|masuk|haben|gutschrift",
    "debit": "debit|money out|paid out|withdrawal|debet|keluar|soll|belastung",
    "side": "type|dc|d/c|db/cr|cr/db|d/k|jenis|soll/haben",
    "currency": "currency|ccy|mata uang|waehrung|währung",
    "balance": "balance|saldo",
}
HEADINGS = {what: frozenset(names.split("|")) for what, names in _NAMES.items()}
IN, OUT = frozenset({"cr", "c", "k", "credit", "kredit", "h", "haben"}), frozenset({"db", "d", "dr", "debit", "debet", "s", "soll"})
_SIDE = re.compile(r"\s*\b(cr|db|dr|k|d|c)\b\.?\s*$", re.IGNORECASE)
_DAY = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})")
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*|[+-]?[.,]\d+")


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Money that came in. `number` is its line as an editor counts, `key` is the same whenever the same money is read again."""

    number: int
    day: date
    amount_minor: int
    currency: str
    words: str
    key: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says: money that came in; of what went out only how many lines there are."""

    lines: tuple[StatementLine, ...]
    outgoing: int


def read(text: str, *, code: str = "IDR") -> Statement:
    """The money that came in by a statement; `code` is the currency where no column says one. Invalid tells the first ten wrong lines."""
    rows = _table(text)
    heading, named = _heading(rows)
    body = [(number, row) for number, row in rows if number > heading and any(cell.strip() for cell in row)]
    if len(body) > MOST_LINES:
        raise Invalid(f"The statement has {len(body)} lines; at most {MOST_LINES} are taken at once. Split it.")
    month_first = _month_first([_cell(row, named, "day") for _, row in body])
    problems: list[str] = []
    found: list[StatementLine] = []
    outgoing = 0
    seen: Counter[tuple[object, ...]] = Counter()
    for number, row in body:
        try:
            unit = (_cell(row, named, "currency") or code).upper()
            amount = _signed(row, named, currency(unit).digits)
            if amount <= 0:
                outgoing += 1
                continue
            day = _day(_cell(row, named, "day"), month_first)
            words = " ".join(" ".join((_cell(row, named, "words"), _cell(row, named, "payer"))).split())[:500]
            facts = (day.isoformat(), amount, unit, words.casefold(), _cell(row, named, "balance"))
            seen[facts] += 1  # two equal lines of one statement are two transfers
            key = hashlib.sha256("|".join(str(one) for one in (*facts, seen[facts])).encode()).hexdigest()
            found.append(StatementLine(number, day, amount, unit, words, key))
        except Invalid as error:
            problems.append(f"Line {number}: {error}")
    if problems:
        more = f" And {len(problems) - MOST_TOLD} more." if len(problems) > MOST_TOLD else ""
        raise Invalid(f"The statement cannot be read, so nothing was taken. {' '.join(problems[:MOST_TOLD])}{more}", field="text")
    return Statement(tuple(found), outgoing)


def numbers(words: str) -> frozenset[str]:
    """Numbers of invoices that stand in somebody's words, however they are spaced: `inv 2026/000002` is INV-2026-000002."""
    found = re.findall(r"(?<![A-Z])([A-Z]{2,6})[^A-Z0-9]{0,2}(\d{4})[^A-Z0-9]{0,2}(\d{6})(?!\d)", words.upper())
    return frozenset(f"{series}-{year}-{sequence}" for series, year, sequence in found)


def amount(text: str, digits: int) -> int:
    """Minor units of an amount as a bank writes it: `Rp 1.234.567,00`, `1,234.50`, `-149000`. Invalid when it is none, or could be two."""
    bare = re.sub(r"(?i)^\s*(rp\.?|idr|usd|eur|[$€])\s*", "", text.strip())
    if not _NUMBER.fullmatch(bare):
        raise Invalid(f"{text.strip()[:40]!r} is no amount; write it like 149000 or 1.234,50.")
    sign = -1 if bare.startswith("-") else 1
    bare = re.sub(r"[+\-' ]", "", bare)
    whole, point, part = _parted(bare, digits, text)
    if len(part) > digits and part[digits:].strip("0"):
        raise Invalid(f"{text.strip()!r} has more digits behind the {point!r} than the currency.")
    return sign * int((whole or "0") + part[:digits].ljust(digits, "0"))


def _parted(bare: str, digits: int, text: str) -> tuple[str, str, str]:
    """Digits before and behind the decimal sign, without the signs between thousands."""
    signs = [one for one in bare if one in ".,"]
    if not signs:
        return bare, "", ""
    last = signs[-1]
    before, _, behind = bare.rpartition(last)
    if len(set(signs)) == 2 and signs.count(last) == 1:
        decimal = True
    elif len(set(signs)) == 1 and len(signs) > 1:
        decimal = False
    elif len(set(signs)) == 1:
        decimal = len(behind) != 3
        if len(behind) == 3 and digits and before.strip("0"):
            raise Invalid(f"{text.strip()!r} could be read in two ways; write it with its cents.")
        if len(behind) == 3 and not before.strip("0"):
            decimal = True
    else:
        raise Invalid(f"{text.strip()[:40]!r} is no amount; write it like 149000 or 1.234,50.")
    grouped = before if decimal else bare
    groups = re.split(r"[.,]", grouped)
    if len(groups) > 1 and (any(len(one) != 3 for one in groups[1:]) or not 1 <= len(groups[0]) <= 3):
        raise Invalid(f"{text.strip()[:40]!r} is no amount; write it like 149000 or 1.234,50.")
    return "".join(groups), last, behind if decimal else ""


def _table(text: str) -> list[tuple[int, list[str]]]:
    """Rows with their line numbers, by the separator that the most lines have."""
    plain = text.lstrip("\ufeff").encode("utf-8", "replace").decode().replace("\0", " ")
    if not plain.strip():
        raise Invalid("The statement is empty. Export it from the bank as CSV.", field="text")
    lines = plain.splitlines()
    separator = max(
        ";\t,", key=lambda one: sum(one in line for line in lines[:50]) * 100 + sum(line.count(one) for line in lines[:50])
    )
    reader = csv.reader(io.StringIO(plain), delimiter=separator)
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num}: this is no CSV ({error}).", field="text") from error


def _heading(rows: Sequence[tuple[int, list[str]]]) -> tuple[int, Mapping[str, list[int]]]:
    """The line of the heading, and which columns stand for what; banks write some lines about themselves above it."""
    for number, row in rows[:30]:
        named: dict[str, list[int]] = {}
        for at, cell in enumerate(row):
            name = " ".join(re.sub(r"\(.*?\)", "", cell).casefold().split()).strip(" .:")
            for what, names in HEADINGS.items():
                if name in names:
                    named.setdefault(what, []).append(at)
        if "day" in named and ("amount" in named or "credit" in named):
            return number, named
    raise Invalid(
        "No line of the statement names its columns. There have to be a date (date, tanggal, Buchungstag) and an amount (amount, "
        "jumlah, Betrag) or a credit (credit, kredit, Haben); a description (description, keterangan, Verwendungszweck) names the invoice.",
        field="text",
    )


def _cell(row: Sequence[str], named: Mapping[str, list[int]], what: str) -> str:
    return " ".join(row[at].strip() for at in named.get(what, ()) if at < len(row)).strip()


def _signed(row: Sequence[str], named: Mapping[str, list[int]], digits: int) -> int:
    """What came in; below zero or zero for what went out."""
    if "credit" in named and "amount" not in named:
        came, went = _cell(row, named, "credit"), _cell(row, named, "debit")
        if not came and not went:
            raise Invalid("there is neither a credit nor a debit.")
        return (amount(came, digits) if came else 0) - (abs(amount(went, digits)) if went else 0)
    text = _cell(row, named, "amount")
    if not text:
        raise Invalid("there is no amount.")
    side = _cell(row, named, "side").casefold()
    if ending := _SIDE.search(text):
        side, text = ending[1].casefold(), text[: ending.start()]
    if side in OUT:
        return -abs(amount(text, digits))
    return abs(amount(text, digits)) if side in IN else amount(text, digits)


def _month_first(days: Sequence[str]) -> bool:
    """Whether 11/29/2026 is how this bank writes; a day that fits both is read with its day first unless another one cannot be."""
    pairs = [(int(found[1]), int(found[2])) for one in days if (found := _DAY.match(one))]
    return any(second > 12 for _, second in pairs) and not any(first > 12 for first, _ in pairs)


def _day(text: str, month_first: bool) -> date:
    try:
        if found := re.match(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DAY.match(text):
            first, second, year = int(found[1]), int(found[2]), int(found[3])
            return date(year + 2000 if year < 100 else year, *((first, second) if month_first else (second, first)))
    except ValueError:
        pass
    raise Invalid(f"{text[:40]!r} is no day; write it like 2026-11-29 or 29/11/2026.")
