"""A cluster that behaves as a real one was seen to: admission, quotas, immutable fields, ends. Its nodes and pods are the simulated
world's (`models.world`), which everybody else sees too; time comes from a clock.

It signs the same contract as the live one. What it does not play: a network, logs, what happens inside containers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from models.domain.clock import Clock
from models.domain.cluster import Phase, Pod
from models.domain.draining import budget, counted
from models.domain.errors import Unavailable
from models.world import chance
from models.world.faults import Kind as Fault
from models.world.file import WorldFile, open_world
from models.world.objects import Held, Key
from models.world.orders import KINDS, forgotten, noted
from provisioner.catalogue.quantities import bytes_of
from provisioner.cluster.happening import condition, event, pod
from provisioner.cluster.port import Rejected, Rejection, kind_of
from provisioner.labels import Object

SEED = 7
_FIXED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "Job": (("spec", "template"), ("spec", "selector")),
    "PersistentVolumeClaim": (("spec", "accessModes"), ("spec", "storageClassName"), ("spec", "resources")),
}


class SimulatedCluster:
    """`provisioner.cluster.Cluster` on the files of a simulated world, safe between threads and processes; without one in memory."""

    def __init__(self, clock: Clock, world: WorldFile | None = None) -> None:
        self._clock = clock
        self._world = world or open_world(None, SEED, clock)
        self._file = self._world.objects

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        self._sweep()
        with self._file.changing() as held:
            after = self._apply(held, wanted, dry_run=dry_run)
        return after if dry_run else self._shown(after)

    def create(self, wanted: Object) -> bool:
        self._sweep()
        with self._file.changing() as held:
            if held.get(_key(wanted)) is not None:
                return False
            self._apply(held, wanted)
            return True

    def read(self, kind: str, namespace: str | None, name: str) -> Object | None:
        self._sweep()
        if kind in _PLAYED:
            return next((one for one in self._played(kind, namespace) if one["metadata"]["name"] == name), None)
        with self._file.reading() as held:
            found = held.get((kind, namespace, name))
        return None if found is None else self._shown(found)

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Object]:
        self._sweep()
        if kind in _PLAYED:
            return [one for one in self._played(kind, namespace) if _matches(one, labels)]
        with self._file.reading() as held:
            found = [one for one in held.of(kind, namespace) if _matches(one, labels)]
        return [self._shown(one) for one in found]

    def delete(self, kind: str, namespace: str | None, name: str) -> bool:
        self._sweep()
        gone = self.read(kind, namespace, name) if kind in _PLAYED else None
        with self._file.changing() as held:
            found = gone or held.get((kind, namespace, name))
            if found is None:
                return False
            order, at = forgotten(found), self._now(held)
            if order is not None and not found["metadata"].get("deletionTimestamp"):
                held.note(at, order)
            if kind == "Namespace":
                found["metadata"].setdefault("deletionTimestamp", _stamp(at))
                held.put((kind, namespace, name), found)
            else:
                held.remove((kind, namespace, name))
            return True

    def _now(self, held: Held) -> datetime:
        """Not before what was written last, so that the order of writes is that of their times."""
        return max(self._clock.now(), held.last() or self._clock.now())

    def _sweep(self) -> None:
        """Namespaces whose end has come go with all that is in them; Unavailable while the API is down."""
        world, now = self._world.world, self._clock.now()
        down = world.active(Fault.API_DOWN, now)
        if down is not None:
            raise Unavailable(f"The simulated Kubernetes API has not answered since {down.start:%Y-%m-%d %H:%M:%S} UTC.")
        with self._file.reading() as held:
            ending = held.ending()
        over = [one for one in ending if world.over(one["metadata"]["uid"], now)]
        if over:
            with self._file.changing() as held:
                for one in over:
                    there = held.get(_key(one))
                    if there is not None and there["metadata"]["uid"] == one["metadata"]["uid"]:
                        held.empty(one["metadata"]["name"])

    def _apply(self, held: Held, wanted: Object, *, dry_run: bool = False) -> Object:
        key = _key(wanted)
        self._admit(held, wanted)
        before = held.get(key)
        after = self._merged(before, wanted)
        if before is not None:
            _fixed(before, after)
        if not dry_run and (before is None or not _same(before, after)):
            self._store(held, key, before, after)
        return after

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
        return after

    def _store(self, held: Held, key: Key, before: Object | None, after: Object) -> None:
        version, at = str(held.number()), self._now(held)
        metadata = after["metadata"]
        if before is None:
            metadata |= {"uid": chance.uid(0, "object", version), "creationTimestamp": _stamp(at), "generation": 0}
        metadata["resourceVersion"] = version
        if before is None or before.get("spec") != after.get("spec"):
            metadata["generation"] += 1
        held.put(key, after)
        if key[0] in KINDS:
            order = noted(after, refused=self._insecure(held, after))
            if order is not None:
                held.note(at, order)

    def _insecure(self, held: Held, one: Object) -> str:
        """Why Pod Security lets no pod of the workload be made."""
        if one["kind"] not in ("Deployment", "Job"):
            return ""
        home = held.get(("Namespace", None, one["metadata"]["namespace"])) or {"metadata": {}}
        level = (home["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce")
        wrong = _unrestricted(one["spec"]["template"]["spec"]) if level == "restricted" else None
        return f'violates PodSecurity "restricted:latest": {wrong}' if wrong else ""

    def _shown(self, found: Object) -> Object:
        """With the status that its controller wrote."""
        status = _STATUS.get(found["kind"])
        return found | {"status": status(self, found)} if status is not None else found

    def _deployment(self, found: Object) -> Object:
        seen = self._world.world.progress(found["metadata"]["uid"], self._clock.now())
        if not seen.generation:
            return {}
        reason = "NewReplicaSetAvailable" if seen.complete else "ProgressDeadlineExceeded" if seen.late else "ReplicaSetUpdated"
        conditions = [condition("Progressing", not seen.late, reason)]
        if seen.refusal:
            conditions.append(condition("ReplicaFailure", True, "FailedCreate", seen.refusal))
        return {
            "observedGeneration": seen.generation,
            "replicas": seen.total,
            "updatedReplicas": seen.updated,
            "availableReplicas": seen.ready,
            "readyReplicas": seen.ready,
            "unavailableReplicas": max(0, seen.desired - seen.ready),
            "conditions": conditions,
        }

    def _job(self, found: Object) -> Object:
        seen = self._world.world.progress(found["metadata"]["uid"], self._clock.now())
        if seen.outcome:
            reason = "" if seen.outcome == "Complete" else seen.why
            return {"conditions": [condition(seen.outcome, True, "", reason)]}
        return {"active": seen.total}

    def _claim(self, found: Object) -> Object:
        place = found["metadata"]["namespace"], found["metadata"]["name"]
        return {"phase": "Bound" if self._world.world.bound(*place, self._clock.now()) else "Pending"}

    def _budget(self, found: Object) -> Object:
        namespace = found["metadata"]["namespace"]
        about = budget(found)
        pods = [one for one in self._world.world.pods(namespace, self._clock.now()) if one.deleted_at is None and not _over(one)]
        covered = [one for one in pods if about.covers(namespace, one.labels)]
        owners = {one.owner_name for one in covered}
        with self._file.reading() as held:
            wanted = sum(
                one["spec"].get("replicas", 1) for one in held.of("Deployment", namespace) if one["metadata"]["name"] in owners
            )
        return dict(counted(found["spec"], expected=max(wanted, len(covered)), healthy=sum(one.ready for one in covered)))

    def _namespace(self, found: Object) -> Object:
        return {"phase": "Terminating" if "deletionTimestamp" in found["metadata"] else "Active"}

    def _played(self, kind: str, namespace: str | None) -> Iterator[Object]:
        """Pods and events: nobody wrote them, they come about in the world."""
        world, now = self._world.world, self._clock.now()
        if kind == "Event":
            yield from (event(one) for one in world.events(namespace, now))
            return
        with self._file.reading() as held:
            owners = {_key(one): one for owner in ("Deployment", "Job") for one in held.of(owner, namespace)}
        for one in world.pods(namespace, now):
            yield pod(one, owners.get((one.owner_kind, one.namespace, one.owner_name)))


_PLAYED = ("Pod", "Event")
_STATUS: Mapping[str, Callable[[SimulatedCluster, Object], Object]] = {
    "Deployment": SimulatedCluster._deployment,
    "Job": SimulatedCluster._job,
    "PersistentVolumeClaim": SimulatedCluster._claim,
    "Namespace": SimulatedCluster._namespace,
    "PodDisruptionBudget": SimulatedCluster._budget,
}


def _over(one: Pod) -> bool:
    return one.phase in (Phase.SUCCEEDED, Phase.FAILED)


def _key(one: Object) -> Key:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _matches(one: Object, labels: Mapping[str, str]) -> bool:
    own = one["metadata"].get("labels") or {}
    return all(own.get(key) == value for key, value in labels.items())


def _same(before: Object, after: Object) -> bool:
    def said(one: Object) -> Object:
        metadata = {name: one["metadata"].get(name) for name in ("labels", "annotations")}
        return {name: value for name, value in one.items() if name not in ("metadata", "status")} | metadata

    return said(before) == said(after)


def _fixed(before: Object, after: Object) -> None:
    for path in _FIXED.get(before["kind"], ()):
        old: Any = before
        new: Any = after
        for step in path:
            old, new = (old or {}).get(step), (new or {}).get(step)
        if old != new:
            raise Rejected(Rejection.IMMUTABLE, f"{'.'.join(path)}: Invalid value: field is immutable")


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
