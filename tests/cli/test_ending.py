"""What ends when the server is asked to end, and in which order: all that takes time begins to end at once."""

import subprocess
import sys
import threading

import pytest
import uvicorn

from app.cli.server import _Beside, _Server
from app.server import end_together
from tests import own_loop


def test_parts_that_wait_for_a_silent_source_end_beside_each_other():
    met, ended = threading.Barrier(2), []

    def stop() -> None:
        met.wait(30)
        ended.append(threading.current_thread().name)

    end_together(stop, stop)
    assert ended == ["stop", "stop"]


@pytest.fixture
def beside():
    """A worker's place with a process in it that has nothing to do."""
    made = _Beside(None)
    made._process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield made
    made._process.kill()
    made._process.wait()


def test_the_worker_is_asked_to_end_before_the_server_waits_for_anybody(beside, monkeypatch):
    server, ends = _Server.__new__(_Server), []
    server._beside = beside

    async def shutdown(self, sockets=None):
        ends.append(beside._process.wait(30))

    monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
    own_loop.run(server.shutdown())
    assert ends == [-15]
    beside.__exit__()
    assert beside._process.returncode == -15


def test_a_worker_that_is_asked_to_end_is_not_started_again(beside, monkeypatch):
    beside.halt()
    monkeypatch.setattr(subprocess, "Popen", None)
    beside._watch()
