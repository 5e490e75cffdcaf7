"""Latency through a real Traefik: what arrives equals its own histogram at the same instant, and the quantiles are PromQL's."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest

from collectors.sources.port import Window
from models.domain import latency
from tests.live.conftest import TICK, Bed, Live, now, until
from tests.live.test_real_node import HOST as OTHER_HOST
from tests.live.test_real_node import OBJECTS
from tests.live.test_real_node import SPACE as OTHER_SPACE

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
SPACE, HOST = "latency-live", "latency.example.test"
SECONDS = timedelta(seconds=60)
BUCKETS = f'traefik_service_request_duration_seconds_bucket{{service=~"{SPACE}-web-80@.*"}}'
COUNT = BUCKETS.replace("_bucket", "_count")
SHARES = (0.5, 0.95, 0.99)


@pytest.fixture(scope="module")
def busy(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that is asked all the time, every tenth time for something that takes a while."""
    kept = [one for one in OBJECTS if one["kind"] != "Pod" or one["metadata"]["name"] == "web"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": kept}).replace(OTHER_SPACE, SPACE).replace(OTHER_HOST, HOST)
    manifest = tmp_path_factory.mktemp("apps") / "latency.json"
    manifest.write_text(text)
    bed.kubectl("create", "namespace", SPACE)
    until(lambda: "default" in bed.kubectl("get", "serviceaccounts", "-n", SPACE, "-o", "name"), 30, "the namespace is ready")
    bed.kubectl("apply", "-f", str(manifest))
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=os.environ["INGRESS_URL"], headers={"Host": HOST}, timeout=30) as client:
            asked = 0
            while not ended.wait(0.1):
                asked += 1
                client.get("/slow?seconds=0.4" if asked % 10 == 0 else "/healthz")

    until(
        lambda: httpx.get(os.environ["INGRESS_URL"] + "/healthz", headers={"Host": HOST}).status_code == 200,
        60,
        "the app answers through the ingress",
    )
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    yield SPACE
    ended.set()
    asking.join(40)
    bed.kubectl("delete", "namespace", SPACE, "--timeout=90s")


def counts(row: dict[str, float | None], suffix: str = "") -> dict[float, float]:
    known = {bound: row[latency.within(bound) + suffix] for bound in latency.BOUNDS}
    return {bound: value for bound, value in known.items() if value is not None}


def test_latency_is_that_of_promql_at_the_same_instant_and_over_a_time(live: Live, busy: str) -> None:
    began = now()
    until(lambda: now() > began + SECONDS + 3 * TICK, 120, "a minute of requests")
    end = datetime.fromtimestamp(int(now().timestamp()) // 5 * 5 - 5, tz=UTC)
    windows = [Window(end - TICK * (i + 1), end - TICK * i) for i in range(SECONDS // TICK, -1, -1)]
    readings = list(live.metrics.read_many(windows))
    frames = [r.frames["ingress"].with_columns(pl.lit(w.end).alias("tick")) for w, r in readings]
    rows = pl.concat(frames).filter(pl.col("namespace") == busy).sort("ts")
    assert rows.height >= len(windows) - 2, "one row a tick"
    assert rows["target"].unique().to_list() == ["web:80"]
    assert {f.code for _, r in readings for f in r.findings} & {"ingress_untimed", "ingress_bounds"} == set()

    # what is stored at an instant is what Traefik counted then
    last = rows.row(-1, named=True)
    at = last["tick"]
    theirs = {
        float(one["metric"]["le"]): float(one["value"][1])
        for one in live.bed.promql(f"sum by (le) (last_over_time({BUCKETS}[{TICK.seconds}s]))", at)
    }
    ours = counts(last) | {float("inf"): last["timed_requests_total"]}
    assert ours == theirs
    assert last["timed_requests_total"] == last["requests_total"]
    for share in SHARES:
        query = f"histogram_quantile({share}, sum by (le) (last_over_time({BUCKETS}[{TICK.seconds}s])))"
        found = latency.quantile(share, counts(last), last["timed_requests_total"])
        assert found is not None
        assert found.seconds == pytest.approx(live.bed.scalar(query, at))

    # over a minute: increases by the law of counters, and PromQL's within what the distance of its extrapolation allows
    first = rows.row(0, named=True)
    grown = {bound: value - counts(first)[bound] for bound, value in counts(last).items()}
    total = last["timed_requests_total"] - first["timed_requests_total"]
    asked = live.bed.scalar(f"sum(increase({COUNT}[60s]))", at)
    seconds = (last["ts"] - first["ts"]).total_seconds()
    assert total / seconds == pytest.approx(asked / 60, rel=0.1)
    found = latency.quantile(0.95, grown, total)
    assert found is not None
    theirs_p95 = live.bed.scalar(f"histogram_quantile(0.95, sum by (le) (rate({BUCKETS}[60s])))", at)
    assert found.above <= theirs_p95 <= found.upto
    assert found.seconds == pytest.approx(theirs_p95, rel=0.1)
    assert found.upto > 0.4, "a tenth of the answers took 0.4 s"


def test_windows_hold_what_was_counted(live: Live, busy: str) -> None:
    """The same through collector, warehouse and roll-up."""
    live.collector.start()
    ask = live.warehouse.query
    counted = "SELECT count(*) FROM ingress_sample WHERE namespace = ? AND timed_requests_total > 0"
    until(lambda: ask(counted, [busy]).item() >= 5, 90, "samples with times are stored")
    live.collector.stop()
    edges = ask(
        "SELECT max(timed_requests_total) - min(timed_requests_total) AS n, max(requests_within_300ms_total) - "
        "min(requests_within_300ms_total) AS w, max(request_seconds_total) - min(request_seconds_total) AS s "
        "FROM ingress_sample WHERE namespace = ?",
        [busy],
    ).row(0)
    live.warehouse.rollup(now() + timedelta(minutes=30))
    sums = ask(
        "SELECT sum(timed_requests_total_inc), sum(requests_within_300ms_total_inc), sum(request_seconds_total_inc) "
        "FROM ingress_5m WHERE namespace = ?",
        [busy],
    ).row(0)
    assert sums == pytest.approx(edges)
    assert edges[0] > 0


OUTSIDE = 'traefik_open_connections{entrypoint!~"traefik|metrics"}'


def test_connections_and_reloads_are_those_that_traefik_counts(live: Live, busy: str) -> None:
    """At one instant as PromQL; a new Ingress is a configuration more, taken after it was made."""

    def read() -> tuple[dict[str, float | None], datetime]:
        end = datetime.fromtimestamp(int(now().timestamp()) // 5 * 5 - 5, tz=UTC)
        reading = live.metrics.read(Window(end - TICK, end))
        assert "ingress_processes_untold" not in {f.code for f in reading.findings}
        (row,) = reading.frames["ingress_process"].iter_rows(named=True)
        return row, end

    row, at = read()

    def theirs(what: str) -> float:
        return live.bed.scalar(f"sum(last_over_time({what}[{TICK.seconds}s]))", at)

    assert row["open_connections"] == theirs(OUTSIDE) >= 1, "the one that asks all the time"
    assert row["config_reloads_total"] == theirs("traefik_config_reloads_total") >= 1
    age, up = row["config_age_seconds"], row["uptime_seconds"]
    assert age is not None
    assert up is not None
    assert row["ts"].timestamp() - age == pytest.approx(theirs("traefik_config_last_reload_success"), abs=1)
    assert row["ts"].timestamp() - up == pytest.approx(theirs('process_start_time_seconds{job="traefik"}'), abs=1)
    made = now()
    live.bed.kubectl("create", "ingress", "another", "-n", busy, "--class=traefik", "--rule=another.example.test/*=web:80")
    until(lambda: (read()[0]["config_reloads_total"] or 0) > (row["config_reloads_total"] or 0), 60, "the new Ingress is taken")
    after, _ = read()
    assert after["config_age_seconds"] is not None
    assert after["ts"] - timedelta(seconds=after["config_age_seconds"]) >= made - timedelta(seconds=1)
