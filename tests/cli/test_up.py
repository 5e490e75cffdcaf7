"""`moorage up` as a newcomer meets it: real processes, from the first start to the second, and what may go wrong between."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.loopback, pytest.mark.xdist_group("up")]
PATIENCE = 150.0
"""Seconds for what takes ten on an idle machine; a test that waits longer has found something."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Up:
    """One `moorage up` and what it has printed."""

    def __init__(self, data: Path, port: int, *words: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MOORAGE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", "up", "--data", str(data), "--port", str(port), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.said: list[str] = []
        self.errors: list[str] = []
        self.threads = [
            threading.Thread(target=lambda stream=stream, kept=kept: kept.extend(stream), daemon=True)
            for stream, kept in ((self.process.stdout, self.said), (self.process.stderr, self.errors))
        ]
        for thread in self.threads:
            thread.start()

    def wait_for(self, words: str) -> None:
        until = time.monotonic() + PATIENCE
        while not any(words in line for line in list(self.said)):
            assert self.process.poll() is None, f"ended early: {''.join(self.said)}{''.join(self.errors)}"
            assert time.monotonic() < until, f"never said {words!r}: {''.join(self.said)}{''.join(self.errors[-20:])}"
            time.sleep(0.1)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(timeout=PATIENCE)
        for thread in self.threads:
            thread.join(timeout=10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def worker(self) -> psutil.Process | None:
        found = [p for p in psutil.Process(self.process.pid).children() if p.status() != psutil.STATUS_ZOMBIE]
        return next((p for p in found if "worker" in p.cmdline()), None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    """Starts `up` on one directory; what is left running at the end is ended."""
    begun: list[Up] = []

    def one(*words: str, port: int | None = None) -> Up:
        begun.append(Up(tmp_path / "data", port or free_port(), *words))
        return begun[-1]

    yield one
    for up in begun:
        if up.process.poll() is None:
            for child in psutil.Process(up.process.pid).children(recursive=True):
                child.kill()
            up.process.kill()
            up.ended()


def moorage(data: Path, *words: str) -> str:
    line = [sys.executable, "-m", "app.cli.main", *words, "--data", str(data)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_newcomers_day(start, tmp_path):
    data, port = tmp_path / "data", free_port()

    # Ctrl-C in the middle of loading leaves nothing half done
    first = start(port=port)
    first.wait_for("Writing the history")
    assert first.interrupt() == 0
    assert any("Stopped before it was ready" in line for line in first.said)

    # the next start loads everything and says where it is, who can sign in, and that nothing is real
    up = start(port=port)
    up.wait_for("Ctrl-C stops it")
    text = "".join(up.said)
    assert f"Moorage is ready:  http://127.0.0.1:{port}" in text
    assert "SIMULATED" in text
    signs = re.findall(r"(admin|customer): +(\S+) +password: (.+)", text)
    assert [who for who, *_ in signs] == ["admin", "customer"]
    for _, email, password in signs:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as browser:
            proof = re.search(r'name="proof" value="([^"]+)"', browser.get("/login").text)
            assert proof
            form = {"proof": proof[1], "email": email, "password": password}
            answer = browser.post("/login", data=form, headers={"Origin": f"http://127.0.0.1:{port}"})
            assert answer.status_code == 303, answer.text
            shown = browser.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
            assert (shown.status_code, shown.url.path) == (200, "/overview" if email.startswith("admin@") else "/home")

    # a second server on the same directory is refused with a sentence
    second = start()
    assert second.ended() == 1
    assert "already runs on the data directory" in "".join(second.errors)

    # commands work beside the server: reading, and writing through its door
    past = (
        "SELECT (SELECT date_diff('hour', min(tick), max(tick)) FROM pod_sample) AS raw, "
        "(SELECT date_diff('hour', min(t), max(t)) FROM pod_1h) AS hours, "
        "(SELECT count(DISTINCT uid) FROM pod_state) AS seen"
    )
    (known,) = json.loads(moorage(data, "warehouse", "sql", past, "--format", "json"))
    assert 15 * 24 <= known["raw"] <= 17 * 24, "15 days at the tick, from midnight on"
    assert 89 * 24 <= known["hours"] <= 91 * 24, "90 days of windows"
    assert known["seen"] >= 82
    assert "windows" in moorage(data, "warehouse", "care", "rollup")
    assert "done" in moorage(data, "jobs", "run", "inventory_resync")
    moorage(data, "user", "add", "dewi@example.com", "--name", "Dewi", "--role", "support")

    # a worker that dies is started again
    worker = up.worker()
    assert worker is not None
    worker.kill()
    until = time.monotonic() + PATIENCE
    while (again := up.worker()) is None or again.pid == worker.pid:
        assert time.monotonic() < until
        time.sleep(0.1)

    # Ctrl-C ends both
    began = time.monotonic()
    assert up.interrupt() == 0
    print(f"stopped in {time.monotonic() - began:.1f} s")  # noqa: T201  shown by -s; a loaded machine may not keep to five
    assert up.said[-1] == "Stopped.\n"
    assert not psutil.pid_exists(again.pid)

    # the second start keeps everything
    began = time.monotonic()
    kept = start(port=port)
    kept.wait_for("Ctrl-C stops it")
    print(f"ready again in {time.monotonic() - began:.1f} s")  # noqa: T201  the same
    assert not any("Loading" in line for line in kept.said)
    assert "dewi@example.com" in moorage(data, "user", "list")
    assert kept.interrupt() == 0


def test_a_port_that_is_taken_is_named(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = start(port=port)
        assert up.ended() == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in "".join(up.errors)


def test_half_of_the_live_settings_is_refused(start):
    up = start("--prometheus", "http://127.0.0.1:9")
    assert up.ended() == 1
    assert "prometheus_url is set without kubeconfig" in "".join(up.errors)
