"""An app of the bed that was put on record is asked whether it answers, and so is what an Ingress of a mapped namespace names."""

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
from app.services import adoption, mapping
from collectors.collect import Collector
from collectors.sources.port import ProbeTarget
from collectors.sources.prober import HttpProber
from models.domain.access import job_actor
from models.domain.clock import SystemClock
from models.domain.mapping import DEFAULT_LABELS
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
        targets=lambda: container._targets(store, snapshot.cluster, live.inventory.snapshot, DEFAULT_LABELS),
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


def test_the_hosts_of_a_mapped_namespaces_ingress_are_asked(live: Live, tmp_path: Path) -> None:
    store = fresh_sqlite(tmp_path)
    name = f"named-{os.getpid()}"
    namespace, host = sorted(live.inventory.snapshot().namespaces)[0], f"{name}.example.test"

    def targets() -> list[ProbeTarget]:
        return list(container._targets(store, "default", live.inventory.snapshot, DEFAULT_LABELS))

    live.bed.kubectl("create", "ingress", name, "-n", namespace, f"--rule={host}/shop=web:80", f"--rule=*.{host}/=web:80")
    try:
        until(lambda: f"http://{host}/shop" in live.inventory.snapshot().addresses.get(namespace, ()), 60, "the Ingress is seen")
        assert targets() == [], "it is nobody's"
        with store.transaction() as session:
            ctx = Context(session, live.warehouse, Cluster(live.inventory.snapshot()), job_actor("test"), now())
            mapping.assign(ctx, namespace=namespace, organization_id=a_customer(session, now=now()).organization.id)
        assert ProbeTarget(f"http://{host}/shop", namespace) in targets()
        live.bed.kubectl("delete", "ingress", name, "-n", namespace)
        until(lambda: ProbeTarget(f"http://{host}/shop", namespace) not in targets(), 60, "the Ingress is gone")
    finally:
        live.bed.kubectl("delete", "ingress", name, "-n", namespace, "--ignore-not-found")
        store.close()
