"""From inside the pods of apps on the node that runs containers: what can be reached, and what they are to the kernel."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.reconcile import Done
from provisioner.wanted import Wanted
from tests.live.conftest import until
from tests.live.outside import FORBIDDEN, METADATA, PRIVATE, PUBLIC, outside
from tests.live.test_real_orders import on_this_bed
from tests.provisioner.grounds import Site, command, kubectl, live
from tests.provisioner.orders import an_instance

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
SECONDS = 3
FREE = "walls-control"
Place = tuple[str, int]
_TRY = """
for place in "$@"; do
    if timeout {seconds} bash -c "exec 3<>/dev/tcp/${{place%:*}}/${{place##*:}}" 2>/dev/null; then echo "$place"; fi
done
"""


@dataclass(frozen=True)
class Pod:
    """A running pod, and what is known of it."""

    namespace: str
    name: str
    address: str

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [*command(), "exec", "-n", self.namespace, self.name, "--", *words],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reaches(self, places: Sequence[Place]) -> set[Place]:
        """Those among the places where a connection is taken from inside the pod."""
        words = [f"{host}:{port}" for host, port in places]
        said = self.run("bash", "-c", _TRY.format(seconds=SECONDS), "try", *words).split()
        return {place for place, word in zip(places, words, strict=True) if word in said}


@dataclass(frozen=True)
class Neighbours:
    """Two apps of different customers, and a pod without any walls that shows what there is to be reached."""

    own: Pod
    shop: Pod
    database: Pod
    free: Pod


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live(Path(tmp_path_factory.mktemp("inside")), real=True) as made:
        yield made


@pytest.fixture(scope="module")
def neighbours(site: Site) -> Iterator[Neighbours]:
    templates = {one.id: one for one in on_this_bed()}
    number = secrets.token_hex(4)
    given = {"image": "example/web:1", "health": "/healthz"}
    own = an_instance(templates["container"], instance_id=f"ins_a{number}", namespace=f"c-a-{number}", parameters=given)
    other = an_instance(templates["wordpress"], instance_id=f"ins_b{number}", namespace=f"c-b-{number}")
    other = replace(other, organization_id="org_other", host="other.wordpress.apps.example")
    _free_pod()
    try:
        with outside():
            for one in (own, other):
                assert isinstance(site.converge(one), Done)
            until(lambda: _pods(FREE), 60, "the free pod runs")
            yield Neighbours(_of(own, "web"), _of(other, "web"), _of(other, "database"), _pods(FREE)[0])
    finally:
        for one in (own, other):
            site.clear(one)
        kubectl("delete", "namespace", FREE, "--wait=false")


def _free_pod() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "free", "namespace": FREE},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": "example/web:1"}]},
    }
    kubectl("create", "namespace", FREE)
    until(lambda: "default" in kubectl("get", "serviceaccounts", "-n", FREE, "-o", "name"), 30, "the namespace is ready")
    kubectl("apply", "-f", "-", given=json.dumps(pod))


def _pods(namespace: str, *words: str) -> list[Pod]:
    found: list[dict[str, Any]] = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json", *words))["items"]
    return [
        Pod(namespace, one["metadata"]["name"], one["status"]["podIP"])
        for one in found
        if one["status"].get("phase") == "Running" and all(c["ready"] for c in one["status"].get("containerStatuses", ()))
    ]


def _of(wanted: Wanted, component: str) -> Pod:
    (pod,) = _pods(wanted.namespace, "-l", f"app.kubernetes.io/component={component}")
    return pod


def _cluster_places() -> list[Place]:
    """The API server by its service and by its node, the kubelet, and the ingress's inner port."""
    slices = json.loads(
        kubectl("get", "endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=kubernetes", "-o", "json")
    )
    found = [
        (address, port["port"])
        for one in slices["items"]
        for endpoint in one["endpoints"]
        for address in endpoint["addresses"]
        for port in one["ports"]
    ]
    service = json.loads(kubectl("get", "service", "kubernetes", "-n", "default", "-o", "json"))["spec"]["clusterIP"]
    node = json.loads(kubectl("get", "node", "real-1", "-o", "json"))["status"]
    (host,) = (one["address"] for one in node["addresses"] if one["type"] == "InternalIP")
    (traefik,) = _pods("kube-system", "-l", "app.kubernetes.io/name=traefik")
    return [*found, (service, 443), (host, node["daemonEndpoints"]["kubeletEndpoint"]["Port"]), (traefik.address, 8080)]


def test_the_cluster_itself_is_out_of_reach(neighbours: Neighbours) -> None:
    places = _cluster_places()
    assert neighbours.free.reaches(places) == set(places)
    for pod in (neighbours.own, neighbours.shop, neighbours.database):
        assert pod.reaches(places) == set(), pod


def test_other_customers_are_out_of_reach(neighbours: Neighbours) -> None:
    shop, database = neighbours.shop, neighbours.database
    inside = [(shop.address, 80), (database.address, 3306), ("web", 80), ("database", 3306)]
    assert shop.reaches(inside) == set(inside)
    far = [(f"{name}.{shop.namespace}.svc.cluster.local", port) for name, port in (("web", 80), ("database", 3306))]
    assert shop.reaches(far) == set(far)
    everything = [*inside[:2], *far]
    # the walls hold from both sides: nothing goes out to them, and whoever has no walls comes in neither
    for pod in (neighbours.own, neighbours.free):
        assert pod.reaches(everything) == set(), pod
    back = [(neighbours.own.address, 8080)]
    assert shop.reaches(back) == set()
    assert neighbours.own.reaches(back) == set(back)


def test_names_are_known_and_the_internet_is_what_the_template_says(neighbours: Neighbours) -> None:
    public = [(PUBLIC, 80), (PUBLIC, 443)]
    walled = [(PUBLIC, 25), (FORBIDDEN, 443), (METADATA, 80), *((address, 443) for address in PRIVATE)]
    assert neighbours.free.reaches([*public, *walled]) == {*public, *walled}
    for pod in (neighbours.own, neighbours.shop):
        assert pod.reaches([*public, *walled]) == set(public), pod
    # a component that has no business there gets nowhere at all
    assert neighbours.database.reaches([*public, *walled]) == set()
    named = [("web", 8080)], [("web.default.svc.cluster.local", 80), ("web", 80)]
    assert neighbours.own.reaches(named[0]) == set(named[0])
    assert neighbours.database.reaches(named[1]) == {("web", 80)}


def test_a_pod_is_nobody_to_the_kernel(neighbours: Neighbours) -> None:
    for pod, user in ((neighbours.own, "10001"), (neighbours.shop, "33"), (neighbours.database, "999")):
        status = dict(line.split(":\t", 1) for line in pod.run("cat", "/proc/self/status").splitlines() if ":\t" in line)
        assert status["Uid"].split() == [user] * 4
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert pod.run("bash", "-c", "ls /var/run/secrets/kubernetes.io /run/secrets/kubernetes.io 2>/dev/null; true") == ""
    for pod in (neighbours.shop, neighbours.database):
        assert "read-only" in pod.run("bash", "-c", "touch /usr/evil 2>&1; true").lower()
