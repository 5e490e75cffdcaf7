"""The file of what was made in the simulated cluster: whole changes, seen by every process, whatever happens to the writer."""

import multiprocessing
import os
import signal
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from models.domain.errors import Misconfigured, Unavailable
from models.world.objects import ObjectFile

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("plain_main")
SPAWN = multiprocessing.get_context("spawn")
KEY = ("Service", "c-kopi", "web")


def count_up(path, times, together):
    """Adds one, so many times; every addition reads what is there."""
    file = ObjectFile(path)
    together.wait(120)
    for _ in range(times):
        with file.changing() as held:
            before = held.get(KEY)
            held.put(KEY, {"n": (before or {"n": 0})["n"] + 1})
            held.note(NOW, {"n": 1})


def killed_inside(path, point):
    file = ObjectFile(path)
    with file.changing() as held:
        held.put(KEY, {"n": 1})
        held.note(NOW, {"n": 1})
        if point == "inside":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "world-objects.sqlite"


def test_two_processes_and_their_threads_lose_no_change(path):
    together = SPAWN.Barrier(4)
    others = [SPAWN.Process(target=count_up, args=(path, 40, together)) for _ in range(2)]
    mine = ObjectFile(path)
    threads = [threading.Thread(target=count_up, args=(path, 20, together)) for _ in range(2)]
    for one in (*others, *threads):
        one.start()
    for one in (*others, *threads):
        one.join(300)
    assert [one.exitcode for one in others] == [0, 0]
    with mine.reading() as held:
        assert held.get(KEY) == {"n": 120}
        assert [number for number, _, _ in held.noted(0)] == list(range(1, 121))
        assert (held.newest(), held.last()) == (120, NOW)


@pytest.mark.parametrize(("point", "left"), [("inside", None), ("after", {"n": 1})])
def test_a_change_of_a_process_that_is_killed_is_whole_or_not_there(path, point, left):
    victim = SPAWN.Process(target=killed_inside, args=(path, point))
    victim.start()
    victim.join(300)
    assert victim.exitcode == -signal.SIGKILL
    file = ObjectFile(path)
    with file.changing() as held:  # its lock went with it
        assert held.get(KEY) == left
        assert len(held.noted(0)) == (left is not None)
        held.put(KEY, {"n": 2})
    with file.reading() as held:
        assert held.of("Service") == [{"n": 2}]


def test_a_change_that_raises_is_undone(path):
    file = ObjectFile(path)

    def failing():
        with file.changing() as held:
            held.put(KEY, {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    with file.reading() as held:
        assert held.get(KEY) is None


def test_a_namespace_goes_with_all_that_is_in_it(path):
    file = ObjectFile(None)
    with file.changing() as held:
        for key in (KEY, ("Namespace", None, "c-kopi"), ("Service", "c-other", "web")):
            held.put(key, {"name": key[2], "in": key[1]})
        held.empty("c-kopi")
        assert held.of("Namespace") == []
        assert held.of("Service") == [{"name": "web", "in": "c-other"}]
        assert held.of("Service", "c-kopi") == []


def test_numbers_go_on_after_everything_was_taken_away(path):
    file = ObjectFile(path)
    with file.changing() as held:
        first = held.note(NOW, {})
        held.put(KEY, {})
    file.clear()
    with file.changing() as held:
        assert held.of("Service") == []
        assert (held.newest(), held.last()) == (0, None)
        assert held.note(NOW + timedelta(seconds=1), {}) > first


def test_it_is_for_its_owner_alone(path):
    before = os.umask(0o022)
    try:
        file = ObjectFile(path)
        with file.changing() as held:
            held.put(KEY, {})
            made = list(path.parent.iterdir())
            assert len(made) == 3
            assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in made)
    finally:
        os.umask(before)


def test_another_file_in_its_place_is_noticed(path, tmp_path):
    file = ObjectFile(path)
    with file.changing() as held:
        held.put(KEY, {"n": 1})
    other = ObjectFile(tmp_path / "other.sqlite")
    with other.changing() as held:
        held.put(KEY, {"n": 2})
    other.close()
    for one in path.parent.glob("world-objects*"):
        one.unlink()
    (tmp_path / "other.sqlite").rename(path)
    with file.reading() as held:
        assert held.get(KEY) == {"n": 2}


def test_what_cannot_be_read_is_said(path):
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Misconfigured, match=r"world-objects\.sqlite.*damaged"), ObjectFile(path).reading():
        pass
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable, match="could not be opened"), ObjectFile(path).reading():
        pass


def test_a_file_of_a_newer_program_is_refused(path):
    with ObjectFile(path).reading():
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Misconfigured, match="newer program"), ObjectFile(path).reading():
        pass
