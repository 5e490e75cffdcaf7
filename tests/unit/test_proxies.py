"""Who asked: a peer's word counts only when the peer is a trusted proxy."""

import pytest

from app import config
from app.cli.server import served
from models.domain.errors import Misconfigured
from tests import own_loop


def seen(found, peer, forwarded):
    """The address that the application sees behind uvicorn's own wrapping."""
    heard = []

    async def app(scope, _receive, _send):
        heard.append(scope["client"][0])

    made = served(app, found)
    made.load()
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "client": (peer, 4242), "headers": headers, "scheme": "http", "path": "/", "method": "GET"}
    own_loop.run(made.loaded_app(scope, None, None))
    return heard


@pytest.fixture
def proxied(tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # what uvicorn would believe by itself
    return lambda **others: config.load(data=tmp_path, **others)


def test_a_forged_address_of_an_untrusted_peer_changes_nothing(proxied):
    assert seen(proxied(), "203.0.113.9", "127.0.0.1") == ["203.0.113.9"]
    assert seen(proxied(trusted_proxies="10.0.0.0/8"), "127.0.0.1", "198.51.100.7") == ["127.0.0.1"]
    assert seen(proxied(trusted_proxies=""), "127.0.0.1", "198.51.100.7") == ["127.0.0.1"]


def test_a_trusted_proxy_tells_who_asked_whatever_they_wrote_before(proxied):
    found = proxied(trusted_proxies="127.0.0.1, 10.0.0.0/8")
    assert seen(found, "10.1.2.3", "198.51.100.7") == ["198.51.100.7"]
    assert seen(found, "10.1.2.3", "192.0.2.1, 198.51.100.7, 10.9.9.9") == ["198.51.100.7"]


@pytest.mark.parametrize("wrong", ["*", "proxy.example.com", "10.0.0.0/8,"])
def test_a_proxy_is_an_address_or_a_network(proxied, wrong):
    with pytest.raises(Misconfigured, match="trusted_proxies"):
        proxied(trusted_proxies=wrong)
