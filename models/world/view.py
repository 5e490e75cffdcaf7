"""The parts of the world as the Kubernetes API would tell them at an instant: values of `models.domain.cluster`."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from models.domain.cluster import Claim, Container, Event, Namespace, Node, Phase, Pod, Toleration, Workload
from models.world import chance
from models.world.orders import FOREVER
from models.world.timeline import Binding, Incarnation, Machine, Run, Saying, Slot

VERSION = "v1.34.1+k3s1"
_ORIGIN = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_TOLERATIONS = tuple(
    Toleration(f"node.kubernetes.io/{key}", "Exists", "", "NoExecute", 300) for key in ("not-ready", "unreachable")
)


def full_name(pod: Incarnation) -> str:
    return f"{pod.slot.namespace}/{pod.name}"


def pod_name(seed: int, slot: Slot, number: int) -> str:
    """As its controller makes it: with the replica's number, or with a hash of the version and five letters."""
    part = slot.component
    if part.kind == "StatefulSet":
        return f"{part.name}-{slot.replica}"
    if part.kind == "Job":
        return f"{part.name}-{chance.letters(5, seed, slot.name, number)}"
    workload = slot.workload if slot.work is None else slot.work.uid
    version = chance.letters(9, seed, workload, "version", slot.version)
    return f"{part.name}-{version}-{chance.letters(5, seed, slot.name, number)}"


def instant(x: float, epoch: datetime) -> datetime:
    return epoch + timedelta(microseconds=round(x * 1e6))


def node(machine: Machine, x: float, epoch: datetime = _ORIGIN) -> Node:
    since, ready, reason = machine.condition_at(x)
    return Node(
        name=machine.name,
        uid=machine.uid,
        capacity=machine.capacity,
        allocatable=machine.allocatable,
        ready=ready,
        ready_since=instant(since, epoch),
        created_at=instant(machine.created, epoch),
        reason=reason,
        unschedulable=machine.cordoned_at(x),
        labels=machine.labels,
        version=VERSION,
        address=machine.address,
    )


def ready_run(pod: Incarnation, x: float, node_ready: bool) -> Run | None:
    """The run that makes the pod ready at `x`. When its node lost power, the API calls it ready until somebody notices."""
    index = pod.run_at(x)
    if index < 0 or not node_ready:
        return None
    run = pod.runs[index]
    stays = run.end is None or x < run.end or run.reason == "power"
    reached = run.ready <= x and (run.end is None or run.ready <= run.end)
    return run if stays and reached else None


def pod(one: Incarnation, x: float, node_ready: bool, epoch: datetime = _ORIGIN) -> Pod:
    """`node_ready`: whether the control plane calls the pod's node ready at `x`."""
    part = one.slot.component
    placed = one.scheduled is not None and one.scheduled <= x
    index = one.run_at(x)
    good = ready_run(one, x, node_ready)
    refused = "" if placed else next((text for at, text in reversed(one.refusals) if at <= x), "")
    labels = {**one.slot.labels, "pod-template-hash": one.name.rsplit("-", 2)[1]} if part.kind == "Deployment" else one.slot.labels
    deleted = one.deleted if one.deleted is not None and one.deleted <= x else None
    return Pod(
        namespace=one.slot.namespace,
        name=one.name,
        uid=one.uid,
        phase=_phase(one, x, index),
        node=one.node if placed else None,
        created_at=instant(one.created, epoch),
        containers=(_container(one, x, index, good is not None, placed, epoch),),
        request=part.request,
        limit=part.limit,
        started_at=instant(one.scheduled, epoch) if placed and one.scheduled is not None else None,
        deleted_at=instant(deleted, epoch) if deleted is not None else None,
        ready=good is not None,
        ready_since=instant(good.ready, epoch) if good is not None else None,
        reason="Unschedulable" if refused else "",
        message=refused,
        owner_kind=part.kind,
        owner_name=part.name,
        qos="Burstable",
        claims=part.volumes,
        labels=labels,
        tolerations=_TOLERATIONS if part.tolerated == 300.0 else _tolerations(part.tolerated),
    )


def _tolerations(seconds: float) -> tuple[Toleration, ...]:
    return tuple(replace(one, seconds=None if seconds >= FOREVER else int(seconds)) for one in _TOLERATIONS)


def _phase(one: Incarnation, x: float, index: int) -> Phase:
    if one.finished is not None and one.finished <= x:
        good = index >= 0 and one.runs[index].code == 0
        return Phase.SUCCEEDED if good else Phase.FAILED
    return Phase.RUNNING if index >= 0 else Phase.PENDING


def _container(one: Incarnation, x: float, index: int, ready: bool, placed: bool, epoch: datetime) -> Container:
    part = one.slot.component
    waits = next((why for at, why in reversed(one.waits) if at <= x), "ContainerCreating")
    state, reason, started = ("waiting", waits, None) if placed else ("", "", None)
    last: Run | None = None
    if index >= 0:
        run = one.runs[index]
        last = one.runs[index - 1] if index else None
        if run.running(x) or run.reason == "power":
            state, reason, started = "running", "", run.start
        else:
            # the first restart comes at once, later ones wait
            over = one.finished is not None and one.finished <= x
            state, reason = ("waiting", "CrashLoopBackOff") if run.back_off > 1.0 and not over else ("terminated", run.reason)
            last = run
    lost_power = last is not None and last.reason == "power"
    return Container(
        name=part.container,
        image=_image(part.image, 1 if one.slot.work is not None else one.version),
        request=part.request,
        limit=part.limit,
        ready=ready,
        restarts=max(0, index),
        state=state,
        reason=reason,
        started_at=instant(started, epoch) if started is not None else None,
        last_reason="" if last is None else "Unknown" if lost_power else last.reason,
        last_exit_code=last.code if last is not None else None,
        last_finished_at=instant(last.end, epoch) if last is not None and last.end is not None else None,
    )


def _image(image: str, version: int) -> str:
    return f"{image}.{version}" if version > 1 else image


def claim(binding: Binding, x: float, seed: int, epoch: datetime = _ORIGIN) -> Claim:
    uid = binding.uid or chance.uid(seed, "claim", binding.namespace, binding.name)
    bound = binding.bound is not None and binding.bound <= x
    return Claim(
        namespace=binding.namespace,
        name=binding.name,
        uid=uid,
        phase="Bound" if bound else "Pending",
        storage_class=binding.storage_class,
        requested_bytes=binding.requested,
        volume=f"pvc-{uid}" if bound else "",
        node=binding.node if bound else None,
        created_at=instant(binding.created, epoch),
    )


def namespace(name: str, created: float, labels: dict[str, str], seed: int, epoch: datetime) -> Namespace:
    return Namespace(name, chance.uid(seed, "namespace", name), "Active", instant(created, epoch), labels)


def workload(slots: list[Slot], ready: int, x: float, seed: int, epoch: datetime) -> Workload:
    """Of the slots of one component."""
    slot = slots[0]
    part = slot.component
    generation = max((pod.version for one in slots for pod in one.pods if pod.created <= x), default=1)
    return Workload(
        kind=part.kind,
        namespace=slot.namespace,
        name=part.name,
        uid=chance.uid(seed, "workload", slot.workload),
        desired=part.replicas,
        ready=ready,
        available=ready,
        generation=generation,
        observed_generation=generation,
        created_at=instant(min(one.pods[0].created for one in slots), epoch),
        labels=slot.labels,
    )


def event(saying: Saying, epoch: datetime) -> Event:
    return Event(
        uid=saying.uid,
        namespace=saying.namespace,
        kind=saying.kind,
        name=saying.name,
        object_uid=saying.object_uid,
        type=saying.type,
        reason=saying.reason,
        message=saying.message,
        count=saying.count,
        first_at=instant(saying.first, epoch),
        last_at=instant(saying.x, epoch),
        component=saying.component,
    )


def moments(one: Incarnation, conditions: list[tuple[float, bool | None, str]], since: float, upto: float) -> list[float]:
    """Instants in (since, upto] at which what the API tells of the pod may change; `conditions` are those of its node."""
    found = [one.created, one.scheduled, one.deleted, one.gone]
    found += [at for at, _ in one.refusals]
    found += [at for at, _ in one.waits] + [one.finished]
    for run in one.runs:
        if (run.end is None or run.end > since) or run.start > since:
            found += [run.start, run.end]
            if run.ready < math.inf and (run.end is None or run.ready <= run.end):
                found.append(run.ready)
    found += [at for at, _, _ in conditions]
    end = one.gone if one.gone is not None else math.inf
    return sorted({at for at in found if at is not None and since < at <= upto and one.created <= at <= end})
