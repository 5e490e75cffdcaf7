"""`moorage up` on the test bed as its user starts it: what API, views and pages say is what kubectl and PromQL say."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import psutil
import pytest
from kubernetes.utils.quantity import parse_quantity

from app.ui.format import formatter
from tests.live.conftest import Bed, now, until
from tests.live.looks import Looks, looking
from tests.live.portal import PATIENCE, Portal, running
from tests.live.wire import Wire

pytestmark = [pytest.mark.cluster, pytest.mark.browser, pytest.mark.xdist_group("bed")]
TICK = 5
OUTAGE_TICKS = int(os.environ.get("MOORAGE_TEST_OUTAGE_TICKS", "10"))
"""Of Prometheus out of reach: a minute in CI; 60 were tried by hand."""
FAKE = "node-"
"""Nodes whose usage is played evenly; those of the real one come in cAdvisor's own rhythm."""
TOLD = formatter("en", "UTC")
MEMORY = 'container_memory_working_set_bytes{container!="",node=~"node-.*"}'
CPU = 'container_cpu_usage_seconds_total{container!="",node=~"node-.*"}'


@pytest.fixture(scope="module")
def wire(bed: Bed) -> Iterator[Wire]:
    made = Wire(bed.prometheus)
    made.join()
    yield made
    made.cut()


@pytest.fixture(scope="module")
def portal(bed: Bed, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One running product for all tests here; what its namespaces belong to is said by the bed's own label."""
    words = ["--kubeconfig", str(bed.kubeconfig), "--prometheus", f"http://127.0.0.1:{wire.port}"]
    data = tmp_path_factory.mktemp("product") / "data"
    with running(data, words, tick_seconds=str(TICK), organization_label="example.com/customer") as portal:
        until(lambda: source(portal, "prometheus")["last_tick"], PATIENCE, "the first tick")
        until(lambda: all(pod["cpu_used"] is not None for pod in played(portal)), PATIENCE, "rates of all pods")
        yield portal


@pytest.fixture(scope="module")
def looks(portal: Portal) -> Iterator[Looks]:
    with looking(portal.url, portal.admin.cookies["sid"]) as made:
        yield made


def source(portal: Portal, name: str) -> Any:
    return next(one for one in portal.get("/collection")["sources"] if one["source"] == name)


def missing(portal: Portal, since: datetime) -> list[Any]:
    """Gaps after `since`; what Prometheus itself missed before that is none of ours."""
    gaps = portal.get("/collection")["gaps"]
    return [gap for gap in gaps if gap["source"] == "prometheus" and datetime.fromisoformat(gap["end"]) > since]


def played(portal: Portal) -> list[Any]:
    return [pod for pod in portal.every("/pods") if (pod["node"] or "").startswith(FAKE) and pod["phase"] == "Running"]


def listed(bed: Bed, what: str) -> list[Any]:
    found: list[Any] = json.loads(bed.kubectl("get", what, "-A", "-o", "json"))["items"]
    return found


def quantity(text: str) -> float:
    return float(parse_quantity(text))


def asked_for(pod: Mapping[str, Any], resource: str) -> float:
    """What its containers ask for together; no pod of the bed has a larger container before them, or an overhead."""
    return sum((quantity(one["resources"].get("requests", {}).get(resource, "0")) for one in pod["spec"]["containers"]), 0.0)


def placed(pod: Mapping[str, Any]) -> bool:
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] not in ("Succeeded", "Failed")


def by_namespace(bed: Bed, query: str, at: datetime) -> dict[str, float]:
    found = bed.promql(f"sum by (namespace) ({query})", at)
    return {one["metric"]["namespace"]: float(one["value"][1]) for one in found}


def test_namespaces_find_their_organization_by_label(portal: Portal, looks: Looks, bed: Bed) -> None:
    wanted = {"name": "Kopi Senja", "label": "customer-0000"}
    made = portal.api.post("/api/v1/organizations", json=wanted, headers={"Idempotency-Key": "the-first-one"})
    assert made.status_code == 201, made.text
    theirs = {
        one["metadata"]["name"]
        for one in listed(bed, "namespaces")
        if one["metadata"].get("labels", {}).get("example.com/customer") == "customer-0000"
    }
    assert theirs

    def owned() -> bool:
        rows = [row for row in portal.every("/mapping") if row["organization"] == "Kopi Senja"]
        return {row["namespace"] for row in rows} == theirs and all("label" in row["via"] for row in rows)

    until(owned, 30, "the label's namespaces are theirs")
    pods = portal.every("/pods", organization=made.json()["id"])
    assert {pod["namespace"] for pod in pods} == theirs
    looks.open(f"pod?uid={pods[0]['uid']}")
    looks.comes("Kopi Senja")


def test_counts_equal_kubectl(portal: Portal, looks: Looks, bed: Bed) -> None:
    pods, nodes = listed(bed, "pods"), listed(bed, "nodes")
    held = Counter((pod["metadata"]["namespace"], pod["status"]["phase"]) for pod in pods)
    ours = portal.every("/pods")
    assert Counter((pod["namespace"], pod["phase"]) for pod in ours) == held
    ready = {
        node["metadata"]["name"]: any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
        for node in nodes
    }
    rows = {row["name"]: row for row in portal.every("/nodes")}
    assert {name: row["state"] in ("ready", "cordoned") for name, row in rows.items()} == ready
    for node in nodes:
        name, given = node["metadata"]["name"], node["status"]["allocatable"]
        on = [pod for pod in pods if pod["spec"].get("nodeName") == name and placed(pod)]
        for resource in ("cpu", "memory"):
            assert rows[name]["allocatable"][resource] == pytest.approx(quantity(given[resource]))
            assert rows[name]["requests"][resource] == pytest.approx(sum(asked_for(pod, resource) for pod in on))
        assert rows[name]["requests"]["pods"] == len(on)
        assert rows[name]["allocatable"]["pods"] == int(given["pods"])
    counts = portal.get("/overview")["counts"]
    living = sum(n for (_, phase), n in held.items() if phase not in ("Succeeded", "Failed"))
    assert (counts["nodes"], counts["nodes_ready"], counts["pods"]) == (len(nodes), sum(ready.values()), living)

    newest = (
        "SELECT namespace, phase, uid FROM pod_state "
        "QUALIFY row_number() OVER (PARTITION BY uid, container ORDER BY ts DESC, tick DESC) = 1"
    )
    question = f"SELECT namespace, phase, count(DISTINCT uid) AS n FROM ({newest}) WHERE phase <> 'Gone' GROUP BY ALL"
    stored = json.loads(portal.command("warehouse", "sql", question, "--format", "json"))
    assert {(row["namespace"], row["phase"]): row["n"] for row in stored} == dict(held)

    looks.open("cluster")
    looks.comes(f"{sum(ready.values())} of {len(nodes)} nodes ready", f"of {len(pods)} pods healthy")
    looks.open("overview")
    looks.comes(f"{counts['pods_up']} of {living}", f"{sum(ready.values())} of {len(nodes)} nodes")
    one = rows["node-1"]
    looks.open("node?name=node-1")
    looks.comes(
        f"{one['requests']['pods']} of {one['allocatable']['pods']}",
        *(
            f"{shown(one['requests'][kind])} of {shown(one['allocatable'][kind])} requested"
            for kind, shown in (("memory", TOLD.bytes), ("cpu", TOLD.cores))
        ),
    )


def test_gauges_equal_promql_at_the_tick(portal: Portal, looks: Looks, bed: Bed) -> None:
    def equal() -> list[Any]:
        """Memory equals at every tick; CPU at one that came in time, for a rate after a late one spans more than two scrapes."""
        pods, in_time = played(portal), True
        assert len(pods) >= 80
        for at in {datetime.fromisoformat(pod["measured_at"]) for pod in pods}:
            here = {(pod["namespace"], pod["name"]): pod for pod in pods if datetime.fromisoformat(pod["measured_at"]) == at}
            memory = {(s["metric"]["namespace"], s["metric"]["pod"]): float(s["value"][1]) for s in bed.promql(MEMORY, at)}
            assert {key: pod["memory_used"] for key, pod in here.items()} == {key: memory[key] for key in here}
            # the last two samples up to that moment: what a rate is made of here too
            grown = bed.promql(f"irate({CPU}[{4 * TICK}s])", at)
            cpu = {(s["metric"]["namespace"], s["metric"]["pod"]): float(s["value"][1]) for s in grown}
            in_time &= {key: pod["cpu_used"] for key, pod in here.items()} == pytest.approx(
                {key: cpu[key] for key in here}, rel=1e-6
            )
        return pods if in_time else []

    pods = until(equal, PATIENCE, "CPU of every pod equals irate of its last two scrapes")
    tick = datetime.fromisoformat(source(portal, "prometheus")["last_tick"])
    question = (
        "SELECT namespace, sum(memory_working_set_bytes) AS used, sum(memory_request_bytes) AS asked, sum(cpu_request_cores) AS cores "
        f"FROM pod_sample WHERE tick = TIMESTAMP '{tick:%Y-%m-%d %H:%M:%S}' AND node LIKE 'node-%' GROUP BY namespace"
    )
    stored = json.loads(portal.command("warehouse", "sql", question, "--format", "json"))
    assert len(stored) == 27
    asked = 'kube_pod_container_resource_requests{{node=~"node-.*",resource="{}"}}'
    for name, query in (("used", MEMORY), ("asked", asked.format("memory")), ("cores", asked.format("cpu"))):
        theirs = by_namespace(bed, f"last_over_time({query}[{TICK}s])", tick)
        assert {row["namespace"]: row[name] for row in stored} == pytest.approx(theirs, rel=1e-9), name

    question = (
        f"SELECT node, memory_available_bytes AS m, memory_allocatable_bytes AS a FROM node_sample WHERE tick = '{tick:%F %T}'"
    )
    rows = json.loads(portal.command("warehouse", "sql", question, "--format", "json"))
    for name, query in (("m", "node_memory_MemAvailable_bytes"), ("a", 'kube_node_status_allocatable{resource="memory"}')):
        found = bed.promql(f"max by (node) (last_over_time({query}[{TICK}s]))", tick)
        theirs = {s["metric"]["node"]: float(s["value"][1]) for s in found}
        assert {row["node"]: row[name] for row in rows} == theirs, name

    # a pod's memory is played as one number, so that a page that is newer by a tick says the same
    steady = pods[0]
    looks.open(f"pod?uid={steady['uid']}")
    looks.comes(f"{TOLD.bytes(steady['memory_used'])} of ")
    seen = portal.get("/overview")["utilization"]
    # what a taint keeps apart is no room for customers: on a bed with a real node that are the played ones
    nodes = {one["metadata"]["name"]: one for one in listed(bed, "nodes")}
    free = {name for name, one in nodes.items() if not one["spec"].get("taints")} or set(nodes)
    memory = sum(asked_for(pod, "memory") for pod in listed(bed, "pods") if placed(pod) and pod["spec"]["nodeName"] in free)
    whole = sum(quantity(nodes[name]["status"]["allocatable"]["memory"]) for name in free)
    ours = next(one for one in seen if one["resource"] == "memory")
    assert ours["requested_share"] == pytest.approx(memory / whole, abs=1e-6), "as kubectl has it"
    looks.open("overview")
    looks.comes(*(TOLD.percent(one["requested_share"]) for one in seen[:2]))  # a figure is drawn a moment after its page
    looks.open("capacity")
    looks.comes(TOLD.percent(memory / whole))


def test_windows_stay_within_the_stated_distance_of_promql(portal: Portal, bed: Bed) -> None:
    """Increases of five minutes, cut at the edges by us and extrapolated by PromQL: 6.3 % in one of a hundred namespaces.

    Without node-3, whose power other tests cut: a silence at the edge of a range is bridged here and left out by PromQL.
    """
    steady = CPU.replace("node-.*", "node-[12]")
    sums = (
        "SELECT t, namespace, sum(cpu_usage_seconds_total_inc) AS grown FROM pod_5m WHERE node IN ('node-1', 'node-2') "
        "GROUP BY t, namespace HAVING min(covered_ms) = 300000"
    )
    whole = f"WITH sums AS ({sums}) SELECT * FROM sums WHERE t = (SELECT max(t) FROM sums)"

    def newest() -> Any:
        portal.command("warehouse", "care", "rollup")
        return json.loads(portal.command("warehouse", "sql", whole, "--format", "json"))

    rows = until(newest, 420, "the first whole window: a bed that is older than five minutes has one")
    at = datetime.fromisoformat(rows[0]["t"])
    theirs = by_namespace(bed, f"increase({steady}[5m])", at)
    ours = {row["namespace"]: row["grown"] for row in rows}
    assert ours == pytest.approx({name: theirs[name] for name in ours}, rel=0.063)
    assert sum(ours.values()) == pytest.approx(sum(theirs[name] for name in ours), rel=0.01)


def test_a_node_without_power_is_shown_when_kubectl_says_so(portal: Portal, looks: Looks, bed: Bed) -> None:
    nodes = len(portal.every("/nodes"))
    looks.open("cluster")

    def off() -> bool:
        said = json.loads(bed.kubectl("get", "node", "node-3", "-o", "json"))["status"]["conditions"]
        return any(c["type"] == "Ready" and c["status"] != "True" for c in said)

    bed.command("node", "off", "node-3")
    try:
        until(lambda: portal.get("/nodes/node-3")["node"]["state"] in ("unknown", "not_ready"), 30, "shown within 30 s of the cut")
        until(off, 5, "kubectl says it too")
        looks.comes(f"{nodes - 1} of {nodes} nodes ready")
    finally:
        bed.command("node", "on", "node-3")
    looks.comes(f"{nodes} of {nodes} nodes ready")


def test_prometheus_out_of_reach_is_said_and_what_was_missed_is_filled(portal: Portal, looks: Looks, wire: Wire, bed: Bed) -> None:
    looks.open("collection")
    wire.cut()
    until(lambda: source(portal, "prometheus")["state"] == "failing", 60, "the API says that it fails")
    stuck = datetime.fromisoformat(source(portal, "prometheus")["last_tick"])
    looks.comes("prometheus is late: what is newer is not known.")
    assert "does not answer" in source(portal, "prometheus")["problem"]
    until(lambda: (now() - stuck).total_seconds() > OUTAGE_TICKS * TICK, 120 + OUTAGE_TICKS * TICK, "the outage lasts some ticks")
    assert datetime.fromisoformat(source(portal, "prometheus")["last_tick"]) == stuck
    wire.join()
    until(lambda: source(portal, "prometheus")["state"] == "live", 60, "it is live again")
    until(lambda: not missing(portal, stuck), 120, "the gap is filled")
    looks.comes("Everything arrives")
    question = (
        "SELECT tick, namespace, sum(memory_working_set_bytes) AS used FROM pod_sample "
        f"WHERE tick > '{stuck:%F %T}' AND tick <= TIMESTAMP '{stuck:%F %T}' + INTERVAL {5 * TICK} SECOND "
        "AND node LIKE 'node-%' GROUP BY ALL"
    )
    rows = json.loads(portal.command("warehouse", "sql", question, "--format", "json"))
    ticks = {row["tick"] for row in rows}
    assert len(ticks) == 5
    for tick in ticks:
        theirs = by_namespace(bed, f"last_over_time({MEMORY}[{TICK}s])", datetime.fromisoformat(tick))
        # where Prometheus had no scrape in those seconds there is nothing here either, and no zero
        assert {row["namespace"]: row["used"] for row in rows if row["tick"] == tick and row["used"] is not None} == theirs


def test_a_silent_api_server_is_said_and_comes_back(portal: Portal, looks: Looks, bed: Bed) -> None:
    pods = len(portal.every("/pods"))
    looks.open("overview")
    bed.command("kill", "apiserver")
    try:
        until(lambda: portal.get("/overview")["stale_since"], 60, "the API says that it is stale")
        looks.comes("Last known state: no contact since")
        assert len(portal.every("/pods")) == pods, "the last known state stays"
        until(lambda: source(portal, "kubernetes")["state"] == "failing", 30, "its source is failing")
    finally:
        bed.command("start", "apiserver")
    until(lambda: portal.get("/overview")["stale_since"] is None, 90, "it is watched again")
    looks.comes("live ·")
    until(lambda: len(portal.every("/pods")) == pods, 60, "the same pods as before")


def test_the_end_is_orderly(portal: Portal) -> None:
    """The last one of this file: nothing runs on, and the next start finds everything."""
    family = psutil.Process(portal.process.pid).children(recursive=True)
    assert family
    portal.process.send_signal(signal.SIGINT)
    assert portal.process.wait(timeout=PATIENCE) == 0
    until(lambda: "Stopped." in "".join(portal.said[-3:]), 10, "it says so")
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert not os.path.exists(f"/proc/{portal.process.pid}")
    n = json.loads(portal.command("warehouse", "sql", "SELECT count(*) AS n FROM tick WHERE status = 'ok'", "--format", "json"))
    assert n[0]["n"] > 10
