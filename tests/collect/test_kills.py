"""A collector process that is killed at random moments loses no tick and doubles none; and the verdict sees what it should."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from app.soak import collector
from app.soak.collector import INTERVAL, Place
from models.domain.clock import SystemClock
from models.world.state import State, to_json
from tests.warehouse.conftest import uri

__all__ = ["uri"]
KILLS, SEED = 25, 20261125
pytestmark = pytest.mark.loopback


@pytest.mark.parametrize("uri", ["file", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_twenty_five_kills_lose_and_double_nothing(tmp_path: Path, uri: tuple[str, str]) -> None:
    address, data_path = uri
    found = collector.run(tmp_path, kills=KILLS, seed=SEED, uri=address, data_path=data_path, longest=1.0)
    assert found.problems == ()
    assert found.kills == KILLS
    assert found.ticks > KILLS
    assert found.inside > 0, "no kill fell into a write: the test shows nothing"


def left(folder: Path, spoil: str) -> tuple[str, ...]:
    """The verdict on a warehouse of four ticks after `spoil`, an SQL statement on its tables."""
    clock = SystemClock()
    (folder / "world.json").write_text(to_json(State(7, clock.now().replace(microsecond=0) - timedelta(hours=1))), encoding="utf-8")
    place = Place(folder)
    warehouse = place.open()
    made, _, inventory = collector.make(folder, warehouse)
    inventory.start()
    now = clock.now()
    for back in (4, 3, 2, 1):
        made.tick(now - back * INTERVAL)
    told = collector.ticks_there(warehouse)
    with warehouse._link.transaction() as con:
        con.execute(spoil)
    warehouse.close()
    return collector.judge(place, 0, 0, 0, told, [], random.Random(1)).problems


FIRST = "(SELECT min(tick) FROM wh.ticks WHERE source = 'simulated')"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (f"DELETE FROM wh.ticks WHERE tick = {FIRST} + INTERVAL 1 SECOND", "was stored and is lost"),
        ("DELETE FROM wh.pod_samples WHERE tick = (SELECT max(tick) FROM wh.pod_samples)", "rows and has"),
        ("INSERT INTO wh.pod_samples FROM wh.pod_samples", "samples of containers are there twice"),
        ("INSERT INTO wh.ticks FROM wh.ticks", "ticks are there twice"),
    ],
)
def test_the_verdict_sees_what_is_wrong(tmp_path: Path, spoil: str, word: str) -> None:
    assert any(word in problem for problem in left(tmp_path, spoil))
