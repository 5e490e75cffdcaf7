"""Timers of open pages: what passes the gate, and what counts as news of the cluster."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.json_format import ParseDict
from streamlit.proto.BackMsg_pb2 import BackMsg

from app.container import Container
from app.keep import GLANCE, Keep
from app.news import News
from app.ui import polls
from app.ui.polls import Polls
from models.domain.clock import FrozenClock
from models.domain.errors import Unavailable
from tests import own_loop
from tests.services.running import NOW, a_node, a_snapshot

TICK = timedelta(seconds=30)
PANEL = "a panel that follows the cluster"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An open page whose news and time are set by hand; it asks again after 35 seconds at the latest."""
    now = SimpleNamespace(number=1, seconds=0.0)
    monkeypatch.setattr(polls, "stopwatch", lambda: now.seconds)
    polls.follows_cluster(PANEL)
    made = Polls(lambda: now.number, 35.0)
    now.passes = lambda raw: own_loop.run(made.passes({"type": "websocket.receive", "bytes": raw}))
    return now


def rerun(panel: str = "", *, timer: bool = False) -> bytes:
    message = BackMsg()
    message.rerun_script.query_string = ""
    message.rerun_script.fragment_id = panel
    message.rerun_script.is_auto_rerun = timer
    return message.SerializeToString()


def test_a_timer_passes_only_with_news(page):
    assert page.passes(rerun())
    assert not page.passes(rerun(PANEL, timer=True))
    page.number = 2
    assert page.passes(rerun(PANEL, timer=True))
    assert not page.passes(rerun(PANEL, timer=True))


def test_a_timer_passes_when_the_last_drawing_is_too_old(page):
    page.passes(rerun())
    page.seconds = 34.9
    assert not page.passes(rerun(PANEL, timer=True))
    page.seconds = 35.0
    assert page.passes(rerun(PANEL, timer=True))
    page.seconds = 40.0
    assert not page.passes(rerun(PANEL, timer=True))


def test_what_a_person_does_always_passes(page):
    page.passes(rerun())
    assert page.passes(rerun(PANEL))
    assert page.passes(rerun())


def test_a_panel_that_does_not_follow_the_cluster_is_never_held_back(page):
    page.passes(rerun())
    assert page.passes(rerun("another panel", timer=True))
    assert page.passes(rerun("another panel", timer=True))


def test_the_first_timer_of_a_page_that_nobody_drew_passes(page):
    assert page.passes(rerun(PANEL, timer=True))


@pytest.mark.parametrize(
    "order",
    [
        {"clear_cache": True},
        {"set_run_on_save": True},
        {"load_git_info": True},
        {"debug_disconnect_websocket": True},
        {"debug_shutdown_runtime": True},
        {"backend_operation_request": {"request_id": "1", "install_skills": {}}},
        {"backend_operation_request": {"request_id": "1", "dismiss_skills_nudge": {}}},
        {"backend_operation_request": {"request_id": "1"}},
    ],
    ids=lambda order: next(reversed(next(iter(order.values())))) if "backend_operation_request" in order else next(iter(order)),
)
def test_what_is_for_developers_never_passes(page, order):
    assert not page.passes(ParseDict(order, BackMsg()).SerializeToString())


@pytest.mark.parametrize("asked", ["deferred_file", "dataframe_chunk"])
def test_what_a_page_asks_for_beside_its_runs_passes(page, asked):
    order = {"backend_operation_request": {"request_id": "1", asked: {}}}
    assert page.passes(ParseDict(order, BackMsg()).SerializeToString())


@pytest.mark.parametrize("raw", [b"", None, b"\xff\xff\xff", BackMsg(app_heartbeat=True).SerializeToString()])
def test_messages_of_other_kinds_pass(page, raw):
    page.passes(rerun())
    assert page.passes(raw)


def test_an_error_of_the_news_ends_no_connection(caplog):
    def broken() -> int:
        raise KeyError("a bug")

    polls.follows_cluster(PANEL)
    made = Polls(broken, 35.0)
    assert own_loop.run(made.passes({"type": "websocket.receive", "bytes": rerun(PANEL, timer=True)}))
    assert "cannot be told" in caplog.text


class Cluster:
    def __init__(self) -> None:
        self.now: Any = a_snapshot()
        self.samples = 0

    def version(self) -> int:
        return self.samples

    def snapshot(self) -> Any:
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


def news() -> tuple[News, Cluster, FrozenClock]:
    cluster, clock = Cluster(), FrozenClock(NOW)
    return (
        News(cast(Container, SimpleNamespace(cluster=cluster, clock=clock, keep=Keep(), settings=SimpleNamespace(tick=TICK)))),
        cluster,
        clock,
    )


def test_a_cluster_that_says_the_same_later_is_no_news():
    told, cluster, clock = news()
    first = told.number()
    clock.advance(GLANCE)
    cluster.now = dataclasses.replace(cluster.now, as_of=clock.now())
    assert told.number() == first


def test_a_changed_inventory_is_news_after_a_glance_and_new_samples_at_once():
    told, cluster, clock = news()
    first = told.number()
    cluster.now = a_snapshot(nodes={"node-9": a_node("node-9")})
    assert told.number() == first
    clock.advance(GLANCE)
    second = told.number()
    assert second != first
    cluster.samples = 1
    assert told.number() != second


def test_samples_that_are_late_are_news_once():
    told, _, clock = news()
    numbers = []
    for _ in range(9):
        numbers.append(told.number())
        clock.advance(timedelta(seconds=15))
    assert numbers == [1] * 7 + [2] * 2  # more than 90 seconds


def test_a_cluster_that_went_away_and_came_back_is_news_twice():
    told, cluster, clock = news()
    seen = [told.number()]
    known = cluster.now
    for state in (Unavailable("The Kubernetes API does not answer."), known):
        cluster.now = state
        clock.advance(GLANCE)
        seen.append(told.number())
    assert len(set(seen)) == 3
