"""Everything that a Prometheus can do wrong becomes one of two errors, with a sentence of its own."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import polars as pl
import pytest

from collectors.promql import Jobs
from collectors.sources import prometheus_connection
from collectors.sources.port import NOT_SAMPLED, Severity, Window
from collectors.sources.prometheus import PrometheusSource
from models.domain.errors import Misconfigured, PlatformError, Unavailable
from tests.collect.stub_prometheus import Cluster, Stub, body, send, stub_prometheus

pytestmark = pytest.mark.loopback
END = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WINDOW = Window(END - timedelta(seconds=30), END)
CPU = "container_cpu_usage_seconds_total"

Behaviour = Callable[[BaseHTTPRequestHandler, str, float], bool]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_prometheus() as made:
        yield made


def refusing(status: int, content: bytes) -> Behaviour:
    return lambda handler, query, at: send(handler, content, status)


def error(text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": "execution", "error": text}).encode()


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
WHOLE = body([{"metric": {"namespace": "a"}, "values": [[END.timestamp(), "1"]]}] * 200)

TROUBLE: list[tuple[str, Behaviour, type[PlatformError], str]] = [
    ("503", refusing(503, b"no healthy upstream"), Unavailable, "answers 503: no healthy upstream"),
    ("busy", refusing(503, error("query timed out in expression evaluation")), Unavailable, "answers 503: query timed out"),
    ("throttled", refusing(429, b""), Unavailable, "answers 429"),
    ("expired token", refusing(401, b"Unauthorized"), Misconfigured, "refuses the token (401: Unauthorized)"),
    ("no right", refusing(403, b"Forbidden"), Misconfigured, "does not allow this token"),
    ("wrong path", refusing(404, b"404 page not found"), Misconfigured, "knows no /api/v1/query (404)"),
    ("another program", refusing(400, error("invalid parameter query")), Misconfigured, "refuses the question (400"),
    (
        "too many samples",
        refusing(422, error("query processing would load too many samples into memory in query execution")),
        Misconfigured,
        "would have to load too many samples",
    ),
    ("HTML", refusing(200, HTML), Misconfigured, "does not answer like a Prometheus"),
    ("HTML with 502", refusing(502, HTML), Unavailable, "answers 502. It is tried again"),
    ("JSON of something else", refusing(200, b'{"kind": "Status"}'), Misconfigured, "does not answer like a Prometheus"),
    ("a list", refusing(200, b"[]"), Misconfigured, "does not answer like a Prometheus"),
    ("series of another shape", refusing(200, body([{"metric": {}}])), Misconfigured, "does not answer like a Prometheus"),
    ("text for a value", refusing(200, body([{"metric": {}, "values": [[1, "x"]]}])), Misconfigured, "does not answer like a"),
    ("half an answer", lambda handler, query, at: send(handler, WHOLE, cut=1000), Unavailable, "broke off in the middle"),
    ("half a JSON text", refusing(200, WHOLE[:1000]), Misconfigured, "does not answer like a Prometheus"),
    (
        "a part of the stores",
        refusing(200, body([], warnings=["No StoreAPIs matched for this query"])),
        Unavailable,
        "only part of an answer: No StoreAPIs matched",
    ),
]


@pytest.mark.parametrize(("behave", "kind", "words"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
def test_trouble_has_a_sentence(stub: Stub, behave: Behaviour, kind: type[PlatformError], words: str) -> None:
    stub.behave = behave
    with pytest.raises(kind) as raised:
        PrometheusSource(stub.url).read(WINDOW)
    assert words in str(raised.value)
    assert "127.0.0.1" in str(raised.value)


def test_nobody_listens() -> None:
    with stub_prometheus() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="does not answer \\(connection refused\\)"):
        PrometheusSource(url).read(WINDOW)


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "http://", "not an address"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(PlatformError, match="no address"):
        PrometheusSource(url).read(WINDOW)


def test_a_password_in_the_address_is_not_shown() -> None:
    with pytest.raises(Unavailable) as raised:
        PrometheusSource("http://admin:hunter2@127.0.0.1:1").read(WINDOW)
    assert "hunter2" not in str(raised.value)


def test_the_token_is_sent(stub: Stub) -> None:
    PrometheusSource(stub.url + "/", token="s3cret").read(WINDOW)
    assert set(stub.tokens) == {"Bearer s3cret"}


def test_ten_times_too_many_series(stub: Stub) -> None:
    stub.cluster = Cluster(pods=500)
    with pytest.raises(Misconfigured, match=r"1,000 series for container_cpu_usage_seconds_total.* more than the 100"):
        PrometheusSource(stub.url, max_series=100).read(WINDOW)


def test_an_answer_that_is_too_large_is_not_taken_in(stub: Stub) -> None:
    stub.behave = refusing(200, body([{"metric": {"a": "b" * 500}, "values": [[1, "1"]]}] * 10_000))
    with pytest.raises(Misconfigured, match="more than 1 MiB to one question"):
        PrometheusSource(stub.url, max_bytes=1 << 20).read(WINDOW)


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_taken_in(stub: Stub) -> None:
    bomb = gzip.compress(b" " * (8 << 20))
    stub.behave = lambda handler, query, at: send(handler, bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(Misconfigured, match="more than 1 MiB"):
        PrometheusSource(stub.url, max_bytes=1 << 20).read(WINDOW)


def test_an_answer_without_end_is_given_up(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_connection, "QUESTION_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="does not finish its answer"):
        PrometheusSource(stub.url).read(WINDOW)


def test_silence_is_given_up(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    stub.behave = lambda handler, query, at: ended.wait(10) or True
    monkeypatch.setattr(prometheus_connection, "READ_SECONDS", 0.05)
    try:
        with pytest.raises(Unavailable, match="does not answer \\(timed out\\)"):
            PrometheusSource(stub.url).read(WINDOW)
    finally:
        ended.set()


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again(stub: Stub) -> None:
    source = PrometheusSource(stub.url)
    source.read(WINDOW)
    dropped: list[str] = []

    def drop_once(handler: BaseHTTPRequestHandler, query: str, at: float) -> bool:
        if not dropped:
            dropped.append(query)
            handler.connection.close()
            handler.close_connection = True
            return True
        return False

    stub.behave = drop_once
    assert source.read(WINDOW).frames["pod"].height == 3
    assert dropped


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_not_known(stub: Stub, text: str) -> None:
    def strange(at: float) -> list[dict[str, object]]:
        texts = (text, "7", "8")
        return [{"metric": stub.cluster.cadvisor(i), "values": [[END.timestamp(), t]]} for i, t in enumerate(texts)]

    stub.cluster.extra["container_memory_working_set_bytes"] = strange
    stub.cluster.skip |= {"container_memory_working_set_bytes", "container_memory_rss"}
    reading = PrometheusSource(stub.url).read(WINDOW)
    rows = reading.frames["pod"].sort("uid")
    assert rows["memory_working_set_bytes"].to_list() == [None, 7.0, 8.0]
    (said,) = [f for f in reading.findings if f.code == "not_numbers"]
    assert said.severity is Severity.WARNING
    assert said.message.startswith("1 of ")
    assert rows["memory_rss_bytes"].null_count() == 3


def test_too_large_a_chunk_is_halved(stub: Stub) -> None:
    """Sixteen windows do not fit into the limit, one does."""
    windows = [Window(END - timedelta(seconds=30 * i), END - timedelta(seconds=30 * (i - 1))) for i in range(16, 0, -1)]
    stub.cluster = Cluster(pods=20)
    one = len(body(stub.cluster.answer(f"{CPU}{{}}[30s]", END.timestamp())))
    found = list(PrometheusSource(stub.url, max_bytes=int(one * 1.5)).read_many(windows))
    assert [w for w, _ in found] == windows
    assert all(reading.frames["pod"].height == 20 for _, reading in found)


def test_a_window_in_which_nothing_was_scraped_says_so(stub: Stub) -> None:
    stub.cluster.silent = (END.timestamp() - 60, END.timestamp())
    codes = {f.code for f in PrometheusSource(stub.url).read(WINDOW).findings}
    assert NOT_SAMPLED in codes
    stub.cluster.silent = (END.timestamp() - 60, END.timestamp() - 15)
    stub.cached.clear()
    codes = {f.code for f in PrometheusSource(stub.url).read(WINDOW).findings}
    assert NOT_SAMPLED not in codes


def test_scrapes_further_apart_than_ticks_are_no_gap(stub: Stub) -> None:
    stub.cluster.scrape = 60
    for i in range(4):
        end = END - timedelta(seconds=30 * i)
        findings = PrometheusSource(stub.url).read(Window(end - timedelta(seconds=30), end)).findings
        assert NOT_SAMPLED not in {f.code for f in findings}
        assert "scraped_slowly" in {f.code for f in findings}


MISSING = [
    (CPU, "missing_cadvisor"),
    ("kube_pod_info", "missing_kube_state_metrics"),
    ("node_cpu_seconds_total", "missing_node_exporter"),
    ("traefik_service_requests_total", "missing_traefik"),
]


@pytest.mark.parametrize(("metric", "code"), MISSING)
def test_an_exporter_that_is_missing_is_named(stub: Stub, metric: str, code: str) -> None:
    before = {f.code for f in PrometheusSource(stub.url).read(WINDOW).findings}
    assert (code in before) == (code == "missing_traefik")
    stub.cluster.skip.add(metric)
    stub.cached.clear()
    reading = PrometheusSource(stub.url, jobs=Jobs(cadvisor="cadvisor")).read(WINDOW)
    assert code in {f.code for f in reading.findings}


def test_targets_that_do_not_answer_are_named(stub: Stub) -> None:
    down = {"metric": {"job": "kubelet", "instance": "node-9"}, "values": [[END.timestamp(), "0"]]}
    stub.cluster.extra["up"] = lambda at: [down]
    found = {f.code: f.message for f in PrometheusSource(stub.url).read(WINDOW).findings}
    assert found["targets_down"] == "Prometheus cannot scrape kubelet (node-9)."


def test_the_oldest_scrape_is_found(stub: Stub) -> None:
    born = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9, hours=5, minutes=7)
    stub.cluster.born = born.timestamp()
    oldest = PrometheusSource(stub.url).oldest()
    assert oldest is not None
    assert timedelta(0) <= oldest - born <= timedelta(minutes=1)
    stub.cluster.born = float("inf")
    assert PrometheusSource(stub.url).oldest() is None


def test_one_question_a_metric_however_many_pods(stub: Stub) -> None:
    PrometheusSource(stub.url).read(WINDOW)
    few = len(stub.asked)
    stub.asked.clear()
    stub.cluster = Cluster(pods=300)
    stub.cached.clear()
    reading = PrometheusSource(stub.url).read(WINDOW)
    assert len(stub.asked) == few == len(set(stub.asked))
    assert reading.frames["pod"].height == 300
    assert {q.name: q.series for q in reading.queries}["cpu_usage"] == 600


def test_the_machines_are_found_by_their_address(stub: Stub) -> None:
    rows = PrometheusSource(stub.url).read(WINDOW).frames["node"].sort("node")
    assert rows["node"].to_list() == ["node-0", "node-1"]
    t = END.timestamp()
    # two cores; guest time is part of user time and not counted again
    assert rows["cpu_seconds_total"].to_list() == pytest.approx([2 * t, 2 * t])
    assert rows["cpu_idle_seconds_total"].to_list() == pytest.approx([1.2 * t, 1.2 * t])
    assert rows.select(pl.col("load1").null_count()).item() == 2
