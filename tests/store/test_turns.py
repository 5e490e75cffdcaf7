"""Writers of one process: nobody is overtaken, and who waits too long is told so."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from models.domain.errors import Unavailable
from models.store.turns import Turns
from tests.live.conftest import until
from tests.stories import fresh_sqlite


def test_they_come_in_the_order_in_which_they_asked() -> None:
    turns, came = Turns(60), list[int]()

    def write(number: int) -> None:
        with turns.one():
            came.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    with turns.one():
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda number=number: turns.waiting == number + 1, 30, "it waits")
        assert came == []
    for thread in threads:
        thread.join(30)
    assert came == list(range(20))
    assert turns.waiting == 0


def test_who_waits_too_long_is_told_and_holds_nobody_up() -> None:
    turns = Turns(0.05)
    with turns.one():
        with pytest.raises(Unavailable, match="at once"), turns.one():
            pass
        assert turns.waiting == 0
    with turns.one():
        pass


def test_a_turn_that_ends_badly_is_passed_on() -> None:
    turns = Turns(5)
    with pytest.raises(ValueError, match="no"), turns.one():
        raise ValueError("no")
    with turns.one():
        assert turns.waiting == 0


def test_the_store_lets_its_writers_take_turns(tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path)
    assert store._turns is not None
    begun = threading.Event()

    def write() -> None:
        begun.set()
        with store.transaction():
            pass

    thread = threading.Thread(target=write)
    with store.transaction():
        thread.start()
        begun.wait(30)
        until(lambda: store._turns.waiting == 1, 30, "the second writer waits here and not in SQLite")
    thread.join(30)
    assert not thread.is_alive()
    store.close()
