"""What the provisioner makes through the simulated API stands in the simulated world, for whoever looks at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from collectors.entities import ENTITIES
from collectors.sources.port import ProbeTarget, Window
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber
from models.domain.cluster import Phase, Resources, Snapshot
from models.domain.placement import demand, room
from models.world.file import open_world
from provisioner.desired import desired
from provisioner.reconcile import Done
from provisioner.wanted import Wanted
from tests.world.ordered import Ground, inside, pod_of, wanted


def test_both_sides_agree_at_every_instant(ground: Ground, path: Path) -> None:
    other = open_world(path, 7, ground.clock)
    one = wanted("wordpress")
    looks = 0

    def look() -> None:
        nonlocal looks
        seen = other.snapshot()
        theirs = {pod.uid: (pod.name, pod.node, pod.ready, pod.phase.value, pod.restarts) for pod in inside(seen, one)}
        mine = {}
        for pod in ground.cluster.find("Pod", one.namespace, {}):
            status = pod["status"]
            ready = {said["type"]: said["status"] == "True" for said in status["conditions"]}["Ready"]
            restarts = sum(part["restartCount"] for part in status.get("containerStatuses", ()))
            name = pod["metadata"]["name"]
            mine[pod["metadata"]["uid"]] = (name, pod["spec"].get("nodeName"), ready, status["phase"], restarts)
        assert mine == theirs
        for work in seen.workloads:
            found = ground.cluster.read("Deployment", work.namespace, work.name)
            if found is not None and work.namespace == one.namespace:
                assert found["status"]["readyReplicas"] == work.ready
                looks += 1

    assert isinstance(ground.converge(one, look), Done)
    assert looks > 20
    ground.wait(seconds=2)
    seen = other.snapshot()
    assert [pod.ready for pod in inside(seen, one) if pod.phase is Phase.RUNNING] == [True, True]
    assert seen.namespaces[one.namespace].labels["moorage.dev/instance"] == one.instance_id
    assert seen.addresses[one.namespace] == (f"https://{one.host}/",)
    assert {claim.phase for key, claim in seen.claims.items() if key[0] == one.namespace} == {"Bound"}
    (quota,) = (quota for quota in seen.quotas if quota.namespace == one.namespace)
    assert quota.hard["limits.cpu"] == "1600m"
    assert (quota.used["limits.cpu"], quota.used["persistentvolumeclaims"], quota.used["pods"]) == ("1000m", "2", "2")


def test_a_world_that_followed_is_the_one_that_looks_only_now(ground: Ground, path: Path) -> None:
    followed = open_world(path, 7, ground.clock)

    def follow() -> None:
        followed.snapshot()

    kept, gone = wanted("ghost", "kept"), wanted("container", "gone")
    ground.converge(gone, follow)
    ground.converge(kept, follow)
    ground.remove(gone)
    ground.wait(minutes=7)
    fresh = open_world(path, 7, ground.clock)
    ends = ground.clock.now().replace(second=0)
    window = Window(ends - timedelta(seconds=30), ends)
    begun = followed.world
    assert followed.snapshot() == fresh.snapshot()
    assert followed.world is begun, "orders take it on; it is not made anew"
    mine, theirs = (SimulatedMetrics(file, ground.clock).read(window) for file in (followed, fresh))
    for entity in ENTITIES:
        assert mine.frames[entity].equals(theirs.frames[entity])


def test_an_order_that_a_world_missed_makes_it_anew(ground: Ground, path: Path) -> None:
    ahead = open_world(path, 7, ground.clock)
    ahead.snapshot(ground.clock.now() + timedelta(minutes=5))
    begun = ahead.world
    one = wanted("container")
    ground.converge(one)
    assert ahead.snapshot() == open_world(path, 7, ground.clock).snapshot()
    assert inside(ahead.snapshot(), one)
    assert ahead.world is not begun


def promised(seen: Snapshot) -> dict[str, Resources]:
    found = dict.fromkeys(seen.nodes, Resources())
    for pod in seen.pods.values():
        if pod.node is not None and pod.active:
            found[pod.node] += demand(pod)
    return found


def test_no_node_is_promised_more_than_it_has_and_what_does_not_fit_waits_for_room(ground: Ground) -> None:
    made: list[Wanted] = []

    def lawful() -> None:
        seen = ground.world.snapshot()
        for name, asked in promised(seen).items():
            assert asked.fits(seen.nodes[name].allocatable), name

    for number in range(40):
        one = wanted("container", f"n{number}", plan=_plan("container", "standard"))
        for step in desired(one):
            for thing in step.objects:
                ground.cluster.apply(thing)
        made.append(one)
        for _ in range(6):
            ground.wait(seconds=5)
            lawful()
        waiting = pod_of(ground.world.snapshot(), one, "web")
        if waiting.node is None:
            break
    else:
        raise AssertionError("everything fits")
    assert waiting.phase is Phase.PENDING
    assert waiting.reason == "Unschedulable"
    assert waiting.message == "0/3 nodes are available: 3 Insufficient memory."
    assert waiting in room(ground.world.snapshot()).waiting
    (said,) = (
        one["status"]["conditions"] for one in ground.cluster.find("Pod", one.namespace, {}) if "nodeName" not in one["spec"]
    )
    assert said[0]["message"] == waiting.message
    ground.remove(made[0])
    ground.wait(minutes=1)
    lawful()
    assert pod_of(ground.world.snapshot(), one, "web").ready


def test_a_job_that_has_ended_holds_no_room(ground: Ground) -> None:
    one = wanted("container")
    home = {**desired(one)[0].objects[0], "metadata": {"name": one.namespace, "labels": {}}}
    ground.cluster.apply(home)
    container = {
        "name": "step",
        "image": "example/job:1",
        "resources": {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
    }
    for number in range(8):
        name = f"step-{number}"
        spec = {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [container]}}}
        metadata = {"name": name, "namespace": one.namespace}
        ground.cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
        ground.wait(seconds=15)
        found = ground.cluster.read("Job", one.namespace, name)
        assert found is not None
        assert [said["type"] for said in found["status"].get("conditions", ())] == ["Complete"], number
    assert [pod.phase for pod in inside(ground.world.snapshot(), one)] == [Phase.SUCCEEDED] * 8


def _plan(template: str, name: str):
    return next(plan for plan in wanted(template).template.plans if plan.name == name)


def test_a_rolling_change_is_never_without_a_ready_pod_and_has_one_too_many_at_most(ground: Ground) -> None:
    one = wanted("container", parameters={"image": "ghcr.io/kopi/shop:1.4", "copies": 2})
    assert isinstance(ground.converge(one), Done)
    before = {pod.name for pod in inside(ground.world.snapshot(), one)}
    assert len(before) == 2
    changed = replace(one, parameters={**one.parameters, "image": "ghcr.io/kopi/shop:1.5"})

    def look() -> None:
        pods = [pod for pod in inside(ground.world.snapshot(), one) if pod.deleted_at is None]
        assert sum(pod.ready for pod in pods) >= 2
        assert len(pods) <= 3

    assert isinstance(ground.converge(changed, look), Done)
    ground.wait(seconds=10)
    after = inside(ground.world.snapshot(), one)
    assert {pod.containers[0].image for pod in after} == {"ghcr.io/kopi/shop:1.5"}
    assert len(after) == 2
    assert not {pod.name for pod in after} & before


def test_a_change_beside_a_volume_ends_the_old_pod_first(ground: Ground) -> None:
    one = wanted("ghost")
    assert isinstance(ground.converge(one), Done)
    old = pod_of(ground.world.snapshot(), one, "web")
    (web,) = (o for step in desired(one) for o in step.objects if o["kind"] == "Deployment" and o["metadata"]["name"] == "web")
    template = web["spec"]["template"]
    labels = {**template["metadata"]["labels"], "again": "yes"}
    ground.cluster.apply({**web, "spec": {**web["spec"], "template": {**template, "metadata": {"labels": labels}}}})
    numbers = set()
    for _ in range(40):
        ground.wait(seconds=1)
        numbers.add(sum(pod.owner_name == "web" for pod in inside(ground.world.snapshot(), one)))
    assert numbers <= {0, 1}
    new = pod_of(ground.world.snapshot(), one, "web")
    assert new.uid != old.uid
    assert new.ready
    assert new.node == old.node, "its volume is there"


def test_stopped_and_started_again_it_is_the_same_app(ground: Ground) -> None:
    one = wanted("wordpress")
    ground.converge(one)
    volumes = {key: claim for key, claim in ground.world.snapshot().claims.items() if key[0] == one.namespace}
    assert isinstance(ground.converge(replace(one, running=False)), Done)
    ground.wait(seconds=10)
    seen = ground.world.snapshot()
    assert [pod for pod in inside(seen, one) if pod.active] == []
    assert {work.desired for work in seen.workloads if work.namespace == one.namespace} == {0}
    assert isinstance(ground.converge(one), Done)
    seen = ground.world.snapshot()
    assert pod_of(seen, one, "web").ready
    assert {key: claim for key, claim in seen.claims.items() if key[0] == one.namespace} == volumes


def test_a_pod_that_somebody_deletes_is_made_anew(ground: Ground) -> None:
    one = wanted("container")
    ground.converge(one)
    old = pod_of(ground.world.snapshot(), one, "web")
    assert ground.cluster.delete("Pod", one.namespace, old.name)
    ground.wait(seconds=40)
    new = pod_of(ground.world.snapshot(), one, "web")
    assert new.uid != old.uid
    assert new.ready
    assert not ground.cluster.delete("Pod", one.namespace, old.name)


def test_a_deleted_namespace_is_gone_for_everybody_and_its_past_can_still_be_read(ground: Ground) -> None:
    one = wanted("wordpress")
    ground.converge(one)
    ground.wait(minutes=3)
    end = ground.clock.now().replace(second=0)
    metrics = SimulatedMetrics(ground.world, ground.clock)
    window = Window(end - timedelta(seconds=30), end)
    before = metrics.read(window).frames
    assert one.namespace in set(before["pod"]["namespace"])
    ground.cluster.delete("Namespace", None, one.namespace)
    ground.wait(seconds=1.5)
    seen = ground.world.snapshot()
    assert seen.namespaces[one.namespace].phase == "Terminating"
    assert all(pod.deleted_at is not None for pod in inside(seen, one))
    ground.wait(seconds=20)
    seen = ground.world.snapshot()
    assert one.namespace not in seen.namespaces
    assert inside(seen, one) == []
    assert not [key for key in seen.claims if key[0] == one.namespace]
    assert not [thing for thing in (*seen.workloads, *seen.quotas) if thing.namespace == one.namespace]
    assert one.namespace not in seen.addresses
    assert ground.cluster.read("Namespace", None, one.namespace) is None
    assert ground.cluster.find("Deployment", one.namespace, {}) == []
    ground.wait(minutes=2)
    now = ground.clock.now()
    later = metrics.read(Window(now - timedelta(seconds=30), now)).frames
    for entity, frame in metrics.read(window).frames.items():
        assert frame.equals(before[entity])
        if "namespace" in frame.columns:
            assert one.namespace not in set(later[entity]["namespace"])


def test_its_metrics_keep_to_its_limits_and_count_on_the_node(ground: Ground) -> None:
    one = wanted("wordpress")
    ground.converge(one)
    ground.wait(minutes=11)
    end = ground.clock.now().replace(second=0)
    metrics = SimulatedMetrics(ground.world, ground.clock)
    windows = [Window(end - timedelta(seconds=30 * (n + 1)), end - timedelta(seconds=30 * n)) for n in range(16)][::-1]
    rows = [reading.frames["pod"] for _, reading in metrics.read_many(windows)]
    for frame in rows:
        own = frame.filter(frame["namespace"] == one.namespace)
        assert set(own["container"]) == {"web", "database"}, "a Job that has ended is not measured"
        assert (own["memory_working_set_bytes"] < own["memory_limit_bytes"]).all()
        assert (own["memory_working_set_bytes"] > 0).all()
        assert (own["ready"] == 1).all()
    for name in ("web", "database"):
        first, last = (f.filter((f["namespace"] == one.namespace) & (f["container"] == name)) for f in (rows[0], rows[-1]))
        seconds = (last["ts"][0] - first["ts"][0]).total_seconds()
        cores = (last["cpu_usage_seconds_total"][0] - first["cpu_usage_seconds_total"][0]) / seconds
        assert 0 < cores < last["cpu_limit_cores"][0]
        assert last["network_receive_bytes_total"][0] > first["network_receive_bytes_total"][0]
    ingress = metrics.read(windows[-1]).frames["ingress"]
    assert ingress.filter(ingress["namespace"] == one.namespace)["requests_total"].item() > 0


def test_its_address_answers_from_ready_on_and_only_there(ground: Ground) -> None:
    one = wanted("wordpress")
    prober = SimulatedProber(ground.world, ground.clock)

    def probe(host: str = one.host) -> tuple[str, int | None, str]:
        row = prober.probe([ProbeTarget(f"https://{host}", one.namespace)], ground.clock.now()).row(0, named=True)
        return row["outcome"], row["status"], row["reason"]

    assert probe()[0] == "down"
    ground.converge(one)
    ground.wait(seconds=2)
    assert probe() == ("up", 200, "")
    assert probe("other.example")[:2] == ("down", 404)
    ground.converge(replace(one, running=False))
    assert probe()[:2] == ("down", 503)
    ground.converge(one)
    assert probe() == ("up", 200, "")
    ground.remove(one)
    outcome, status, reason = probe()
    assert (outcome, status) == ("down", None)
    assert one.namespace in reason


def test_what_is_kept_for_the_world_holds_no_environment_and_no_secret(ground: Ground) -> None:
    one = wanted("container", parameters={"image": "ghcr.io/kopi/shop:1.4", "environment": {"TOKEN": "hunter2-secret"}})
    ground.converge(one)
    with ground.world.objects.reading() as held:
        noted = held.noted(0)
        assert "hunter2-secret" in str(held.of("Deployment", one.namespace))
    assert len(noted) > 3
    assert "hunter2-secret" not in str(noted)


def test_what_changes_on_the_way_leads_from_one_snapshot_to_the_next(ground: Ground) -> None:
    one = wanted("wordpress")
    inventory = SimulatedInventory(ground.world, ground.clock)
    inventory.start()
    inventory.acknowledge(inventory.changes(ground.clock.now()))
    version = inventory.version()
    ground.converge(one)
    assert inventory.version() != version, "open pages look again"
    ground.wait(seconds=1)
    frames = inventory.changes(ground.clock.now()).frames
    own = frames["pod_state"].filter(frames["pod_state"]["namespace"] == one.namespace)
    last = {row["uid"]: (row["phase"], row["ready"]) for row in own.sort("ts").iter_rows(named=True)}
    assert last == {pod.uid: (pod.phase.value, pod.ready) for pod in inside(ground.world.snapshot(), one)}
    assert "Scheduled" in set(frames["event"].filter(frames["event"]["namespace"] == one.namespace)["reason"])


def test_a_world_that_begins_anew_has_nothing_that_was_ordered(ground: Ground, path: Path) -> None:
    one = wanted("container")
    other = open_world(path, 7, ground.clock)
    ground.converge(one)
    assert inside(other.snapshot(), one)
    ground.world.begin_anew()
    for file in (ground.world, other):
        assert inside(file.snapshot(), one) == []
        assert one.namespace not in file.snapshot().namespaces
    assert ground.cluster.read("Namespace", None, one.namespace) is None
    assert isinstance(ground.converge(one), Done)
    assert pod_of(other.snapshot(), one, "web").ready
