"""An app of the bed that was put on record is asked whether it answers, and what it answered arrives in the warehouse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app import container
from app.context import Context
from app.services import adoption
from collectors.collect import Collector
from collectors.sources.prober import HttpProber
from models.domain.access import job_actor
from models.domain.clock import SystemClock
from tests.live.conftest import TICK, Live, now, until
from tests.stories import Cluster, a_customer, fresh_sqlite

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def ingress() -> Iterator[str]:
    """The bed's ingress where it has one; else something that answers in its place."""
    if found := os.environ.get("INGRESS_URL"):
        yield found
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_adopted_app_is_asked_and_its_answer_arrives(live: Live, ingress: str, tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path)
    snapshot = live.inventory.snapshot()
    namespace, address = sorted(snapshot.namespaces)[0], "http://adopted.example.test/"
    with store.transaction() as session:
        ctx = Context(session, live.warehouse, Cluster(snapshot), job_actor("test"), now())
        home = a_customer(session, now=now()).organization.id
        adoption.adopt(ctx, organization_id=home, name="adopted", namespace=namespace, address=address)
    prober = HttpProber(ingress)
    live.collector = Collector(
        metrics=live.metrics,
        inventory=live.inventory,
        warehouse=live.warehouse,
        latest=live.latest,
        clock=SystemClock(),
        interval=TICK,
        prober=prober,
        targets=lambda: container._targets(store, snapshot.cluster),
        probe_interval=timedelta(seconds=5),
    )
    live.collector.start()
    asked = "SELECT status FROM probe WHERE namespace = ? AND address = ?"
    try:
        until(lambda: live.warehouse.query(asked, [namespace, address]).height, 60, "the probe arrives")
    finally:
        live.collector.stop()
        prober.close()
        store.close()
    # the bed's ingress knows no such host and says so; either way it was an answer, not a silence
    assert set(live.warehouse.query(asked, [namespace, address])["status"]) <= {204, 404}
