"""`moorage up` on the test bed as an admin starts it: a process, the one-time link, the second factor, a token."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyotp

from models.domain.access import Permission

PATIENCE = 120.0
"""Seconds for what takes ten on an idle machine."""
ADMIN = {"name": "Ada", "email": "ada@moorage.example", "password": "a long enough sentence for tests"}
SCOPES = (
    Permission.SEE_CLUSTER,
    Permission.SEE_ORGANIZATIONS,
    Permission.MANAGE_ORGANIZATIONS,
    Permission.MAP_NAMESPACES,
    Permission.SEE_JOBS,
    Permission.QUERY_WAREHOUSE,
)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class Portal:
    """A running installation; `admin` is signed in as a browser is, `api` has a token."""

    url: str
    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    admin: httpx.Client = field(init=False)
    api: httpx.Client = field(init=False)

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers to a token that may see it."""
        answer = self.api.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def every(self, path: str, **query: Any) -> list[Any]:
        """The rows of all pages."""
        rows: list[Any] = []
        cursor = ""
        while True:
            page = self.get(path, limit=500, cursor=cursor, **query)
            rows += page["items"]
            cursor = page["next"] or ""
            if not cursor:
                return rows

    def command(self, *words: str) -> str:
        """Output of `moorage WORDS` beside the server."""
        line = [sys.executable, "-m", "app.cli.main", *words, "--data", str(self.data)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def said_until(self, words: str) -> None:
        end = time.monotonic() + PATIENCE
        while not any(words in line for line in list(self.said)):
            assert self.process.poll() is None, f"ended early: {''.join(self.said)}"
            assert time.monotonic() < end, f"never said {words!r}: {''.join(self.said)}"
            time.sleep(0.1)

    def enter(self) -> None:
        """Become the first administrator by the printed link, with a second factor, and make a token."""
        self.admin = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, headers={"Origin": self.url})
        (link,) = re.findall(r"http\S+/setup\?token=\S+", "".join(self.said))
        shown = self.admin.get(link)
        first = self.admin.post("/setup", data=dict(_HIDDEN.findall(shown.text)) | ADMIN | {"again": ADMIN["password"]})
        assert first.status_code == 303, first.text
        offer = self.admin.get(first.headers["location"])
        key = re.search(r'class="key">([A-Z2-7 ]+)<', offer.text)
        assert key, offer.text
        fields = dict(_HIDDEN.findall(offer.text)) | {"code": pyotp.TOTP(key[1].replace(" ", "")).now()}
        done = self.admin.post("/totp", data=fields)
        assert done.status_code == 200, done.text
        assert "sid" in self.admin.cookies
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        token = self.command("token", "make", "--of", ADMIN["email"], "--name", "test", *scopes).strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.api = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, headers=headers)


@contextmanager
def running(data: Path, words: Sequence[str], **settings: str) -> Iterator[Portal]:
    """`moorage up WORDS` on `data`, ready to be asked; ended as Ctrl-C ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MOORAGE_")}
    environment |= {f"MOORAGE_{k.upper()}": v for k, v in settings.items()} | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "up", "--data", str(data), "--port", str(port), *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip
    # commands beside it are told of the cluster as the server's own ones are
    named = dict(zip(words[::2], words[1::2], strict=True))
    told = {"MOORAGE_KUBECONFIG": named["--kubeconfig"], "MOORAGE_PROMETHEUS_URL": named["--prometheus"]}
    portal = Portal(f"http://127.0.0.1:{port}", data, environment | told, process)
    assert process.stdout is not None
    reading = threading.Thread(target=lambda out=process.stdout: portal.said.extend(out), daemon=True)
    reading.start()
    try:
        portal.said_until("Ctrl-C stops it")
        portal.enter()
        yield portal
    finally:
        for client in (getattr(portal, "admin", None), getattr(portal, "api", None)):
            if client is not None:
                client.close()
        _end(process)
        reading.join(timeout=10)
        process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for one in family:
        if one.is_running():
            one.kill()
