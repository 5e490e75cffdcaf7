"""Real processes race for one job and are killed at random points: nothing is lost, doubled or done by two at once."""

from datetime import UTC, datetime, timedelta

import pytest

from app.soak import jobs
from app.soak.jobs import Passage
from models import migrations
from models.store.session import Store
from tests.stories import an_empty_postgres

pytestmark = pytest.mark.loopback
KILLS, SEED = 25, 20261125


def judged(store: Store, folder) -> None:
    migrations.upgrade(store)
    store.close()
    verdict = jobs.run(store.url, folder, kills=KILLS, seed=SEED)
    assert verdict.problems == ()
    assert verdict.kills == KILLS
    assert verdict.noted > 0
    assert verdict.inside > 0, "no kill fell into the body: the test shows nothing"


def test_killed_processes_lose_and_double_nothing_on_sqlite(tmp_path):
    judged(Store(f"sqlite:///{tmp_path / 'store.sqlite'}"), tmp_path)


@pytest.mark.postgres
def test_killed_processes_lose_and_double_nothing_on_postgres(tmp_path):
    with an_empty_postgres() as store:
        judged(store, tmp_path)


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 25, tzinfo=UTC) + timedelta(seconds=seconds)


def test_who_is_overtaken_may_not_write_any_more():
    stays = [Passage(1, at(0)), Passage(2, at(5), at(8)), Passage(1, at(9), at(12))]
    assert jobs.together(stays, {1: at(4)}, [(1, at(1)), (2, at(6))]) == (0, [])  # dead: nothing was overtaken
    alive = [Passage(1, at(0), at(7)), *stays[1:]]
    assert jobs.together(alive, {}, [(1, at(1)), (2, at(6)), (1, at(10))]) == (1, [])
    overtaken, found = jobs.together(alive, {}, [(1, at(1)), (1, at(6))])
    assert overtaken == 1
    assert len(found) == 1
    assert "1 noted at" in found[0]
