"""The trouble list of the Overview: one row a thing, and a step that several rows share is said once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

import app.demo as demo
from app.container import Container
from app.services import overview
from app.services.overview import TroubleRow
from models.domain.trouble import Kind, Severity, Trouble, by_thing
from tests.pages.conftest import open_page

ADMIN, _ = (person.email for person in demo.sign_ins())
CRASH = "Crashing, 4 restarts: ended with Error."
FAILS = "100 % of 812 requests were answered with an error of the server."
SLOW = "One answer in twenty takes longer than 1.2 s."
AT = datetime(2026, 11, 1, tzinfo=UTC)


def _found(kind: Kind, subject: str, reason: str, step: str, instance: str | None = None) -> Trouble:
    return Trouble(kind, Severity.WARNING, subject, subject, AT, reason, step, organization_id=instance, instance_id=instance)


def test_an_app_is_one_row_with_everything_that_is_wrong_with_it(small_demo: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        _found(Kind.CRASH_LOOP, "pod:u", CRASH, "Read the log.", "shop"),
        _found(Kind.ANSWERS_SLOW, "namespace:a", SLOW, "Look at the node.", "blog"),
        _found(Kind.ANSWERS_FAIL, "namespace:s", FAILS, "Look at its events.", "shop"),
        _found(Kind.ANSWERS_SLOW, "namespace:b", SLOW, "Look at the node.", "flow"),
        _found(Kind.NODE_PRESSURE, "node:n", "The node is under memory pressure.", "Move a pod."),
    ]
    rows = tuple(TroubleRow(worst, tuple(also), "", worst.instance_id or "") for worst, *also in by_thing(found))
    assert [row.trouble.subject for row in rows] == ["pod:u", "namespace:a", "namespace:b", "node:n"]
    known = overview.state
    monkeypatch.setattr(overview, "state", lambda ctx, **asked: replace(known(ctx, **asked), trouble=rows))
    at = open_page(small_demo, ADMIN, "admin/overview")
    said = [str(one.value).replace("\\", "") for one in at.markdown]
    [crashing] = [one for one in said if CRASH in one]
    assert FAILS in crashing, "both reasons stand in one row"
    assert "Look at its events." not in crashing, "the step is the worst one's"
    assert sum(SLOW in one for one in said) == 2
    assert sum("Look at the node." in one for one in said) == 1
    assert "Needs a look (4)" in [str(one.value) for one in at.subheader]
