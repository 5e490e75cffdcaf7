"""The first sign-in of each app, against stubs that speak what its maker documents."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from app.gateways.sign_in import HttpDoorman, Tried
from app.services.credentials import filled
from provisioner.catalogue.schema import REFERENCE, SignIn
from provisioner.secrets import draw
from provisioner.wanted import resolved
from tests.provisioner.orders import TEMPLATES, an_instance

pytestmark = pytest.mark.loopback
Answer = tuple[int, dict[str, str], str]


@dataclass
class Stub:
    """One app at its door. `state` makes it answer otherwise than by its rules."""

    template: str
    name: str
    password: str
    state: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], body: str) -> Answer:
        self.asked.append(path)
        if self.state == "starting":
            return 503, {}, "starting"
        speaks: Callable[[str, dict[str, str], str], Answer] = getattr(self, f"_{self.template.replace('-', '_')}")
        return speaks(path, headers, body)

    def _n8n(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/rest/login":
            return 404, {}, ""
        given = json.loads(body)
        if (given.get("emailOrLdapLoginId"), given.get("password")) != (self.name, self.password):
            return 401, {}, '{"code":401,"message":"Wrong username or password. Do you have caps lock on?"}'
        return 200, {"Set-Cookie": "n8n-auth=ey.ey.ey; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax"}, '{"data":{}}'

    def _ghost(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/ghost/api/admin/session/":
            return 404, {}, ""
        if not headers.get("origin"):
            return (
                400,
                {},
                '{"errors":[{"message":"Could not determine origin of request. Please ensure an Origin or Referrer header is present."}]}',
            )
        given = json.loads(body)
        if (given.get("username"), given.get("password")) != (self.name, self.password):
            return 422, {}, '{"errors":[{"message":"Your password is incorrect.","code":"PASSWORD_INCORRECT"}]}'
        cookie = {"Set-Cookie": "ghost-admin-api-session=s%3Ax; Path=/ghost; HttpOnly; Secure; SameSite=None"}
        if self.state == "new device":
            return 403, cookie, '{"errors":[{"message":"User must verify session to login.","code":"2FA_NEW_DEVICE_DETECTED"}]}'
        return 201, cookie, "Created"

    def _wordpress(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/wp-login.php":
            return 404, {}, ""
        given = {key: values[0] for key, values in parse_qs(body).items()}
        if "wordpress_test_cookie" not in headers.get("cookie", ""):
            return 200, {}, "Error: Cookies are blocked or not supported by your browser."
        if (given.get("log"), given.get("pwd")) != (self.name, self.password):
            return (
                200,
                {"Set-Cookie": "wordpress_test_cookie=WP%20Cookie%20check; path=/"},
                "Error: The password you entered is incorrect.",
            )
        return 302, {"Set-Cookie": "wordpress_logged_in_0a1b=owner%7C1; path=/; secure; HttpOnly", "Location": "/wp-admin/"}, ""

    def _vaultwarden(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/admin":
            return 404, {}, ""
        if {key: values[0] for key, values in parse_qs(body).items()}.get("token") != self.password:
            return 401, {}, "Error: Invalid admin token, please try again."
        return 200, {"Set-Cookie": "VW_ADMIN=ey.ey.ey; HttpOnly; SameSite=Strict; Path=/admin; Max-Age=1200"}, "Settings"

    def _uptime_kuma(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/metrics":
            return 404, {}, ""
        if not self._basic(headers):
            return 401, {"WWW-Authenticate": "Basic"}, ""
        return 200, {}, "# HELP process_cpu_user_seconds_total Total user CPU time spent in seconds.\n"

    def _grafana(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/user":
            return 404, {}, ""
        if not self._basic(headers):
            return 401, {}, '{"message":"Invalid username or password","messageId":"password-auth.failed"}'
        return 200, {}, '{"id":1,"email":"sari@kopi.example","login":"owner","isGrafanaAdmin":true}'

    def _gitea(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/v1/user":
            return 404, {}, ""
        if not self._basic(headers):
            return 401, {}, '{"message":"invalid username, password or token","url":"/api/swagger"}'
        return 200, {}, '{"id":1,"login":"owner","is_admin":true}'

    def _nextcloud(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/ocs/v2.php/cloud/user":
            return 404, {}, ""
        if not self._basic(headers) or headers.get("ocs-apirequest") != "true":
            return 401, {}, "<ocs><meta><status>failure</status><statuscode>997</statuscode></meta></ocs>"
        return 200, {}, "<ocs><meta><status>ok</status></meta><data><id>owner</id><enabled>1</enabled></data></ocs>"

    def _metabase(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/session":
            return 404, {}, ""
        if not self._given(body, "username"):
            return 401, {}, '{"errors":{"password":"did not match stored password"}}'
        return 200, {"Set-Cookie": "metabase.SESSION=0a1b; Path=/; HttpOnly; SameSite=Lax"}, '{"id":"0a1b"}'

    def _umami(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/auth/login":
            return 404, {}, ""
        return (
            (200, {}, '{"token":"ey","user":{"username":"admin"}}') if self._given(body, "username") else (401, {}, '{"error":{}}')
        )

    def _directus(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/auth/login":
            return 404, {}, ""
        if not self._given(body, "email"):
            return 401, {}, '{"errors":[{"message":"Invalid user credentials.","extensions":{"code":"INVALID_CREDENTIALS"}}]}'
        return 200, {}, '{"data":{"access_token":"ey","expires":900000,"refresh_token":"x"}}'

    def _nocodb(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/v1/auth/user/signin":
            return 404, {}, ""
        return (200, {}, '{"token":"ey"}') if self._given(body, "email") else (400, {}, '{"msg":"Invalid credentials"}')

    def _mattermost(self, path: str, headers: dict[str, str], body: str) -> Answer:
        if path != "/api/v4/users/login":
            return 404, {}, ""
        if not self._given(body, "login_id"):
            return 401, {}, '{"id":"api.user.login.invalid_credentials_email_username","status_code":401}'
        return (
            200,
            {"Token": "x", "Set-Cookie": "MMAUTHTOKEN=x; Path=/; HttpOnly; Secure"},
            '{"id":"x","roles":"system_admin system_user"}',
        )

    def _given(self, body: str, name: str) -> bool:
        given = json.loads(body)
        return (given.get(name), given.get("password")) == (self.name, self.password)

    def _basic(self, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Basic ")
        return base64.b64decode(given).decode() == f"{self.name}:{self.password}"


@contextmanager
def at_its_door(stub: Stub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, body: str) -> None:
            assert self.headers["Host"].startswith("kopi.")
            status, headers, text = stub.answer(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def asked(template: str) -> tuple[SignIn, Stub]:
    """The catalogue's request with drawn values, and an app whose owner signs in with what the customer is shown."""
    wanted = an_instance(TEMPLATES[template])
    values = draw(wanted.template)
    assert wanted.template.proof is not None
    request = filled(wanted, wanted.template.proof, values)
    (said,) = [one for one in wanted.template.credentials if one.secret]
    named = [one for one in wanted.template.credentials if one.label["en"] == "Sign-in"]
    password = REFERENCE.sub(lambda found: values[found[2]], said.value)
    return request, Stub(template, resolved(wanted, named[0].value) if named else "", password)


APPS = sorted(one.id for one in TEMPLATES.values() if one.proof is not None)


@pytest.mark.parametrize("template", APPS)
def test_drawn_credentials_sign_in_and_others_do_not(template: str) -> None:
    request, stub = asked(template)
    with at_its_door(stub) as place:
        doorman, address = HttpDoorman(place), f"http://kopi.{template}.apps.example"
        assert doorman.sign_in(address, request) == Tried(True)
        right = stub.password
        stub.password = "another"
        refused = doorman.sign_in(address, request)
        assert refused.refused
        assert not refused.right
        assert "did not take the credentials" in refused.reason
        assert right not in refused.reason
        stub.state = "starting"
        starting = doorman.sign_in(address, request)
        assert (starting.right, starting.refused) == (False, False)
        assert "(503)" in starting.reason


def test_ghost_that_mails_a_code_to_a_new_device_has_taken_the_password() -> None:
    request, stub = asked("ghost")
    stub.state = "new device"
    with at_its_door(stub) as place:
        assert HttpDoorman(place).sign_in("http://kopi.ghost.apps.example", request) == Tried(True)
        stub.password = "another"
        assert HttpDoorman(place).sign_in("http://kopi.ghost.apps.example", request).refused


def test_nobody_at_the_door_is_no_refusal() -> None:
    request, stub = asked("n8n")
    with at_its_door(stub) as place:
        pass
    tried = HttpDoorman(place).sign_in("http://kopi.n8n.apps.example", request)
    assert not tried.right
    assert not tried.refused
    assert "no answer" in tried.reason
