"""The grown set-up: store and warehouse in PostgreSQL, server and worker as processes of their own, commands beside them."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from tests.cli.test_up import PATIENCE, free_port

pytestmark = [pytest.mark.postgres, pytest.mark.loopback, pytest.mark.slow, pytest.mark.xdist_group("up")]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Settings of one installation on two databases of its own."""
    server = make_url(os.environ["MOORAGE_TEST_POSTGRES"])
    names = [f"moorage_grown_{kind}_{secrets.token_hex(4)}" for kind in ("store", "lake")]
    dsn = f"host={server.host} port={server.port} user={server.username}" + (
        f" password={server.password}" if server.password else ""
    )
    with psycopg.connect(f"{dsn} dbname={server.database}", autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name}".encode())
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MOORAGE_")}
    yield plain | {
        "PYTHONUNBUFFERED": "1",
        "MOORAGE_DATA": str(tmp_path / "data"),
        "MOORAGE_PORT": str(free_port()),
        "MOORAGE_STORE_URL": server.set(database=names[0]).render_as_string(hide_password=False),
        "MOORAGE_WAREHOUSE_URL": f"ducklake:postgres:{dsn} dbname={names[1]}",
        "MOORAGE_WAREHOUSE_DATA_PATH": f"{tmp_path / 'lake'}/",
        "MOORAGE_TICK_SECONDS": "2",
    }
    with psycopg.connect(f"{dsn} dbname={server.database}", autocommit=True) as admin:
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def moorage(environment: Mapping[str, str], *words: str) -> str:
    line = [sys.executable, "-m", "app.cli.main", *words]
    done = subprocess.run(line, env=dict(environment), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(what: Callable[[], Any], why: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := what():
                return found
        except httpx.HTTPError:
            pass  # it is not listening yet
        time.sleep(0.25)
    pytest.fail(f"never: {why}")


def test_server_and_worker_live_on_postgresql_and_are_read_beside(environment: Mapping[str, str], tmp_path: Path) -> None:
    assert "has schema" in moorage(environment, "migrate")
    address = f"http://127.0.0.1:{environment['MOORAGE_PORT']}"
    said = tmp_path / "said"
    with said.open("w") as log:
        web, worker = (
            subprocess.Popen([sys.executable, "-m", "app.cli.main", word], env=dict(environment), stdout=log, stderr=log)
            for word in ("web", "worker")
        )
        try:
            until(
                lambda: httpx.get(f"{address}/readyz", timeout=30, trust_env=False).status_code == 200, f"ready: {said.read_text()}"
            )
            asked = ("warehouse", "sql", "SELECT count(DISTINCT tick) AS n FROM pod_sample", "--format", "json")
            until(
                lambda: json.loads(moorage(environment, *asked))[0]["n"] >= 2, "two ticks are in the lake, read by another process"
            )
            with closing(_signed_in(environment, address)) as browser:
                shown = until(lambda: (seen := browser.get("/api/v1/overview")).status_code != 503 and seen, "the cluster is known")
                assert shown.status_code == 200, shown.text
                assert browser.get("/api/v1/nodes").json()["items"]
                assert browser.get("/overview", headers={"Accept": "text/html"}).status_code == 200
                known = lambda: browser.get("/api/v1/occurrences", params={"job": "mail"}).json()["items"]  # noqa: E731
                until(lambda: [one for one in known() if one["state"] == "done"], "the worker does its jobs")
        finally:
            for process in (web, worker):
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(timeout=PATIENCE) for process in (web, worker)]
    assert codes == [0, 0], said.read_text()
    assert "Traceback" not in said.read_text()


def _signed_in(environment: Mapping[str, str], address: str) -> httpx.Client:
    """Somebody of the staff, made by a command, who chose a password at the link that it printed."""
    told = moorage(environment, "user", "add", "ada@example.com", "--name", "Ada", "--role", "owner")
    link = re.search(r"https?://\S+", told)
    assert link, told
    browser = httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False, headers={"Origin": address})
    path = link[0].removeprefix(address)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', browser.get(path).text))
    chosen = secrets.token_urlsafe(12)
    answer = browser.post(path.partition("?")[0], data={**fields, "password": chosen, "again": chosen})
    assert answer.status_code == 303, answer.text
    proof = re.search(r'name="proof" value="([^"]+)"', browser.get("/login").text)
    assert proof
    answer = browser.post("/login", data={"proof": proof[1], "email": "ada@example.com", "password": chosen})
    assert answer.status_code == 303, answer.text
    return browser
