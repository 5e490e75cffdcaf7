"""Setup steps run for real on this machine, against stubs that speak what the apps' makers document: the first to come is the owner."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from provisioner.wanted import resolved
from tests.provisioner.orders import TEMPLATES, an_instance

pytestmark = pytest.mark.loopback
HOSTILE = 'Kopi "Senja" \\ $(id) `id` é'
PASSWORD = "Drawn1Password2For3x"
SOCKET = """
const asked = [];
exports.io = (address, settings) => ({on: (name, then) => { if (name === 'connect') setTimeout(then, 1); },
emit: (name, ...given) => { const then = given.pop(); asked.push([name, ...given]);
require('fs').writeFileSync(process.env.ASKED, JSON.stringify([address, ...asked]));
then(name === 'needSetup' ? process.env.NEEDED === 'yes' : {ok: process.env.TAKEN === 'yes'}); }});
"""
"""As much of socket.io-client as the step uses."""


@dataclass
class Stub:
    """An app over HTTP. `own`: the password that its owner has; None before there is one. `broken`: nobody can sign in."""

    own: str | None = None
    broken: bool = False
    told: list[tuple[str, Any, str]] = field(default_factory=list)

    def get(self, path: str) -> tuple[int, str]:
        if path == "/api/v4/config/client?format=old":
            return 200, f'{{"BuildNumber":"1","NoAccounts":"{json.dumps(self.own is None)}","Version":"11.10.0"}}'
        assert path == "/api/session/properties"
        token = "" if self.own else ',"setup-token":"5a1d-77"'
        return 200, f'{{"site-name":"x"{token},"has-user-setup":{json.dumps(self.own is not None)},"last":"setup-token"}}'

    def post(self, path: str, body: Any, key: str) -> tuple[int, str]:
        self.told.append((path, body, key))
        if path == "/api/setup":
            if self.own is not None or body["token"] != "5a1d-77":
                return 403, '"The /api/setup route can only be used to create the first user."'
            self.own = body["user"]["password"]
            return 200, '{"id":"0a1b"}'
        if path == "/api/v4/users":
            if self.own is not None:
                return 403, '{"id":"api.user.create_user.no_open_server"}'
            assert (body["username"], body["email"]) == ("owner", "sari@kopi.example")
            self.own = body["password"]
            return 201, "{}"
        if path == "/api/auth/login" and self.broken:
            return 500, "{}"
        if path == "/api/auth/login":
            right = (body["username"], body["password"]) == ("admin", self.own or "umami")
            return (200, '{"token":"ey"}') if right else (401, '{"error":"incorrect-username-password"}')
        assert path == "/api/me/password"
        if key != "Bearer ey" or body["currentPassword"] != (self.own or "umami"):
            return 400, '{"error":"Current password is incorrect"}'
        self.own = body["newPassword"]
        return 200, "{}"


@contextmanager
def serving(stub: Stub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*stub.get(self.path))

        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*stub.post(self.path, body, self.headers.get("Authorization", "")))

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def run(template: str, address: str, **environment: str) -> int:
    """The step's command as the cluster would run it, with the app at `address`; its exit code."""
    wanted = an_instance(TEMPLATES[template], organization=HOSTILE)
    (step,) = wanted.template.setup
    inside = f"http://web:{next(one.port for one in wanted.template.components if one.name == 'web')}"
    words = [resolved(wanted, word).replace(inside, address) for word in step.command]
    assert any(address in word for word in words)
    told = {name: resolved(wanted, text).replace("${secret.owner-password}", PASSWORD) for name, text in step.environment.items()}
    done = subprocess.run(words, env=os.environ | told | environment, capture_output=True, timeout=60, check=False)
    return done.returncode


@pytest.mark.parametrize("template", ["mattermost", "metabase", pytest.param("umami", marks=pytest.mark.node)])
def test_the_first_to_come_is_the_owner_and_a_second_run_changes_nothing(template: str) -> None:
    stub = Stub()
    with serving(stub) as address:
        assert run(template, address) == 0
        assert stub.own == PASSWORD
        first = len(stub.told)
        assert run(template, address) == 0
        assert stub.own == PASSWORD
        assert [path for path, _, _ in stub.told[first:]] in ([], ["/api/auth/login"])
    assert run(template, address) != 0, "nobody answers: it is tried again"


def test_a_name_is_told_as_it_was_written() -> None:
    stub = Stub()
    with serving(stub) as address:
        assert run("metabase", address) == 0
    ((_, body, _),) = stub.told
    assert body["prefs"] == {"site_name": HOSTILE, "allow_tracking": False}
    assert (body["user"]["email"], body["user"]["last_name"]) == ("sari@kopi.example", HOSTILE)


@pytest.mark.parametrize("template", ["mattermost", "metabase", pytest.param("umami", marks=pytest.mark.node)])
def test_a_password_that_the_owner_chose_since_is_kept_and_stops_nothing(template: str) -> None:
    stub = Stub(own="chosen by the owner")
    with serving(stub) as address:
        assert run(template, address) == 0
    assert stub.own == "chosen by the owner"


@pytest.mark.node
def test_an_app_that_is_out_of_order_is_tried_again() -> None:
    stub = Stub(broken=True)
    with serving(stub) as address:
        assert run("umami", address) != 0


@pytest.mark.parametrize(
    ("listed", "made"),
    [("", True), ("1    owner   sari@kopi.example true true\n", False), ("7    sari    sari@kopi.example true true\n", False)],
)
def test_gitea_gets_its_owner_unless_it_has_an_administrator_by_any_name(tmp_path: Path, listed: str, made: bool) -> None:
    told, program = tmp_path / "told", tmp_path / "gitea"
    said = "2026/11/29 12:00:00 cmd/admin.go:1:x() [I] begins\\nID   Username Email IsActive IsAdmin\\n" + listed.replace(
        "\n", "\\n"
    )
    program.write_text(f"""#!/bin/sh\nif [ "$3" = list ]; then printf '{said}'; else printf '%s\\n' "$@" > {told}; fi\n""")
    program.chmod(0o755)
    wanted = an_instance(TEMPLATES["gitea"])
    (step,) = wanted.template.setup
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MOORAGE_OWNER_PASSWORD": PASSWORD}
    subprocess.run(step.command, env=environment | {"MOORAGE_EMAIL": "sari@kopi.example"}, timeout=60, check=True)
    assert told.exists() == made
    assert not made or PASSWORD in told.read_text().splitlines()
    program.write_text("#!/bin/sh\nexit 1\n")
    assert subprocess.run(step.command, env=environment, timeout=60, check=False).returncode != 0, "it is tried again"


@pytest.mark.node
@pytest.mark.parametrize(("needed", "taken", "code", "asked"), [("yes", "yes", 0, 2), ("no", "no", 0, 1), ("yes", "no", 1, 2)])
def test_uptime_kuma_is_claimed_over_its_socket(tmp_path: Path, needed: str, taken: str, code: int, asked: int) -> None:
    modules = tmp_path / "socket.io-client"
    modules.mkdir()
    (modules / "index.js").write_text(SOCKET)
    said = tmp_path / "asked.json"
    environment = {"NODE_PATH": str(tmp_path), "ASKED": str(said), "NEEDED": needed, "TAKEN": taken}
    assert run("uptime-kuma", "http://127.0.0.1:9", **environment) == code
    address, *events = json.loads(said.read_text())
    assert address == "http://127.0.0.1:9"
    assert events == [["needSetup"], ["setup", "owner", PASSWORD]][:asked]
