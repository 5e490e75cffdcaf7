"""A running portal as the benchmarks see it: a demo started for the occasion, or one whose address and sign-in are given."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


@dataclass(frozen=True, slots=True)
class Portal:
    """`server` is the process that answers, when it is known: what costs are read from."""

    url: str
    email: str
    password: str
    server: psutil.Process | None
    data: Path | None = None

    def token(self, scopes: Iterable[str]) -> str:
        """The secret of a new token of the person who signs in; of a portal that was started here only."""
        if self.data is None:
            raise SystemExit("give the token of that portal: --token or MOORAGE_TOKEN")
        command = [sys.executable, "-m", "app.cli.main", "token", "make", "--of", self.email, "--name", "benchmark"]
        command += ["--data", str(self.data), *(part for scope in scopes for part in ("--scope", scope))]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    def sign_in(self) -> httpx.Client:
        """A client with a session, as a browser gets it by the form."""
        client = httpx.Client(base_url=self.url, follow_redirects=False, timeout=30)
        form = client.get("/login").text
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
        answer = client.post(
            "/login", data={**hidden, "email": self.email, "password": self.password}, headers={"Origin": self.url}
        )
        if answer.status_code != 303 or "sid" not in client.cookies:
            raise SystemExit(f"signing in at {self.url} failed with {answer.status_code}")
        return client


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default="", help="a portal that runs already; without it a demo is started and ended")
    parser.add_argument("--email", default="")
    parser.add_argument("--password", default="")


@contextmanager
def portal(chosen: argparse.Namespace) -> Iterator[Portal]:
    from app.demo.load import sign_ins

    admin = sign_ins()[0]
    email, password = chosen.email or admin.email, chosen.password or admin.password
    if chosen.url:
        yield Portal(chosen.url.rstrip("/"), email, password, None)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as scratch:
        command = [sys.executable, "-m", "app.cli.main", "up", "--data", f"{scratch}/data", "--port", str(port)]
        log = (Path(scratch) / "log").open("w")
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "MOORAGE_LOG_LEVEL": "warning"})
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process)
            yield Portal(url, email, password, _listening(process.pid, port), Path(scratch) / "data")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            log.close()


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit("the demo ended instead of starting")
        try:
            if httpx.get(f"{url}/readyz", timeout=3).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise SystemExit("the demo did not become ready")


def _listening(parent: int, port: int) -> psutil.Process:
    """The process of this family that listens on the port."""
    family = [psutil.Process(parent), *psutil.Process(parent).children(recursive=True)]
    for one in family:
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in one.net_connections(kind="tcp")):
            return one
    raise SystemExit("no process listens on the port")
