"""Digests of images from a registry that plays as the specification says, with and without a token, and from ones that do not."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from app.gateways.registry import DOCKER_HUB, HttpRegistry, parsed
from models.domain.errors import Invalid, NotFound, Unavailable

DIGEST = "sha256:" + "ab" * 32


def registry(answer: Callable[[httpx.Request], httpx.Response], **facts: frozenset[str]) -> HttpRegistry:
    return HttpRegistry(client=httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True), **facts)


@pytest.mark.parametrize(
    ("text", "host", "name", "tag"),
    [
        ("ghost:6.59.0", DOCKER_HUB, "library/ghost", "6.59.0"),
        ("louislam/uptime-kuma:2.5.3", DOCKER_HUB, "louislam/uptime-kuma", "2.5.3"),
        ("docker.io/library/mysql:8.4", DOCKER_HUB, "library/mysql", "8.4"),
        ("docker.n8n.io/n8nio/n8n:2.41.3", "docker.n8n.io", "n8nio/n8n", "2.41.3"),
        ("localhost:5000/wordpress:7", "localhost:5000", "wordpress", "7"),
    ],
)
def test_names_of_images_in_their_parts(text: str, host: str, name: str, tag: str) -> None:
    found = parsed(text)
    assert (found.host, found.name, found.tag) == (host, name, tag)


@pytest.mark.parametrize("text", ["ghost", "ghcr.io/a/b", f"ghost@{DIGEST}", "localhost:5000/a"])
def test_a_name_without_a_tag_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="no tag"):
        parsed(text)


def test_a_digest_is_what_the_registry_says_about_the_index() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "HEAD"
        assert str(request.url) == "http://localhost:5000/v2/team/shop/manifests/1.4"
        assert "application/vnd.oci.image.index.v1+json" in request.headers["accept"]
        return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})

    assert registry(answer, plain=frozenset({"localhost:5000"})).digest("localhost:5000/team/shop:1.4") == DIGEST


def test_a_token_for_strangers_is_asked_for_where_the_registry_wants_one() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            assert dict(request.url.params) == {"service": "reg", "scope": "repository:library/ghost:pull"}
            return httpx.Response(200, json={"token": "t1"})
        if request.headers.get("authorization") == "Bearer t1":
            return httpx.Response(200, headers={"Docker-Content-Digest": DIGEST})
        challenge = 'Bearer realm="https://auth.example/token",service="reg",scope="repository:library/ghost:pull"'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    assert registry(answer).digest("ghost:6") == DIGEST


@pytest.mark.parametrize(
    ("response", "kind", "said"),
    [
        (httpx.Response(404), NotFound, "gives no image"),
        (httpx.Response(401, headers={"WWW-Authenticate": "Basic"}), NotFound, "asks for an account"),
        (httpx.Response(503), Unavailable, "answered 503"),
        (httpx.Response(200), Unavailable, "told no digest"),
        (httpx.Response(200, headers={"Docker-Content-Digest": "sha256:zz"}), Unavailable, "told no digest"),
    ],
)
def test_what_it_cannot_tell_is_said(response: httpx.Response, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        registry(lambda _: response).digest("ghost:6")


def test_one_that_does_not_answer_is_unavailable() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unavailable, match="did not answer"):
        registry(answer).digest("ghost:6")
