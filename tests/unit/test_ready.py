"""What /readyz tells to whom."""

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import container, health


@pytest.fixture(autouse=True)
def failing(monkeypatch):
    monkeypatch.setattr(container, "installed", lambda: True)
    monkeypatch.setattr(container, "current", lambda: None)
    found = (
        health.Check("store", True, "answers"),
        health.Check("tick:metrics", False, "http://prometheus.internal:9090 did not answer"),
    )
    monkeypatch.setattr(health, "checks", lambda _live: found)


def ask(address: str, **headers: str):
    client = TestClient(Starlette(routes=[Route("/readyz", health.readyz)]), client=(address, 5000))
    answer = client.get("/readyz", headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 503
    return answer.json()


def test_this_machine_is_told_what_is_wrong():
    for address in ("127.0.0.1", "::1"):
        assert ask(address)["checks"][1]["detail"] == "http://prometheus.internal:9090 did not answer"


@pytest.mark.parametrize(
    ("address", "headers"), [("203.0.113.5", {}), ("127.0.0.1", {"x_forwarded_for": "203.0.113.5"}), ("nonsense", {})]
)
def test_strangers_are_told_which_part_is_wrong_and_nothing_more(address, headers):
    assert ask(address, **headers) == {
        "ready": False,
        "checks": [{"name": "store", "ok": True}, {"name": "tick:metrics", "ok": False}],
    }
