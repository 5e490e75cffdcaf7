"""What goes wrong with apps that the provisioner makes in the simulated world."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collectors.sources.port import ProbeTarget, Window
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber
from models.domain.errors import Unavailable
from models.world.faults import Kind
from provisioner.desired import desired
from provisioner.reconcile import Blocked, Done
from tests.world.ordered import Ground, inside, pod_of, wanted


@pytest.mark.parametrize(
    ("image", "reason", "last", "restarts"),
    [
        ("example/app:sim-fault-crash-1", "CrashLoopBackOff", ("Error", 1), True),
        ("example/app:sim-fault-oom-1", "CrashLoopBackOff", ("OOMKilled", 137), True),
        ("example/app:sim-fault-pull-1", "ImagePullBackOff", ("", None), False),
    ],
)
def test_an_image_that_plays_a_fault(ground: Ground, image: str, reason: str, last: tuple[str, int | None], restarts: bool) -> None:
    one = wanted("container", parameters={"image": image})
    outcome = ground.converge(one)
    assert isinstance(outcome, Blocked)
    assert "not ready within" in outcome.reason
    for _ in range(60):
        pod = pod_of(ground.world.snapshot(), one, "web")
        (part,) = pod.containers
        if part.reason == reason:
            break
        ground.wait(seconds=1)
    assert (part.state, part.reason, part.ready) == ("waiting", reason, False)
    assert (part.last_reason, part.last_exit_code) == last
    assert (part.restarts > 2) == restarts
    events = ground.cluster.find("Event", one.namespace, {})
    assert "BackOff" in {event["reason"] for event in events}
    assert {event["involvedObject"]["namespace"] for event in events} == {one.namespace}
    assert SimulatedProber(ground.world, ground.clock).probe(
        [ProbeTarget(f"https://{one.host}", one.namespace)], ground.clock.now()
    )["outcome"].to_list() == ["down"]


def test_a_fault_can_be_an_annotation(ground: Ground) -> None:
    one = wanted("container")
    for step in desired(one):
        for thing in step.objects:
            if thing["kind"] == "Deployment":
                template = thing["spec"]["template"]
                metadata = {**template["metadata"], "annotations": {"sim.moorage/fault": "config"}}
                thing = {**thing, "spec": {**thing["spec"], "template": {**template, "metadata": metadata}}}
            ground.cluster.apply(thing)
    ground.wait(seconds=30)
    (part,) = pod_of(ground.world.snapshot(), one, "web").containers
    assert (part.state, part.reason) == ("waiting", "CreateContainerConfigError")


def test_memory_that_leaks_is_killed_and_seen_to_grow(ground: Ground) -> None:
    one = wanted("container")
    for step in desired(one):
        for thing in step.objects:
            if thing["kind"] == "Deployment":
                template = thing["spec"]["template"]
                metadata = {**template["metadata"], "annotations": {"sim.moorage/leak-per-hour": "1Gi"}}
                thing = {**thing, "spec": {**thing["spec"], "template": {**template, "metadata": metadata}}}
            ground.cluster.apply(thing)
    most = 0.0
    metrics = SimulatedMetrics(ground.world, ground.clock)
    for _ in range(30):
        ground.wait(seconds=30)
        now = ground.clock.now()
        frame = metrics.read(Window(now - timedelta(seconds=30), now)).frames["pod"]
        own = frame.filter(frame["namespace"] == one.namespace)
        most = max([most, *(own["memory_working_set_bytes"] / own["memory_limit_bytes"]).drop_nulls()])
        (part,) = pod_of(ground.world.snapshot(), one, "web").containers
        if part.restarts:
            break
    assert part.last_reason == "OOMKilled"
    assert most > 0.8


def test_an_ordered_fault_hits_what_was_provisioned(ground: Ground) -> None:
    one = wanted("container")
    ground.converge(one)
    ground.world.fail(Kind.OOM, f"{one.namespace}/web")
    ground.wait(seconds=30)
    pod = pod_of(ground.world.snapshot(), one, "web")
    assert (pod.restarts, pod.containers[0].last_reason, pod.ready) == (1, "OOMKilled", True)


def test_when_a_node_is_lost_what_can_move_does_and_what_cannot_says_why(ground: Ground) -> None:
    loose, bound = wanted("container", "loose"), wanted("ghost", "bound")
    for one in (loose, bound):
        assert isinstance(ground.converge(one), Done)
    for one in (loose, bound):
        home = pod_of(ground.world.snapshot(), one, "web").node
        assert home is not None
        ground.world.fail(Kind.NODE_OFF, home)
        ground.wait(seconds=60)
        assert not pod_of(ground.world.snapshot(), one, "web").ready
        ground.wait(seconds=100)
        now = pod_of(ground.world.snapshot(), one, "web")
        if one is loose:
            assert now.ready
            assert now.node != home
        else:
            assert now.node is None
            assert "volume node affinity conflict" in now.message
        ground.world.mend(Kind.NODE_OFF, home)
        ground.wait(seconds=90)
        assert pod_of(ground.world.snapshot(), one, "web").ready
        assert not [pod for pod in inside(ground.world.snapshot(), one) if pod.deleted_at is not None]


def test_a_setup_step_that_never_ends_well_fails_with_the_reason(ground: Ground) -> None:
    one = wanted("wordpress")
    (job,) = (o for step in desired(one) for o in step.objects if o["kind"] == "Job")
    ground.converge(replace(one, running=False))
    ground.converge(one)
    template = {**job["spec"]["template"], "metadata": {"annotations": {"sim.moorage/fault": "crash"}}}
    for name, spec in (("early", {"backoffLimit": 2}), ("late", {"activeDeadlineSeconds": 20})):
        body = {**job, "metadata": {**job["metadata"], "name": name}, "spec": {**job["spec"], "template": template, **spec}}
        ground.cluster.apply(body)
        ground.wait(minutes=3)
        found = ground.cluster.read("Job", one.namespace, name)
        assert found is not None
        (said,) = found["status"]["conditions"]
        assert said["type"] == "Failed"
        assert ("backoff limit" if name == "early" else "deadline") in said["message"]


def test_while_the_api_is_down_the_provisioner_gets_no_answer(ground: Ground) -> None:
    one = wanted("container")
    ground.converge(one)
    inventory = SimulatedInventory(ground.world, ground.clock)
    inventory.start()
    ground.wait(seconds=1)
    ground.world.fail(Kind.API_DOWN)
    for ask in (
        lambda: ground.cluster.read("Namespace", None, one.namespace),
        lambda: ground.cluster.delete("Namespace", None, one.namespace),
        lambda: ground.cluster.apply(desired(one)[0].objects[0]),
    ):
        with pytest.raises(Unavailable):
            ask()
    assert inside(inventory.snapshot(), one)
    ground.world.mend(Kind.API_DOWN)
    assert ground.cluster.read("Namespace", None, one.namespace) is not None


def test_a_noisy_neighbour_can_be_an_ordered_app(ground: Ground) -> None:
    one = wanted("container")
    ground.converge(one)
    metrics = SimulatedMetrics(ground.world, ground.clock)

    def cores() -> float:
        ground.wait(minutes=10)
        now = ground.clock.now()
        first, last = (
            metrics.read(Window(at - timedelta(seconds=30), at)).frames["pod"] for at in (now - timedelta(minutes=5), now)
        )
        used = [f.filter(f["namespace"] == one.namespace)["cpu_usage_seconds_total"].item() for f in (first, last)]
        return float(used[1] - used[0]) / 300

    ground.wait(hours=10)  # when the customers' day has begun
    before = cores()
    ground.world.fail(Kind.NOISY, f"{one.namespace}/web")
    assert cores() > before + 0.1
