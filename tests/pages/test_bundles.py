"""Streamlit's program text as the browser gets it: the very files, packed once, and nothing beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from app import bundles
from app.bundles import Bundles

SCRIPT = b"export const answer = 42;" * 200


async def beyond(request: Request) -> PlainTextResponse:
    return PlainTextResponse("beyond", 404)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "static" / "js").mkdir(parents=True)
    (tmp_path / "static" / "js" / "index.abc.js").write_bytes(SCRIPT)
    (tmp_path / "static" / "letters.woff2").write_bytes(b"wOF2")
    (tmp_path / "index.html").write_text("the page")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> TestClient:
    app = Starlette(middleware=[Middleware(Bundles, directory=folder)])
    app.add_route("/{rest:path}", beyond)
    return TestClient(app)


def test_a_script_comes_packed_and_whole(client: TestClient) -> None:
    answer = client.get("/static/js/index.abc.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(SCRIPT) / 10
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"


def test_fonts_are_not_packed_again(client: TestClient) -> None:
    answer = client.get("/static/letters.woff2", headers={"Accept-Encoding": "gzip"})
    assert (answer.content, answer.headers.get("content-encoding"), answer.headers["content-type"]) == (b"wOF2", None, "font/woff2")


def test_a_file_is_packed_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[int] = []
    pack = gzip.compress
    monkeypatch.setattr(bundles.gzip, "compress", lambda *args, **facts: packed.append(1) or pack(*args, **facts))
    for _ in range(3):
        assert client.get("/static/js/index.abc.js").content == SCRIPT
    assert len(packed) == 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/js/index.abc.js", {"Accept-Encoding": "identity"}),
        ("/static/js/index.abc.js", {"Accept-Encoding": "gzip;q=0"}),
        ("/static/js/index.abc.js", {"Accept-Encoding": "br, gzip; q=0.000"}),
        ("/static/js/index.abc.js", {"Range": "bytes=0-3"}),
        ("/static/js/nothing.js", {}),
        ("/static/../index.html", {}),
        ("/static/%2e%2e/index.html", {}),
        ("/index.html", {}),
        ("/static/js", {}),
    ],
)
def test_all_else_goes_on(client: TestClient, path: str, headers: dict[str, str]) -> None:
    assert client.get(path, headers={"Accept-Encoding": "gzip"} | headers).text == "beyond"


def test_writing_goes_on(client: TestClient) -> None:
    assert client.post("/static/js/index.abc.js").status_code == 405
