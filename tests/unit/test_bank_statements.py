"""Bank statements in the layouts of several banks, and sentences for what cannot be read."""

from __future__ import annotations

from datetime import date

import pytest

from models.domain.bank_statements import MOST_LINES, amount, numbers, read
from models.domain.errors import Invalid

ENGLISH = "Date,Description,Amount,Balance\n2026-11-29,TRSF INV-2026-000002,149000.00,1\n2026-11-30,rent,-50000.00,2\n"
INDONESIAN = (
    "Informasi Rekening - Mutasi\nNo. rekening,:,1234\n\nTanggal,Keterangan,Jumlah,Saldo\n"
    '29/11/2026,TRSF E-BANKING CR INV 2026 000002,"149,000.00 CR","1,000,000.00"\n30/11/2026,BIAYA ADM,"15,000.00 DB","985,000.00"\n'
)
GERMAN = (
    "\ufeffBuchungstag;Verwendungszweck;Auftraggeber;Betrag;Währung\n29.11.2026;INV-2026-000002;Kopi;1.234,50;EUR\n"
    "30.11.26;Miete;;-50,00;EUR\n"
)
TWO = "tgl\tberita\tdebet\tkredit\n11/29/2026\tINV/2026/000002\t\t149.000\n11/30/2026\tbiaya\t15.000\t\n"


@pytest.mark.parametrize(
    ("text", "minor", "code"),
    [(ENGLISH, 149_000, "IDR"), (INDONESIAN, 149_000, "IDR"), (GERMAN, 123_450, "EUR"), (TWO, 149_000, "IDR")],
)
def test_layouts_of_banks(text: str, minor: int, code: str) -> None:
    found = read(text)
    (line,) = found.lines
    assert (line.day, line.amount_minor, line.currency, found.outgoing) == (date(2026, 11, 29), minor, code, 1)
    assert numbers(line.words) == {"INV-2026-000002"}


@pytest.mark.parametrize(
    ("text", "digits", "minor"),
    [
        ("149000", 0, 149_000), ("149.000", 0, 149_000), ("149,000", 0, 149_000), ("149.000,00", 0, 149_000),
        ("Rp 1.234.567", 0, 1_234_567), ("1,234,567.00", 0, 1_234_567), ("-5", 0, -5), ("12,5", 2, 1_250), ("0.999", 3, 999),
        ("1.234,50", 2, 123_450), ("1,234.5", 2, 123_450), (".50", 2, 50), ("1'000", 2, 100_000), ("10", 2, 1_000),
    ],
)  # fmt: skip
def test_amounts(text: str, digits: int, minor: int) -> None:
    assert amount(text, digits) == minor


@pytest.mark.parametrize(
    ("text", "digits", "words"),
    [
        ("149000.50", 0, "more digits"), ("1.234", 2, "two ways"), ("abc", 0, "no amount"), ("", 0, "no amount"),
        ("1.23.456", 0, "no amount"), ("1,2,3.4", 2, "no amount"), ("12.3456,00", 2, "no amount"), ("1.000.000,00,0", 2, "no amount"),
        ("=1+1", 0, "no amount"), ("1e5", 0, "no amount"),
    ],
)  # fmt: skip
def test_amounts_that_cannot_be_told(text: str, digits: int, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        amount(text, digits)


def test_two_equal_transfers_are_two_and_the_same_ones_whenever_they_are_read() -> None:
    row = "2026-11-29,thanks,5000\n"
    first, second = read("date,description,amount\n" + row * 2).lines
    assert first.key != second.key
    more = read("Tanggal;Keterangan;Jumlah\n28/11/2026;x;1\n29/11/2026;Thanks;5.000\n29/11/2026;thanks;5.000,00").lines
    assert [one.key for one in more[1:]] == [first.key, second.key]


def test_what_is_wrong_is_told_with_its_line_and_nothing_is_read() -> None:
    with pytest.raises(Invalid, match=r"Line 2: 'soon' is no day.*Line 4: 'much' is no amount") as caught:
        read("date,description,amount\nsoon,x,5\n2026-11-29,y,6\n2026-11-29,z,much\n")
    assert "nothing was taken" in str(caught.value)
    with pytest.raises(Invalid, match="31/02/2026"):
        read("date,amount\n31/02/2026,5\n")
    with pytest.raises(Invalid, match="there is neither a credit nor a debit"):
        read("date,credit,debit\n2026-11-29,,\n")
    with pytest.raises(Invalid, match="XXX"):
        read("date,amount,currency\n2026-11-29,5,XXX\n")
    with pytest.raises(Invalid, match="And 2 more"):
        read("date,amount\n" + "x,1\n" * 12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "a,b\n1,2\n",
        "date,description\n2026-11-29,x\n",
        "\x00",
        "\ud800",
        "date,description,amount\n2026-11-29,\ud800\x00,5\n2026-11-29,x,",
        "date,amount\n" + '"' * 9,
    ],
)
def test_what_is_no_statement(text: str) -> None:
    try:
        assert read(text).lines == ()
    except Invalid as error:
        assert len(str(error)) > 20  # noqa: PT017  either is right, a trace is not


def test_a_statement_has_an_end() -> None:
    with pytest.raises(Invalid, match="Split it"):
        read("date,amount\n" + "2026-11-29,1\n" * (MOST_LINES + 1))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("pay INV-2026-000002 and inv 2026/000003", {"INV-2026-000002", "INV-2026-000003"}),
        ("INV2026000002", {"INV-2026-000002"}),
        ("INV-2026-0000021", set()),
        ("SINV-2026-000002", {"SINV-2026-000002"}),
        ("2026-000002", set()),
    ],
)
def test_numbers_of_invoices_in_words(words: str, found: set[str]) -> None:
    assert numbers(words) == found
