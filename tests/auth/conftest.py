"""A portal of forms, gate and headers around one small page, and browsers to visit it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app import container
from app.auth import headers, passwords, routes
from app.auth.gate import Gate
from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.gateways.mail import Simulated
from models.domain.access import MemberRole, StaffRole
from models.domain.clock import FrozenClock
from models.store import mail, members, staff
from models.store.members import User
from models.store.session import Store
from tests.stories import NOW, Cluster, NoWarehouse, a_customer, a_person, postgres, store

__all__ = ["postgres", "store"]

PASSWORD = "four words are enough"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = CHEAP.hash(PASSWORD)


async def _page(request: Request) -> Response:
    return JSONResponse({"user": request.headers.get("x-portal-user"), "path": request.url.path})


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            await socket.send_json({"user": socket.headers.get("x-portal-user"), "sid": socket.headers.get("x-portal-sid")})
    except WebSocketDisconnect:
        return


@dataclass
class Portal:
    """The running program's edge for people, on a clock that stands still."""

    container: Container
    checked_every_seconds: float = 30.0
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        gate = Middleware(Gate, checked_every_seconds=self.checked_every_seconds)
        pages = [Route("/", _page), Route("/cluster", _page), Route("/metrics", _page), Route("/api/v1/me", _page)]
        pages += [Route("/static/app.js", _page), WebSocketRoute("/_stcore/stream", _socket)]
        self.app = Starlette(routes=[*routes.routes, *pages], middleware=[Middleware(headers.SecurityHeaders), gate])

    @property
    def store(self) -> Store:
        return self.container.store

    def later(self, **much: float) -> None:
        clock = self.container.clock
        assert isinstance(clock, FrozenClock)
        clock.advance(timedelta(**much))

    def browser(self, **facts: Any) -> Browser:
        secure = self.container.settings.secure_cookies
        client = TestClient(self.app, f"{'https' if secure else 'http'}://portal.test", follow_redirects=False, **facts)
        return Browser(client)

    def customer(self, name: str = "Kopi Kita") -> User:
        """Somebody who owns an organization and can sign in with PASSWORD."""
        with self.store.transaction() as session:
            owner = a_customer(session, name).owner
            return self._ready(session, owner)

    def staff(self, role: StaffRole = StaffRole.OWNER, name: str = "Citra") -> User:
        with self.store.transaction() as session:
            person = a_person(session, name)
            staff.appoint(session, user_id=person.id, role=role, now=NOW)
            return self._ready(session, person)

    def member(self, organization_id: str, role: MemberRole, name: str = "Budi") -> User:
        with self.store.transaction() as session:
            person = a_person(session, name)
            members.join(session, user_id=person.id, organization_id=organization_id, role=role, now=NOW)
            return self._ready(session, person)

    def mails(self, to: str) -> list[mail.Mail]:
        with self.store.reading() as session:
            return [row for row in mail.newest(session, limit=500) if row.to == to]

    def link(self, to: str, kind: str) -> str:
        """Path and query of the link in the newest mail of that kind."""
        text = next(row.text for row in self.mails(to) if row.kind == kind)
        found = re.search(r"https?://[^/\s]+(/\S+)", text)
        assert found
        return found[1]

    @staticmethod
    def _ready(session: Any, person: User) -> User:
        person.password_hash, person.email_verified_at = HASH, NOW
        session.add(person)
        session.flush()
        return person


@dataclass
class Browser:
    """One browser: keeps cookies, and fills the forms that it was shown."""

    client: TestClient

    def get(self, path: str, **facts: Any) -> httpx.Response:
        return self.client.get(path, **{"headers": {"accept": "text/html"}} | facts)

    def send(self, path: str, *, headers: dict[str, str] | None = None, **typed: str) -> httpx.Response:
        """Open the form at `path` and send it with these fields."""
        return self.fill(self.get(path), headers=headers, **typed)

    def fill(self, shown: httpx.Response, *, headers: dict[str, str] | None = None, **typed: str) -> httpx.Response:
        form = re.search(r'<form method="post" action="([^"]*)">(.*?)</form>', shown.text, re.DOTALL)
        assert form, f"no form in: {shown.status_code} {shown.text[:500]}"
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[2]))
        fields = {name: html.unescape(value) for name, value in hidden.items()} | typed
        return self.client.post(html.unescape(form[1]), data=fields, headers=headers or {})

    def sign_in(self, email: str, password: str = PASSWORD, *, path: str = "/login") -> httpx.Response:
        return self.send(path, email=email, password=password)

    def user(self) -> str | None:
        """Whom the pages see."""
        answer = self.get("/")
        return answer.json()["user"] if answer.status_code == 200 else None

    @property
    def cookie(self) -> str | None:
        return self.client.cookies.get("sid") or self.client.cookies.get("__Host-sid")


Opening = Callable[..., Portal]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """argon2 at its real strength is tried in the tests of passwords; here it would only take time."""
    monkeypatch.setattr(passwords, "_hasher", CHEAP)
    passwords._dummy.cache_clear()
    yield
    passwords._dummy.cache_clear()


@pytest.fixture
def opened(store: Store, tmp_path: Path) -> Iterator[Opening]:
    """Makes a portal with the settings that a test needs, installed as this process's own."""

    def opening(*, checked_every_seconds: float = 30.0, **settings: Any) -> Portal:
        made = Container(
            Settings(data=tmp_path, **settings),
            FrozenClock(NOW),
            store,
            NoWarehouse(),
            Cluster(),
            Simulated(),
            Seal.open(tmp_path / "keys" / "seal.json"),
        )
        container.install(made)
        return Portal(made, checked_every_seconds)

    yield opening
    container.install(None)


@pytest.fixture
def portal(opened: Opening) -> Portal:
    return opened()


@pytest.fixture
def live(opened: Opening, tmp_path: Path) -> Portal:
    """A portal on live data."""
    return opened(kubeconfig=tmp_path / "kubeconfig", prometheus_url="http://prometheus.test")
