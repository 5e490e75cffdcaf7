"""Parts of the bed stop and come back: it is said, and what can be filled is filled. Each test leaves the bed as it was."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from collectors.sources import prometheus_connection
from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.prometheus import PrometheusSource
from models.domain.clock import SystemClock
from models.domain.errors import Misconfigured, Unavailable
from tests.live.conftest import TICK, Bed, Live, now, until
from tests.live.wire import Wire

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
RBAC = Path(__file__).resolve().parents[2] / "deploy" / "collector-rbac.yaml"


@pytest.fixture
def wire(bed: Bed) -> Iterator[Wire]:
    made = Wire(bed.prometheus)
    made.join()
    yield made
    made.cut()


def test_prometheus_out_of_reach_is_said_and_its_gap_is_filled(live: Live, wire: Wire) -> None:
    live.metrics = PrometheusSource(f"http://127.0.0.1:{wire.port}", inventory=live.inventory)
    live.collector = type(live.collector)(
        metrics=live.metrics,
        inventory=live.inventory,
        warehouse=live.warehouse,
        latest=live.latest,
        clock=SystemClock(),
        interval=TICK,
    )
    live.collector.start()
    first = until(lambda: live.of("prometheus").last_tick, 40, "first tick")
    wire.cut()
    until(lambda: live.of("prometheus").failing_since, 30, "the outage is noticed")
    assert "does not answer (connection refused). Check that it runs" in live.of("prometheus").problem
    stuck = live.of("prometheus").last_tick
    assert stuck is not None
    until(lambda: now() - stuck > 7 * TICK, 60, "the outage lasts some ticks")
    assert live.of("prometheus").last_tick == stuck
    assert live.of("kubernetes").problem == ""
    wire.join()
    until(lambda: live.of("prometheus").failing_since is None, 30, "it recovers")

    def whole() -> bool:
        upto = live.of("prometheus").last_tick
        assert upto is not None
        return not live.warehouse.gaps(first, upto, TICK.total_seconds(), "prometheus")

    until(whole, 30, "the gap is filled")
    statuses = live.warehouse.query("SELECT status, min(n_rows) FROM tick WHERE source = 'prometheus' GROUP BY status").rows()
    assert len(statuses) == 1
    assert statuses[0][0] == "ok"
    assert statuses[0][1] > 50


def test_a_prometheus_that_stands_still_is_given_up_and_comes_back(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_connection, "READ_SECONDS", 1.0)
    source = PrometheusSource(live.bed.prometheus)
    live.bed.command("pause", "prometheus")
    try:
        with pytest.raises(Unavailable, match=r"does not answer \(timed out\)"):
            source.oldest()
    finally:
        live.bed.command("resume", "prometheus")
    assert until(lambda: _oldest(source), 30, "it answers again")


def _oldest(source: PrometheusSource) -> object:
    try:
        return source.oldest()
    except Unavailable:
        return None


def test_the_api_server_is_killed_and_comes_back(live: Live) -> None:
    before = set(live.inventory.snapshot().pods)
    live.collector.tick(now())
    live.bed.command("kill", "apiserver")
    try:
        stale = until(lambda: live.inventory.snapshot().stale_since, 20, "staleness")
        seen = live.inventory.snapshot()
        assert seen.as_of == stale
        assert set(seen.pods) == before, "the last known state stays"
        assert "does not answer" in seen.trouble or "ended" in seen.trouble
        live.collector.tick(now() + TICK)
        # between the two the watch tried again: the name of the exception (refused, reset, ended) is another, the sentence is not
        assert re.sub(r"\(\w+\)", "", live.of("kubernetes").problem) == re.sub(r"\(\w+\)", "", seen.trouble)
        assert live.of("kubernetes").failing_since is not None
    finally:
        live.bed.command("start", "apiserver")
    until(lambda: live.inventory.snapshot().stale_since is None, 60, "it is watched again")
    live.collector.tick(now() + 2 * TICK)
    assert live.of("kubernetes").problem == ""
    until(lambda: set(live.inventory.snapshot().pods) == before, 30, "the same pods as before")


def test_a_node_without_power_is_not_ready_within_thirty_seconds(live: Live) -> None:
    live.collector.tick(now())
    live.bed.command("node", "off", "node-3")
    try:
        until(lambda: live.inventory.snapshot().nodes["node-3"].ready is not True, 30, "node-3 is not ready")
        live.collector.tick(now() + TICK)
        states = live.warehouse.query("SELECT phase FROM node_state WHERE node = 'node-3' ORDER BY ts, tick")["phase"].to_list()
        assert states[0] == "Ready"
        assert states[-1] in ("Unknown", "NotReady")
    finally:
        live.bed.command("node", "on", "node-3")
    until(lambda: live.inventory.snapshot().nodes["node-3"].ready, 60, "node-3 is ready again")


@pytest.fixture
def account(bed: Bed, tmp_path: Path) -> Path:
    """A kubeconfig with a token of the service account that deploy/collector-rbac.yaml makes."""
    bed.kubectl("apply", "-f", str(RBAC))
    until(lambda: _may(bed, "pods"), 20, "the rights are known to the API server")
    token = bed.kubectl("create", "token", "moorage-collector", "-n", "moorage", "--duration=10m").strip()
    config = yaml.safe_load(bed.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_service_account_sees_everything_that_is_collected_and_nothing_else(live: Live, account: Path) -> None:
    mine = KubernetesInventory(account, clock=SystemClock())
    mine.start()
    try:
        assert mine.wait(30)
        # the bed's own kubeconfig does not check the server's certificate, and that is said
        assert {f.code for f in mine.findings()} <= {"unverified_tls"}
        assert set(mine.snapshot().pods) == set(live.inventory.snapshot().pods)
        assert set(mine.snapshot().nodes) == set(live.inventory.snapshot().nodes)
    finally:
        mine.stop()
    granted = json.loads(live.bed.kubectl("get", "clusterrole", "moorage-collector", "-o", "json"))["rules"]
    assert {verb for rule in granted for verb in rule["verbs"]} == {"get", "list", "watch"}
    for what in ("secrets", "configmaps", "pods/log"):
        assert not _may(live.bed, what), what
    assert _may(live.bed, "pods")


def _may(bed: Bed, what: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:moorage:moorage-collector",
            "resourceAttributes": {"verb": "list", "resource": what.split("/")[0], "subresource": what.partition("/")[2]},
        },
    }
    path = Path(os.environ["MOORAGE_TESTBED_DIR"]) / "review.json"
    path.write_text(json.dumps(review))
    try:
        found = json.loads(bed.kubectl("create", "-f", str(path), "-o", "json"))
    finally:
        path.unlink()
    return bool(found["status"]["allowed"])


def test_an_expired_token_has_a_sentence(account: Path) -> None:
    config = yaml.safe_load(account.read_text())
    for user in config["users"]:
        user["user"]["token"] += "x"
    account.write_text(yaml.safe_dump(config))
    inventory = KubernetesInventory(account, clock=SystemClock())
    inventory.start()
    try:
        message = until(lambda: _problem(inventory), 20, "the refusal")
    finally:
        inventory.stop()
    assert "refuses the credentials" in message
    assert "(401)" in message


def _problem(inventory: KubernetesInventory) -> str:
    try:
        inventory.snapshot()
    except Misconfigured as error:
        return str(error)
    except Unavailable:
        return ""
    return ""
