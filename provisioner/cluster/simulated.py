"""A cluster that behaves as a real one was seen to: admission, quotas, rollouts, jobs, ends; time comes from a clock.

It signs the same contract as the live one. What it does not play: a network, logs, what happens inside containers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from models.domain.clock import Clock
from models.world import chance
from models.world.objects import Held, Key, ObjectFile
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.cluster.port import Rejected, Rejection, kind_of
from provisioner.labels import Object

START = timedelta(seconds=3)
"""From a pod's making to its readiness."""
JOB = timedelta(seconds=2)
END = timedelta(seconds=2)
"""How long a namespace takes to go."""
_FIXED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "Job": (("spec", "template"), ("spec", "selector")),
    "PersistentVolumeClaim": (("spec", "accessModes"), ("spec", "storageClassName"), ("spec", "resources")),
}
_FAULTS = {"sim-fault-crash": "CrashLoopBackOff", "sim-fault-oom": "CrashLoopBackOff", "sim-fault-pull": "ImagePullBackOff"}


class SimulatedCluster:
    """`provisioner.cluster.Cluster` on a file of objects, safe between threads and processes; without a file in memory."""

    def __init__(self, clock: Clock, objects: ObjectFile | None = None) -> None:
        self._clock = clock
        self._file = objects or ObjectFile(None)

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        with self._file.changing() as held:
            return self._apply(held, wanted, dry_run=dry_run)

    def create(self, wanted: Object) -> bool:
        with self._file.changing() as held:
            if held.get(_key(wanted)) is not None:
                return False
            self._apply(held, wanted)
            return True

    def read(self, kind: str, namespace: str | None, name: str) -> Object | None:
        self._pass_time()
        with self._file.reading() as held:
            found = held.get((kind, namespace, name))
            return None if found is None else self._shown(held, found)

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Object]:
        self._pass_time()
        with self._file.reading() as held:
            if kind == "Pod":
                return [pod for pod in self._pods(held, namespace) if _matches(pod, labels)]
            return [self._shown(held, one) for one in held.of(kind, namespace) if _matches(one, labels)]

    def delete(self, kind: str, namespace: str | None, name: str) -> bool:
        with self._file.changing() as held:
            self._end(held)
            found = held.get((kind, namespace, name))
            if found is None:
                return False
            if kind == "Namespace":
                found["metadata"].setdefault("deletionTimestamp", _stamp(self._clock))
                found.setdefault("_ends", (self._clock.now() + END).isoformat())
                held.put((kind, namespace, name), found)
            else:
                held.remove((kind, namespace, name))
            return True

    def _pass_time(self) -> None:
        """Namespaces whose end has come go with all that is in them."""
        with self._file.reading() as held:
            due = self._due(held)
        if due:
            with self._file.changing() as held:
                self._end(held)

    def _due(self, held: Held) -> list[str]:
        now = self._clock.now()
        ending = [one for one in held.of("Namespace") if "_ends" in one]
        return [one["metadata"]["name"] for one in ending if datetime.fromisoformat(one["_ends"]) < now]

    def _end(self, held: Held) -> None:
        for name in self._due(held):
            held.empty(name)

    def _apply(self, held: Held, wanted: Object, *, dry_run: bool = False) -> Object:
        key = _key(wanted)
        self._end(held)
        self._admit(held, wanted)
        before = held.get(key)
        after = self._merged(before, wanted)
        if before is not None:
            _fixed(before, after)
        if dry_run:
            return copy.deepcopy(after)
        if before is None or not _same(before, after):
            self._store(held, key, before, after)
        return self._shown(held, after)

    def _admit(self, held: Held, wanted: Object) -> None:
        kind, namespace = wanted["kind"], wanted["metadata"].get("namespace")
        if not kind_of(kind).namespaced:
            return
        home = held.get(("Namespace", None, namespace or ""))
        if home is None:
            raise Rejected(Rejection.ABSENT, f'namespaces "{namespace}" not found')
        known = held.get(_key(wanted)) is not None
        if "deletionTimestamp" in home["metadata"] and not known:
            raise Rejected(
                Rejection.ENDING, f"unable to create new content in namespace {namespace} because it is being terminated"
            )
        if kind == "PersistentVolumeClaim" and not known:
            self._admit_claim(held, wanted, namespace)

    def _admit_claim(self, held: Held, wanted: Object, namespace: str | None) -> None:
        asked = bytes_of(wanted["spec"]["resources"]["requests"]["storage"])
        for quota in held.of("ResourceQuota", namespace):
            hard = quota["spec"]["hard"]
            there = held.of("PersistentVolumeClaim", namespace)
            used = sum(bytes_of(one["spec"]["resources"]["requests"]["storage"]) for one in there)
            if "requests.storage" in hard and used + asked > bytes_of(hard["requests.storage"]):
                raise Rejected(Rejection.QUOTA, f"exceeded quota: {quota['metadata']['name']}, requested: requests.storage")
            if len(there) + 1 > int(hard.get("persistentvolumeclaims", "1000")):
                raise Rejected(Rejection.QUOTA, f"exceeded quota: {quota['metadata']['name']}, requested: persistentvolumeclaims=1")

    def _merged(self, before: Object | None, wanted: Object) -> Object:
        after = copy.deepcopy(wanted)
        if before is not None:
            if wanted["kind"] == "Secret" and before.get("immutable") and before.get("data") != wanted.get("data"):
                raise Rejected(Rejection.IMMUTABLE, "data: Forbidden: field is immutable when `immutable` is set")
            for name in ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp"):
                if name in before["metadata"]:
                    after["metadata"][name] = before["metadata"][name]
            after |= {name: value for name, value in before.items() if name.startswith("_")}
        return after

    def _store(self, held: Held, key: Key, before: Object | None, after: Object) -> None:
        version = held.note(self._clock.now(), None)
        metadata = after["metadata"]
        if before is None:
            metadata |= {"uid": chance.uid(0, "object", version), "creationTimestamp": _stamp(self._clock), "generation": 0}
        metadata["resourceVersion"] = str(version)
        if before is None or before.get("spec") != after.get("spec"):
            metadata["generation"] += 1
        if before is None or _template(before) != _template(after) or not _copies(before):
            after["_changed"] = self._clock.now().isoformat()
        held.put(key, after)

    def _shown(self, held: Held, found: Object) -> Object:
        shown = {name: copy.deepcopy(value) for name, value in found.items() if not name.startswith("_")}
        if found["kind"] == "Deployment":
            shown["status"] = self._rollout(held, found)
        elif found["kind"] == "Job":
            done = self._age(found) >= JOB and self._refusal(held, found) is None
            shown["status"] = {"conditions": [{"type": "Complete", "status": "True"}]} if done else {"active": 1}
        return shown

    def _age(self, found: Object) -> timedelta:
        return self._clock.now() - datetime.fromisoformat(found["_changed"])

    def _rollout(self, held: Held, found: Object) -> Object:
        copies, age = found["spec"].get("replicas", 1), self._age(found)
        status: Object = {"observedGeneration": found["metadata"]["generation"]}
        refusal = self._refusal(held, found)
        if refusal is not None:
            condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": refusal}
            return status | {"conditions": [condition]}
        well = age >= START and self._fault(found) is None
        deadline = timedelta(seconds=found["spec"].get("progressDeadlineSeconds", 600))
        late = not well and copies and age > deadline
        reason = "ProgressDeadlineExceeded" if late else "NewReplicaSetAvailable" if well else "ReplicaSetUpdated"
        return status | {
            "replicas": copies,
            "updatedReplicas": copies,
            "availableReplicas": copies if well else 0,
            "readyReplicas": copies if well else 0,
            "conditions": [{"type": "Progressing", "status": "False" if late else "True", "reason": reason}],
        }

    def _refusal(self, held: Held, found: Object) -> str | None:
        """Why no pod of the deployment would be made: Pod Security, or more than the quota leaves."""
        namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
        home = held.get(("Namespace", None, namespace))
        level = None if home is None else home["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        if level == "restricted" and (wrong := _unrestricted(found["spec"]["template"]["spec"])):
            return f'pods "{name}" is forbidden: violates PodSecurity "restricted:latest": {wrong}'
        for quota in held.of("ResourceQuota", namespace):
            running = held.of("Deployment", namespace) + ([found] if found["kind"] == "Job" else [])
            cores, memory = _limits(running)
            hard = quota["spec"]["hard"]
            for key, over in (
                ("limits.cpu", cores > cores_of(hard.get("limits.cpu", "100000"))),
                ("limits.memory", memory > bytes_of(hard.get("limits.memory", "1024Ti"))),
            ):
                if over:
                    return f'pods "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, requested: {key}'
        return None

    def _fault(self, found: Object) -> str | None:
        images = [container["image"] for container in found["spec"]["template"]["spec"]["containers"]]
        return next((reason for sign, reason in _FAULTS.items() if any(sign in image for image in images)), None)

    def _pods(self, held: Held, namespace: str | None) -> Iterator[Object]:
        for found in held.of("Deployment", namespace):
            template, status = found["spec"]["template"], self._rollout(held, found)
            for number in range(status.get("replicas", 0)):
                name, fault = f"{found['metadata']['name']}-{number}", self._fault(found)
                running: Object = {"running": {}} if fault is None else {"waiting": {"reason": fault}}
                container = {
                    "name": template["spec"]["containers"][0]["name"],
                    "ready": status["availableReplicas"] > 0,
                    "state": running,
                }
                yield {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": name,
                        "namespace": found["metadata"]["namespace"],
                        "labels": dict(template["metadata"]["labels"]),
                    },
                    "spec": copy.deepcopy(template["spec"]),
                    "status": {"phase": "Running" if fault is None else "Pending", "containerStatuses": [container]},
                }


def _key(one: Object) -> Key:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def _stamp(clock: Clock) -> str:
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _matches(one: Object, labels: Mapping[str, str]) -> bool:
    own = one["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, value in labels.items())


def _same(before: Object, after: Object) -> bool:
    def said(one: Object) -> Object:
        metadata = {name: one["metadata"].get(name) for name in ("labels", "annotations")}
        return {name: value for name, value in one.items() if name != "metadata" and not name.startswith("_")} | metadata

    return said(before) == said(after)


def _fixed(before: Object, after: Object) -> None:
    for path in _FIXED.get(before["kind"], ()):
        old: Any = before
        new: Any = after
        for step in path:
            old, new = (old or {}).get(step), (new or {}).get(step)
        if old != new:
            raise Rejected(Rejection.IMMUTABLE, f"{'.'.join(path)}: Invalid value: field is immutable")


def _template(one: Object) -> Any:
    return (one.get("spec") or {}).get("template")


def _copies(one: Object) -> int:
    return int((one.get("spec") or {}).get("replicas", 1))


def _limits(workloads: Sequence[Object]) -> tuple[Any, int]:
    cores, memory = cores_of("1") - 1, 0
    for one in workloads:
        for container in one["spec"]["template"]["spec"]["containers"]:
            most = container["resources"]["limits"]
            cores += cores_of(most["cpu"]) * _copies(one)
            memory += bytes_of(most["memory"]) * _copies(one)
    return cores, memory


def _unrestricted(pod: Object) -> str | None:
    """What Pod Security restricted refuses, as far as a template could ask for it."""
    if not (pod.get("securityContext") or {}).get("runAsNonRoot"):
        return "runAsNonRoot != true"
    for container in pod["containers"]:
        context = container.get("securityContext") or {}
        if context.get("privileged"):
            return "privileged"
        if context.get("allowPrivilegeEscalation") is not False:
            return "allowPrivilegeEscalation != false"
        if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
            return "unrestricted capabilities"
    if any("hostPath" in volume for volume in pod.get("volumes", ())):
        return "hostPath volumes"
    return None
