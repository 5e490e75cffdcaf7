"""Laws of apps that are ordered in the simulated world, for orders as nobody would give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.domain.cluster import Resources, Snapshot
from models.domain.placement import demand
from models.world.faults import Fault, Kind
from models.world.orders import Order, forgotten, noted, order
from models.world.state import State, begin
from models.world.world import World

NOW = datetime(2026, 11, 25, 16, 10, 7, tzinfo=UTC)
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example is a world; making a failing one smaller would take minutes."""
NAMES = ("a", "b", "c")
SIZES = ("64Mi", "700Mi", "2Gi", "3Gi")
IMAGES = ("example/app:1", "example/app:2", "example/app:sim-fault-crash-1", "example/app:sim-fault-oom-1")
STEP = st.tuples(
    st.integers(0, 90),
    st.sampled_from(NAMES),
    st.sampled_from(("apply", "apply", "apply", "job", "delete", "end")),
    st.integers(0, 3),
    st.sampled_from(SIZES),
    st.sampled_from(IMAGES),
    st.booleans(),
)
OFF = st.none() | st.tuples(st.sampled_from(("node-1", "node-3")), st.integers(0, 400), st.integers(30, 500))


def manifest(kind: str, namespace: str, name: str, uid: str, spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace or None, "uid": uid, "generation": 1, "labels": {}}
    return {"kind": kind, "metadata": metadata, "spec": spec}


def orders(steps: list[Any]) -> list[Order]:
    """Each app has a namespace and a volume; a namespace that was ended is made again by the next order in it."""
    found: list[Order] = []
    at, there = NOW, {}

    def write(body: Any) -> None:
        found.append(order(len(found) + 1, at, body))

    for number, (pause, name, what, copies, memory, image, recreate) in enumerate(steps):
        at += timedelta(seconds=pause)
        space = f"c-{name}"
        if what == "end":
            if name in there:
                write(forgotten(manifest("Namespace", "", space, there.pop(name), {})))
            continue
        if name not in there:
            there[name] = f"home-{name}-{number}"
            write(noted(manifest("Namespace", "", space, there[name], {})))
            storage = {"resources": {"requests": {"storage": "1Gi"}}}
            write(noted(manifest("PersistentVolumeClaim", space, "data", f"{there[name]}-data", storage)))
        uid = f"{there[name]}-{'job' if what == 'job' else 'web'}"
        kind, called = ("Job", f"job-{number}") if what == "job" else ("Deployment", "web")
        uid = uid + (f"-{number}" if what == "job" else "")
        resources = {"requests": {"cpu": "100m", "memory": memory}, "limits": {"cpu": "1", "memory": memory}}
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}] if recreate else []
        pod = {"containers": [{"name": "web", "image": image, "resources": resources}], "volumes": volumes}
        spec = {
            "replicas": copies,
            "template": {"metadata": {}, "spec": pod},
            "strategy": {"type": "Recreate" if recreate else "R"},
        }
        made = manifest(kind, space, called, uid, spec)
        write(forgotten(made) if what == "delete" else noted(made))
    return found


def lawful(seen: Snapshot) -> None:
    promised = dict.fromkeys(seen.nodes, Resources())
    for pod in seen.pods.values():
        if pod.node is not None and pod.active:
            promised[pod.node] += demand(pod)
            for name in pod.claims:
                claim = seen.claims.get((pod.namespace, name))
                assert claim is None or claim.node in (None, pod.node), "a local volume is where its pods are"
        if pod.namespace.startswith("c-"):
            assert pod.namespace in seen.namespaces
            assert not pod.ready or pod.node is not None
            assert pod.node is not None or pod.message or seen.as_of - pod.created_at < timedelta(seconds=1)
    for name, asked in promised.items():
        assert asked.fits(seen.nodes[name].allocatable), (name, asked)
    for work in seen.workloads:
        assert 0 <= work.ready <= work.desired + 1 or work.generation != work.observed_generation


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=WITHOUT_SHRINKING)
@given(steps=st.lists(STEP, min_size=1, max_size=10), off=OFF)
def test_no_node_is_promised_more_than_it_has_and_looking_changes_nothing(
    steps: list[Any], off: tuple[str, int, int] | None
) -> None:
    state = begin(7, NOW)
    if off is not None:
        node, start, lasts = off
        begun = NOW + timedelta(seconds=start)
        state = State(7, state.epoch, (Fault(Kind.NODE_OFF, node, begun, begun + timedelta(seconds=lasts)),))
    written = orders(steps)
    followed, left = World(state), list(written)
    end = NOW + timedelta(seconds=1200)
    at = NOW
    while at < end:
        while left and left[0].at <= at:
            assert followed.take([left.pop(0)])
        lawful(followed.snapshot(at))
        at += timedelta(seconds=23)
    assert followed.take(left)
    assert followed.snapshot(end) == World(state, written).snapshot(end)
