"""Laws of the numbers of documents."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Conflict, Invalid
from models.domain.numbering import DocumentKind, Series, Style, check_gapless, following, series_at, written

quick = settings(deadline=None, max_examples=60)
DAY = date(2026, 11, 29)
series = st.builds(Series, st.just("idn"), st.sampled_from(DocumentKind), st.integers(2000, 2099))
styles = st.sampled_from([Style(), Style("{number}.{kind}-{year}", 1), Style("M{kind}-{year}/X/{number}", 3)])


@quick
@given(series, series, st.integers(1, 10**7), st.integers(1, 10**7), styles)
def test_two_documents_of_an_entity_never_read_alike(one, other, a, b, style):
    assert (written(one, a, style) == written(other, b, style)) == ((one, a) == (other, b))


@quick
@given(st.integers(0, 60), st.data())
def test_a_series_without_a_gap_is_accepted_and_one_with_a_hole_or_a_double_is_not(count, data):
    numbers = []
    for _ in range(count):
        numbers.append(following(numbers[-1] if numbers else 0))
    issued = [(number, DAY + timedelta(days=number // 3)) for number in numbers]
    check_gapless(reversed(issued))
    if count > 1:
        at = data.draw(st.integers(0, count - 2))
        with pytest.raises(Conflict, match="should follow"):
            check_gapless(issued[:at] + issued[at + 1 :])
        with pytest.raises(Conflict, match="should follow"):
            check_gapless([*issued, issued[at]])


def test_dates_do_not_go_back():
    with pytest.raises(Conflict, match="before the one that precedes it"):
        check_gapless([(1, DAY), (2, DAY - timedelta(days=1))])


def test_the_year_is_the_entitys():
    new_year = datetime(2026, 12, 31, 17, tzinfo=UTC)
    assert series_at("idn", DocumentKind.INVOICE, new_year, "Asia/Jakarta").year == 2027
    assert series_at("idn", DocumentKind.INVOICE, new_year - timedelta(seconds=1), "Asia/Jakarta").year == 2026
    assert series_at("deu", DocumentKind.INVOICE, new_year, "Europe/Berlin").year == 2026
    assert series_at("x", DocumentKind.RECEIPT, datetime(2026, 3, 31, tzinfo=UTC), "UTC", first_month=4).year == 2025
    assert series_at("x", DocumentKind.RECEIPT, datetime(2026, 4, 1, tzinfo=UTC), "UTC", first_month=4).year == 2026


def test_how_they_are_written():
    assert written(Series("idn", DocumentKind.INVOICE, 2026), 1) == "INV/2026/00001"
    assert written(Series("idn", DocumentKind.CREDIT_NOTE, 2026), 123456) == "CN/2026/123456"
    with pytest.raises(ValueError, match="from one"):
        written(Series("idn", DocumentKind.INVOICE, 2026), 0)


@pytest.mark.parametrize(
    "pattern",
    [
        "{kind}/{year}",
        "{year}{number}{kind}",
        "{kind}/{year}/{number}/{number}",
        "{kind}/{year}/<{number}>",
        "{kind}/{year}1{number}",
    ],
)
def test_styles_that_cannot_be(pattern):
    with pytest.raises(Invalid):
        Style(pattern)
    with pytest.raises(Invalid):
        Style(width=0)
