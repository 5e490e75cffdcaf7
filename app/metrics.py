"""/metrics: the platform's own health for the operator's Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app import container
from app.auth import sessions
from app.container import Container
from app.logs import logger
from app.services import collection, present
from models.domain.access import Permission
from models.domain.errors import PlatformError
from models.store import jobs
from models.store import mail as outbox

log = logger(__name__)


class Platform(Collector):
    """Reads everything at the scrape; a part that does not answer is missing and counted in `moorage_metrics_problems`."""

    def __init__(self, live: Container) -> None:
        self._live = live

    def collect(self) -> Iterable[Metric]:
        problems = 0
        for part in (self._sources, self._coverage, self._warehouse, self._jobs):
            try:
                yield from list(part())
            except PlatformError as error:
                problems += 1
                log.warning("metrics are incomplete", part=part.__name__, error=error)
        yield GaugeMetricFamily("moorage_metrics_problems", "Parts of this page that could not be read", value=problems)

    def _sources(self) -> Iterator[Metric]:
        if self._live.collector is None:
            return
        now = self._live.clock.now()
        lag = GaugeMetricFamily("moorage_collection_lag_seconds", "Seconds since the last successful tick", labels=["source"])
        last = GaugeMetricFamily("moorage_collection_last_tick_timestamp_seconds", "Time of the last tick", labels=["source"])
        failing = GaugeMetricFamily("moorage_collection_failing", "1 while a source fails", labels=["source"])
        took = GaugeMetricFamily("moorage_collection_tick_seconds", "Duration of the last tick", labels=["source"])
        query = GaugeMetricFamily(
            "moorage_collection_query_seconds", "Duration of a question to a source", labels=["source", "query"]
        )
        series = GaugeMetricFamily("moorage_collection_query_series", "Series that a question answered", labels=["source", "query"])
        finding = GaugeMetricFamily(
            "moorage_collection_finding",
            "1 for each flaw of the data: missing exporters, labels that do not cover",
            labels=["source", "code", "severity"],
        )
        for health in self._live.collector.health():
            if health.last_success_at is not None:
                lag.add_metric([health.source], (now - health.last_success_at).total_seconds())
            if health.last_tick is not None:
                last.add_metric([health.source], health.last_tick.timestamp())
            failing.add_metric([health.source], float(health.failing_since is not None))
            took.add_metric([health.source], health.tick_seconds)
            for report in health.queries:
                query.add_metric([health.source, report.name], report.seconds)
                series.add_metric([health.source, report.name], report.series)
            for code, severity in sorted({(f.code, f.severity.value) for f in health.findings}):
                finding.add_metric([health.source, code, severity], 1)
        yield from (lag, last, failing, took, query, series, finding)

    def _coverage(self) -> Iterator[Metric]:
        """Absent while the cluster or its current samples are not known: that is told by the sources."""
        if self._live.collector is None:
            return
        now = self._live.clock.now()
        try:
            snapshot = self._live.cluster.snapshot()
        except PlatformError:
            return
        fresh = present.of_now(self._live.cluster.current("pod"), now, self._live.settings.tick)
        share, _ = collection.covered(snapshot, fresh, now)
        if share is not None:
            name = "moorage_collection_covered_containers_ratio"
            yield GaugeMetricFamily(name, "Share of running containers whose CPU and memory arrive", value=share)

    def _warehouse(self) -> Iterator[Metric]:
        found = self._live.owned_warehouse().health()
        by_source = ["cluster", "source"]
        ticks = GaugeMetricFamily("moorage_warehouse_ticks", "Ticks that are stored", labels=by_source)
        gaps = GaugeMetricFamily(
            "moorage_warehouse_ticks_missing", "Ticks between first and newest that are missing", labels=by_source
        )
        lost = GaugeMetricFamily("moorage_warehouse_ticks_lost", "Ticks that can never be filled again", labels=by_source)
        rolled = GaugeMetricFamily(
            "moorage_warehouse_rollup_lag_seconds", "Newest finished window to newest tick", labels=by_source
        )
        for source in found.sources:
            labels = [source.cluster, source.source]
            ticks.add_metric(labels, source.ticks)
            gaps.add_metric(labels, source.missing)
            lost.add_metric(labels, source.lost)
            if source.rollup_lag_seconds is not None:
                rolled.add_metric(labels, source.rollup_lag_seconds)
        rows = GaugeMetricFamily("moorage_warehouse_rows", "Rows of a table", labels=["table"])
        for table in found.tables:
            rows.add_metric([table.table], table.rows)
        yield from (ticks, gaps, lost, rolled, rows)
        if found.bytes is not None:
            yield GaugeMetricFamily("moorage_warehouse_bytes", "Size of the warehouse", value=found.bytes)
        yield GaugeMetricFamily("moorage_warehouse_days_unsorted", "Days that wait for sorting", value=found.days_unsorted)

    def _jobs(self) -> Iterator[Metric]:
        now = self._live.clock.now()
        with self._live.store.reading() as session:
            counted = jobs.tally(session, since=now - timedelta(days=1))
            waiting = len(outbox.due(session, now, limit=10_000))
        family = GaugeMetricFamily("moorage_job_occurrences", "Occurrences due within a day, by state", labels=["job", "state"])
        for (name, state), number in sorted(counted.items()):
            family.add_metric([name, state], number)
        yield family
        yield GaugeMetricFamily("moorage_mails_waiting", "Mails that were not handed over yet", value=waiting)


def build(live: Container) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(Platform(live))
    return registry


async def metrics(request: Request) -> Response:
    """For scrapers of this machine or with a token, which the gate lets through, and for signed-in staff."""
    live = container.current()
    token_hash = request.headers.get("x-portal-sid")
    if token_hash is not None:
        signed = await run_in_threadpool(sessions.resolve, live.store, token_hash, live.clock.now())
        if signed is None or not signed.actor.may(Permission.SEE_CLUSTER):
            return Response("not permitted\n", 403, media_type="text/plain")
    body = await run_in_threadpool(generate_latest, build(live))
    return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4)
