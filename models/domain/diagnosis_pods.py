"""What is wrong with one pod: the first rule that explains it, in the order of how surely it does.

What keeps it from a place comes before what keeps its containers from starting, that before what ends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from models.domain import health, placement
from models.domain.cluster import Container, Pod
from models.domain.diagnosis_shapes import Cause, End, Facts, Finding, Value
from models.domain.health import CONFIG_REASONS, IMAGE_REASONS, State
from models.domain.placement import Refusal, Unplaced
from models.domain.trouble import OOM_LOOKBACK, PENDING_AFTER
from models.domain.trouble_shapes import Severity

ASKED_LATELY = timedelta(minutes=10)
"""A check that failed longer ago is no reason of now."""
MOST_EVIDENCE = 3


def part_of(pod: Pod) -> str:
    """What people call it: its component or step, else its workload."""
    labels = pod.labels
    return labels.get("app.kubernetes.io/component") or labels.get("moorage.dev/step") or pod.owner_name or pod.name


def of_pod(facts: Facts, pod: Pod, now: datetime) -> Finding | None:
    if not pod.active or pod.deleted_at is not None:
        return None
    node = facts.snapshot.nodes.get(pod.node) if pod.node is not None else None
    if pod.node is not None and (node is None or node.ready is not True):
        return _silent(facts, pod)
    if pod.node is None:
        return _waiting(facts, pod, now)
    for container in pod.containers:
        if container.reason in IMAGE_REASONS:
            return _image(facts, pod, container)
        if container.reason in CONFIG_REASONS or "StartError" in (container.reason, container.last_reason):
            return _unmade(facts, pod, container)
    for container in pod.containers:
        if _killed(container, now) or any(one.reason == "OOMKilled" for one in _ends(facts, pod, container, now)):
            return _out_of_memory(facts, pod, container, now)
    asked = _asked(facts, pod, now)
    if asked is not None:
        return asked
    if pod.owner_kind != "Job":
        for container in pod.containers:
            if health.crash(container, now) is not None:
                return _crashing(facts, pod, container, now)
    if health.of_pod(pod, now).state is State.NOT_READY:
        since = pod.ready_since or pod.started_at or pod.created_at
        return finding(Cause.PROBE, "probe", pod, since=since, evidence=["Ready: False"], log=_log(pod))
    return None


def finding(
    cause: Cause,
    code: str,
    pod: Pod,
    severity: Severity = Severity.CRITICAL,
    *,
    since: datetime | None = None,
    evidence: Iterable[str] = (),
    log: str = "",
    **values: Value | None,
) -> Finding:
    named: dict[str, Value] = {"part": part_of(pod)} | {name: value for name, value in values.items() if value is not None}
    if since is not None:
        named["since"] = since
    said = tuple(dict.fromkeys(one for one in evidence if one))[:MOST_EVIDENCE]
    return Finding(cause, code, severity, part_of(pod), since, named, said, log)


def _log(pod: Pod, container: Container | None = None) -> str:
    chosen = container or next(iter(pod.containers), None)
    return f"{pod.name}/{chosen.name}" if chosen is not None else ""


def _said(facts: Facts, pod: Pod, *reasons: str) -> Iterator[str]:
    """What the cluster said about the pod."""
    for one in facts.events(*reasons):
        if one.object_uid == pod.uid or one.name == pod.name:
            yield f"{one.reason}: {one.message}"


def _silent(facts: Facts, pod: Pod) -> Finding:
    node = facts.snapshot.nodes.get(pod.node or "")
    since = node.ready_since if node is not None else None
    home = placement.homes(pod, facts.snapshot.claims)
    evidence = [f"Node {pod.node} is {'not known' if node is None else 'not ready' if node.ready is False else 'silent'}."]
    if home is not None and home <= {pod.node}:
        return finding(Cause.VOLUME_NODE, "volume_node", pod, since=since, evidence=evidence)
    return finding(Cause.NODE_DOWN, "node_down", pod, since=since or pod.created_at, evidence=evidence)


def _waiting(facts: Facts, pod: Pod, now: datetime) -> Finding | None:
    """Why it has no place: the scheduler's own sentence, and where it says nothing yet, our rules of placement."""
    if now - pod.created_at < PENDING_AFTER:
        return None
    snapshot = facts.snapshot
    answer = placement.place(pod, snapshot.nodes, placement.free(snapshot.nodes, snapshot.pods.values()), snapshot.claims)
    computed = answer.sentence if isinstance(answer, Unplaced) else ""
    why = pod.message or computed
    evidence = (pod.message, computed, *_said(facts, pod, "FailedScheduling"))
    home = placement.homes(pod, snapshot.claims)
    nodes = [snapshot.nodes.get(name) for name in home or ()]
    if any(one is None or one.ready is not True for one in nodes):
        since = next((one.ready_since for one in nodes if one is not None), None)
        return finding(Cause.VOLUME_NODE, "volume_node", pod, since=since, evidence=evidence)
    if any(one is not None and one.unschedulable for one in nodes):
        return finding(Cause.VOLUME_NODE, "volume_cordoned", pod, since=pod.created_at, evidence=evidence)
    if Refusal.MEMORY in why:
        size = pod.request.memory
        return finding(Cause.NO_MEMORY, "no_memory", pod, since=pod.created_at, evidence=evidence, request_bytes=size)
    if Refusal.CPU in why:
        cores = round(pod.request.cpu, 3)
        return finding(Cause.NO_CPU, "no_cpu", pod, since=pod.created_at, evidence=evidence, request_cores=cores)
    unmade = [claim for name in pod.claims if (claim := snapshot.claims.get((pod.namespace, name))) and claim.phase != "Bound"]
    refused = [f"{one.reason}: {one.message}" for one in facts.events("ProvisioningFailed", "FailedBinding")]
    if unmade and (refused or "unbound" in why or isinstance(answer, placement.Placed)):
        return finding(Cause.STORAGE, "storage", pod, since=pod.created_at, evidence=(*refused, *evidence))
    return finding(Cause.NO_NODE, "no_node", pod, since=pod.created_at, evidence=evidence)


def _image(facts: Facts, pod: Pod, container: Container) -> Finding:
    evidence = [one for one in _said(facts, pod, "Failed", "ErrImagePull", "InspectFailed") if "ull" in one or "mage" in one]
    return finding(
        Cause.IMAGE, "image", pod, since=pod.created_at, evidence=evidence or [container.reason], image=container.image
    )  # fmt: skip


_MISSING = re.compile(r'(secret|configmap) "([^"]+)" not found|key (\S+) in (Secret|ConfigMap) (\S+)', re.IGNORECASE)
_COMMAND = re.compile(r"executable file not found|exec format error|exec: .*no such file|unable to start container process")


def _unmade(facts: Facts, pod: Pod, container: Container) -> Finding:
    said = list(_said(facts, pod, "Failed", *CONFIG_REASONS)) or [container.reason or container.last_reason]
    text = " ".join(said)
    if container.reason not in CONFIG_REASONS or _COMMAND.search(text):
        return finding(Cause.COMMAND, "command", pod, since=pod.created_at, evidence=said, log=_log(pod, container))
    missing = _MISSING.search(text)
    named = missing[0] if missing else None
    code = "configuration" if named else "configuration_unnamed"
    return finding(Cause.CONFIGURATION, code, pod, since=pod.created_at, evidence=said, missing=named)


def _killed(container: Container, now: datetime) -> bool:
    if container.reason == "OOMKilled":
        return True
    end = container.last_finished_at
    return container.last_reason == "OOMKilled" and end is not None and now - end <= OOM_LOOKBACK


def _ends(facts: Facts, pod: Pod, container: Container, now: datetime) -> list[End]:
    """Its recorded ends of the last day, the oldest first, and the newest that the cluster itself still knows."""
    known = {
        one.at: one for one in facts.ends if (one.uid, one.container) == (pod.uid, container.name) and now - one.at <= OOM_LOOKBACK
    }
    at = container.last_finished_at
    if at is not None and now - at <= OOM_LOOKBACK and container.last_reason not in ("", "Completed"):
        known.setdefault(at, End(pod.uid, container.name, at, container.last_reason))
    return [known[at] for at in sorted(known)]


def _counted(facts: Facts, pod: Pod, container: Container, ends: Sequence[End], now: datetime) -> tuple[int, datetime]:
    """How many restarts since when: of a young pod all, else those of the recorded ends."""
    said = [one.first_at for one in facts.events("BackOff", "OOMKilling") if one.object_uid == pod.uid]
    first = min([one.at for one in ends] + said, default=pod.started_at or pod.created_at)
    if now - pod.created_at <= OOM_LOOKBACK:
        return max(container.restarts, len(ends), 1), first
    return max(len(ends), 1), first


def _out_of_memory(facts: Facts, pod: Pod, container: Container, now: datetime) -> Finding:
    ends = _ends(facts, pod, container, now)
    n, since = _counted(facts, pod, container, [one for one in ends if one.reason == "OOMKilled"], now)
    still = health.crash(container, now) is not None
    code = f", exit code {container.last_exit_code}" if container.last_exit_code is not None else ""
    return finding(
        Cause.OUT_OF_MEMORY,
        "out_of_memory",
        pod,
        Severity.CRITICAL if still or not container.ready else Severity.WARNING,
        since=since,
        evidence=[f"{container.name}: OOMKilled{code}, {container.restarts} restarts", *_said(facts, pod, "OOMKilling", "BackOff")],
        log=_log(pod, container),
        n=n,
        limit_bytes=container.limit.memory,
    )


_PATH = re.compile(r'"https?://[^/"]+(/[^"]*)"')


def _asked(facts: Facts, pod: Pod, now: datetime) -> Finding | None:
    """It runs and fails the check that the cluster makes, or is ended for it."""
    recent = [
        one
        for one in facts.events("Unhealthy")
        if (one.object_uid == pod.uid or one.name == pod.name) and now - one.last_at <= ASKED_LATELY
    ]
    ended = any("liveness" in one or "startup" in one for one in _said(facts, pod, "Killing"))
    crashing = any(health.crash(container, now) is not None for container in pod.containers)
    if not recent or pod.ready or (crashing and not ended):
        return None
    path = next((found[1] for one in recent if (found := _PATH.search(one.message))), None)
    return finding(
        Cause.PROBE,
        "probe_path" if path else "probe",
        pod,
        since=min(one.first_at for one in recent),
        evidence=[f"{one.reason}: {one.message}" for one in recent] + list(_said(facts, pod, "Killing")),
        log=_log(pod),
        path=path,
    )


def _crashing(facts: Facts, pod: Pod, container: Container, now: datetime) -> Finding:
    ends = _ends(facts, pod, container, now)
    n, since = _counted(facts, pod, container, ends, now)
    known = container.last_exit_code is not None
    said = f"{container.name}: {container.last_reason or container.reason}" + (
        f", exit code {container.last_exit_code}" if known else ""
    )
    if container.last_exit_code in (126, 127):
        return finding(Cause.COMMAND, "command", pod, since=since, evidence=[said], log=_log(pod, container))
    return finding(
        Cause.CRASHING,
        "crashing" if known else "crashing_unsaid",
        pod,
        since=since,
        evidence=[f"{said}, {container.restarts} restarts", *_said(facts, pod, "BackOff")],
        log=_log(pod, container),
        n=n,
        exit_code=container.last_exit_code,
    )
