"""A process of the ingress without a configuration, or with an old one, is named; one that only started later is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.domain.trouble import Kind, Severity, Trouble
from models.domain.trouble_ingress import SETTLED, IngressUse, of_ingress

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ONE = IngressUse("one", NOW, True, NOW - 10 * MINUTE, NOW - DAY, frozenset(("a", "b")))
TWO = replace(ONE, instance="two", services=frozenset(("b", "c")))


def told(*processes: IngressUse) -> list[Trouble]:
    return list(of_ingress(processes))


def test_processes_of_one_configuration_are_well() -> None:
    assert told(ONE, TWO) == []
    assert told(ONE, replace(TWO, taken_at=NOW - 10 * MINUTE - SETTLED)) == [], "a change takes a moment"
    assert told() == []


def test_one_that_did_not_take_what_another_took_is_behind() -> None:
    (row,) = told(ONE, replace(TWO, taken_at=NOW - timedelta(hours=3)))
    assert (row.kind, row.severity, row.subject) == (Kind.INGRESS_BEHIND, Severity.WARNING, "ingress:two")
    assert row.since == ONE.taken_at
    assert "its configuration of 05:00:00 UTC" in row.reason


@pytest.mark.parametrize(
    ("ahead", "why"),
    [
        (replace(ONE, started_at=NOW - 11 * MINUTE), "it took its first configuration at its start"),
        (replace(ONE, services=frozenset("x")), "they serve nothing together, so they may be of two classes"),
        (replace(ONE, taken_at=NOW - MINUTE), "the other one may still take it"),
        (replace(ONE, started_at=None), "nobody knows whether that was at its start"),
        (replace(ONE, taken_at=None), "it tells nothing"),
    ],
)
def test_a_newer_configuration_of_another_may_say_nothing(ahead: IngressUse, why: str) -> None:
    assert told(replace(ahead, told=False), replace(TWO, taken_at=NOW - timedelta(hours=3))) == [], why


def test_one_without_any_configuration_is_critical_once_it_should_have_one() -> None:
    bare = replace(ONE, taken_at=None)
    (row,) = told(bare, TWO)
    assert (row.kind, row.severity, row.since) == (Kind.INGRESS_UNCONFIGURED, Severity.CRITICAL, ONE.started_at)
    assert told(replace(bare, started_at=NOW - MINUTE)) == []
    assert told(replace(bare, told=False)) == [], "it does not count reloads at all"
    assert told(replace(bare, started_at=None)) == []
