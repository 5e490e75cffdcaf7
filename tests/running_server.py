"""One really running demo server for everybody who asks for it: `server` is its address, `server_data` its data directory.

A plugin of `tests/conftest.py`, so that every folder gets the same one. Tests that want it belong to `xdist_group("browser")`: each
worker process has a session of its own, and a second worker would start a second server.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN = 300.0
"""Seconds; a machine with other load needs more than twice the 40 of an idle one."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where it answers, and where it keeps store, warehouse and world."""

    url: str
    data: Path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`moorage up` on a data directory of its own, as a newcomer starts it; stopped as by Ctrl-C."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    made = Running(f"http://127.0.0.1:{port}", folder / "data")
    arguments = ["up", "--host", "127.0.0.1", "--port", str(port), "--data", str(made.data)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MOORAGE_", "KUBECONFIG", "PROMETHEUS"))}
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", *arguments], cwd=ROOT, env=clean, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            end = time.monotonic() + READY_WITHIN
            while not answers(f"{made.url}/readyz"):
                assert process.poll() is None, (folder / "up.log").read_text()
                assert time.monotonic() < end, (folder / "up.log").read_text()
                time.sleep(0.3)
            yield made
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)  # a machine with other load is slow, not wrong
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def server(running_server: Running) -> str:
    """Address of the running demo."""
    return running_server.url


@pytest.fixture(scope="session")
def server_data(running_server: Running) -> Path:
    """Its data directory. The server owns the warehouse in it: others read through `collectors.warehouse`'s reader."""
    return running_server.data
