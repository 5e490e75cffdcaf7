"""Logs as the API gives them: stamped lines, cut ends, other runs, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from collectors.sources.kubernetes_logs import KubernetesLogs
from models.domain.errors import Misconfigured, NotFound, Unavailable


class Api:
    """Answers one request, and remembers it."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        self.path, self.query = "", dict[str, str]()

    def exchange(self, method: str, path: str, query: Sequence[tuple[str, str]], *_: object) -> tuple[int, bytes]:
        assert method == "GET"
        self.path, self.query = path, dict(query)
        return self.status, self.body


BODY = (
    b"2026-11-29T08:00:01.123456789Z first\n"
    b"2026-11-29T15:00:02.5+07:00 caf\xc3\xa9 \xff\r\n"
    b"2026-11-29T08:00:03Z \n"
    b"2026-11-29T08:00:0"
)


def test_lines_come_with_their_times_and_a_cut_one_is_left_out() -> None:
    api = Api(200, BODY)
    found = KubernetesLogs(api).read("c-kopi", "web-1", "web", lines=50)
    assert api.path == "/api/v1/namespaces/c-kopi/pods/web-1/log"
    assert (api.query["container"], api.query["tailLines"], api.query["timestamps"]) == ("web", "50", "true")
    assert "previous" not in api.query
    assert [one.text for one in found] == ["first", "café �", ""]
    assert found[0].at == datetime(2026, 11, 29, 8, 0, 1, 123456, tzinfo=UTC)
    assert found[1].at == datetime(2026, 11, 29, 8, 0, 2, 500000, tzinfo=UTC)


def test_a_log_is_followed_without_repeating_the_second_it_stands_at() -> None:
    api = Api(200, BODY)
    at = datetime(2026, 11, 29, 8, 0, 1, 123456, tzinfo=UTC)
    found = KubernetesLogs(api).read("c-kopi", "web-1", "web", lines=50, previous=True, since=at)
    assert api.query["sinceTime"] == "2026-11-29T08:00:01Z"
    assert api.query["previous"] == "true"
    assert [one.text for one in found] == ["café �", ""]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (404, NotFound, "no log of web-1 now: not there"),
        (400, NotFound, "no log of web-1 now: not there"),
        (403, Misconfigured, "get pods/log"),
        (500, Unavailable, "answered 500"),
    ],
)
def test_refusals_have_a_sentence(status: int, kind: type[Exception], said: str) -> None:
    for body in (json.dumps({"message": "not there"}).encode(), b"<html>", b"[]"):
        api = Api(status, body)
        with pytest.raises(kind, match=said if body.startswith(b"{") else None):
            KubernetesLogs(api).read("c-kopi", "web-1", "web", lines=50)


def test_a_log_that_the_node_threw_away_is_said_to_be_gone() -> None:
    api = Api(200, b"unable to retrieve container logs for containerd://0123456789abcdef")
    with pytest.raises(NotFound, match="thrown it away"):
        KubernetesLogs(api).read("c-kopi", "web-1", "web", lines=50, previous=True)
