"""A cluster in memory that behaves as a real one was seen to: admission, quotas, rollouts, jobs, ends; time comes from a clock.

It signs the same contract as the live one. What it does not play: a network, logs, what happens inside containers.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from models.domain.clock import Clock
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

Key = tuple[str, str | None, str]


class SimulatedCluster:
    """`provisioner.cluster.Cluster` in memory, safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._objects: dict[Key, Object] = {}
        self._version = 0

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        with self._lock:
            key = _key(wanted)
            self._admit(wanted)
            before = self._objects.get(key)
            after = self._merged(before, wanted)
            if before is not None:
                _fixed(before, after)
            if dry_run:
                return copy.deepcopy(after)
            if before is None or not _same(before, after):
                self._store(key, before, after)
            return self._shown(key)

    def create(self, wanted: Object) -> bool:
        with self._lock:
            if _key(wanted) in self._objects:
                return False
            self.apply(wanted)
            return True

    def read(self, kind: str, namespace: str | None, name: str) -> Object | None:
        with self._lock:
            self._pass_time()
            key = (kind, namespace, name)
            return self._shown(key) if key in self._objects else None

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Object]:
        with self._lock:
            self._pass_time()
            if kind == "Pod":
                return [pod for pod in self._pods() if _matches(pod, namespace, labels)]
            keys = [key for key in self._objects if key[0] == kind and _matches(self._objects[key], namespace, labels)]
            return [self._shown(key) for key in sorted(keys, key=str)]

    def delete(self, kind: str, namespace: str | None, name: str) -> bool:
        with self._lock:
            self._pass_time()
            found = self._objects.get((kind, namespace, name))
            if found is None:
                return False
            if kind == "Namespace":
                found["metadata"].setdefault("deletionTimestamp", _stamp(self._clock))
                found["_ends"] = found.get("_ends") or self._clock.now() + END
            else:
                del self._objects[(kind, namespace, name)]
            return True

    def _pass_time(self) -> None:
        """Namespaces whose end has come go with all that is in them."""
        now = self._clock.now()
        for name in [key[2] for key, one in self._objects.items() if key[0] == "Namespace" and one.get("_ends", now) < now]:
            for key in [key for key in self._objects if key[1] == name or key == ("Namespace", None, name)]:
                del self._objects[key]

    def _admit(self, wanted: Object) -> None:
        self._pass_time()
        kind, namespace = wanted["kind"], wanted["metadata"].get("namespace")
        if not kind_of(kind).namespaced:
            return
        home = self._objects.get(("Namespace", None, namespace or ""))
        if home is None:
            raise Rejected(Rejection.ABSENT, f'namespaces "{namespace}" not found')
        if "deletionTimestamp" in home["metadata"] and (kind, namespace, wanted["metadata"]["name"]) not in self._objects:
            raise Rejected(
                Rejection.ENDING, f"unable to create new content in namespace {namespace} because it is being terminated"
            )
        if kind == "PersistentVolumeClaim" and _key(wanted) not in self._objects:
            self._admit_claim(wanted, namespace)

    def _admit_claim(self, wanted: Object, namespace: str | None) -> None:
        asked = bytes_of(wanted["spec"]["resources"]["requests"]["storage"])
        for quota in self._inside("ResourceQuota", namespace):
            hard = quota["spec"]["hard"]
            there = list(self._inside("PersistentVolumeClaim", namespace))
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

    def _store(self, key: Key, before: Object | None, after: Object) -> None:
        self._version += 1
        metadata = after["metadata"]
        if before is None:
            metadata |= {"uid": f"uid-{self._version}", "creationTimestamp": _stamp(self._clock), "generation": 0}
        metadata["resourceVersion"] = str(self._version)
        if before is None or before.get("spec") != after.get("spec"):
            metadata["generation"] += 1
        if before is None or _template(before) != _template(after) or not _copies(before):
            after["_changed"] = self._clock.now()
        self._objects[key] = after

    def _shown(self, key: Key) -> Object:
        found = self._objects[key]
        shown = {name: copy.deepcopy(value) for name, value in found.items() if not name.startswith("_")}
        if key[0] == "Deployment":
            shown["status"] = self._rollout(found)
        elif key[0] == "Job":
            done = self._clock.now() - found["_changed"] >= JOB and self._refusal(found) is None
            shown["status"] = {"conditions": [{"type": "Complete", "status": "True"}]} if done else {"active": 1}
        return shown

    def _rollout(self, found: Object) -> Object:
        copies, age = found["spec"].get("replicas", 1), self._clock.now() - found["_changed"]
        status: Object = {"observedGeneration": found["metadata"]["generation"]}
        refusal = self._refusal(found)
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

    def _refusal(self, found: Object) -> str | None:
        """Why no pod of the deployment would be made: Pod Security, or more than the quota leaves."""
        namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
        level = self._objects[("Namespace", None, namespace)]["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        if level == "restricted" and (wrong := _unrestricted(found["spec"]["template"]["spec"])):
            return f'pods "{name}" is forbidden: violates PodSecurity "restricted:latest": {wrong}'
        for quota in self._inside("ResourceQuota", namespace):
            running = list(self._inside("Deployment", namespace)) + ([found] if found["kind"] == "Job" else [])
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

    def _pods(self) -> Iterator[Object]:
        for found in [one for key, one in self._objects.items() if key[0] == "Deployment"]:
            template, status = found["spec"]["template"], self._rollout(found)
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

    def _inside(self, kind: str, namespace: str | None) -> Iterator[Object]:
        return (one for key, one in self._objects.items() if key[0] == kind and key[1] == namespace)


def _key(one: Object) -> Key:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def _stamp(clock: Clock) -> str:
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _matches(one: Object, namespace: str | None, labels: Mapping[str, str]) -> bool:
    own = one["metadata"].get("labels") or {}
    inside = namespace is None or one["metadata"].get("namespace") == namespace
    return inside and all(own.get(key) == value for key, value in labels.items())


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
