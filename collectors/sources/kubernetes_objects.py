"""Raw JSON of the Kubernetes API into the values of `models.domain.cluster`: pure, and only what is needed is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from models.domain.cluster import (
    Claim,
    Container,
    Event,
    Namespace,
    Node,
    Phase,
    Pod,
    Quota,
    Resources,
    Taint,
    Toleration,
    Workload,
)
from models.domain.placement import InitContainer, effective_request

Json = Mapping[str, Any]

_SUFFIXES: Mapping[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_BULKY = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_ANNOTATION = 1024


def quantity(text: str | int | float | None) -> Decimal:
    """A Kubernetes quantity, exactly: `100m`, `1.5Gi`, `2e3`, `12E` (exa); nothing is zero. ValueError when it is none."""
    if text is None or text == "":
        return Decimal(0)
    written = str(text).strip()
    for length in (2, 1):
        scale = _SUFFIXES.get(written[-length:])
        if scale is not None:
            return _number(written[:-length], written) * scale
    return _number(written, written)


def _number(digits: str, written: str) -> Decimal:
    try:
        value = Decimal(digits)
    except ArithmeticError as error:
        raise ValueError(f"{written!r} is not a quantity") from error
    if not value.is_finite():
        raise ValueError(f"{written!r} is not a quantity")
    return value


def cores(text: str | int | float | None) -> float:
    return float(quantity(text))


def whole(text: str | int | float | None) -> int:
    """Bytes or pieces, rounded up as Kubernetes does."""
    return int(quantity(text).to_integral_value(ROUND_CEILING))


def instant(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API."""
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def amounts(raw: Json | None) -> Resources:
    """`cpu`, `memory` and `pods` of a resource list; what is not named is zero."""
    raw = raw or {}
    return Resources(cores(raw.get("cpu")), whole(raw.get("memory")), whole(raw.get("pods")))


def _labels(raw: Json | None) -> dict[str, str]:
    return dict(raw or {})


def _annotations(raw: Json | None) -> dict[str, str]:
    return {k: v for k, v in (raw or {}).items() if k != _BULKY and len(v) <= _LONGEST_ANNOTATION}


def _state(status: Json) -> tuple[str, Json]:
    """Name and detail of a container's state; empty when it has none yet."""
    states: Json = status.get("state") or {}
    for name, detail in states.items():
        return name, detail or {}
    return "", {}


def _conditions(status: Json) -> dict[str, Json]:
    return {c["type"]: c for c in status.get("conditions") or ()}


def _created(meta: Json) -> datetime:
    created = instant(meta.get("creationTimestamp"))
    if created is None:
        raise ValueError(f"object {meta.get('name')!r} has no creation time")
    return created


def node(raw: Json) -> Node:
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    conditions = _conditions(status)
    ready = conditions.get("Ready")
    addresses = {a["type"]: a["address"] for a in status.get("addresses") or ()}
    return Node(
        name=meta["name"],
        uid=meta["uid"],
        capacity=amounts(status.get("capacity")),
        allocatable=amounts(status.get("allocatable")),
        ready={"True": True, "False": False}.get(ready["status"]) if ready else None,
        ready_since=instant(ready.get("lastTransitionTime")) if ready else None,
        created_at=_created(meta),
        reason=(ready.get("reason") or "") if ready else "",
        pressures=frozenset(name for name in _PRESSURES if conditions.get(name, {}).get("status") == "True"),
        unschedulable=bool(spec.get("unschedulable")),
        taints=tuple(Taint(t["key"], t["effect"], t.get("value") or "") for t in spec.get("taints") or ()),
        labels=_labels(meta.get("labels")),
        version=(status.get("nodeInfo") or {}).get("kubeletVersion") or "",
        address=addresses.get("InternalIP", ""),
    )


def _container(spec: Json, status: Json | None) -> Container:
    resources = spec.get("resources") or {}
    status = status or {}
    state, detail = _state(status)
    last = (status.get("lastState") or {}).get("terminated") or {}
    return Container(
        name=spec["name"],
        image=spec.get("image") or "",
        request=amounts(resources.get("requests")),
        limit=amounts(resources.get("limits")),
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount") or 0),
        state=state,
        reason=detail.get("reason") or "",
        started_at=instant(detail.get("startedAt")),
        last_reason=last.get("reason") or "",
        last_exit_code=last.get("exitCode"),
        last_finished_at=instant(last.get("finishedAt")),
    )


def _sidecar(raw: Json) -> bool:
    return raw.get("restartPolicy") == "Always"


def _effective(spec: Json, kind: str) -> Resources:
    """The scheduler's sum for `requests` or `limits`; amounts set for the whole pod replace the containers'."""

    def of(raw: Json) -> Resources:
        return amounts((raw.get("resources") or {}).get(kind))

    total = effective_request(
        [of(c) for c in spec.get("containers") or ()],
        [InitContainer(of(c), _sidecar(c)) for c in spec.get("initContainers") or ()],
        amounts(spec.get("overhead")),
    )
    whole_pod = (spec.get("resources") or {}).get(kind) or {}
    extra = amounts(spec.get("overhead"))
    stated = amounts(whole_pod)
    return Resources(
        stated.cpu + extra.cpu if "cpu" in whole_pod else total.cpu,
        stated.memory + extra.memory if "memory" in whole_pod else total.memory,
        1,
    )


def _owner(meta: Json) -> tuple[str, str]:
    """Kind and name of the controller; a ReplicaSet of a Deployment counts as the Deployment, known by the hash in its name."""
    controller = next((o for o in meta.get("ownerReferences") or () if o.get("controller")), None)
    if controller is None:
        return "", ""
    kind, name = controller["kind"], controller["name"]
    tail = f"-{(meta.get('labels') or {}).get('pod-template-hash')}"
    if kind == "ReplicaSet" and name.endswith(tail):
        return "Deployment", name.removesuffix(tail)
    return kind, name


def _why(status: Json, conditions: Mapping[str, Json], starting: Iterable[Json]) -> tuple[str, str]:
    """Reason and message of a pod: its own, else what keeps it from a node, else what keeps its first steps from ending."""
    if status.get("reason"):
        return status["reason"], status.get("message") or ""
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return scheduled.get("reason") or "", scheduled.get("message") or ""
    for one in starting:
        state, detail = _state(one)
        reason = detail.get("reason") or ""
        if (state == "waiting" and reason not in ("", "PodInitializing")) or (state == "terminated" and detail.get("exitCode")):
            return f"Init:{reason}", detail.get("message") or ""
    return "", ""


def pod(raw: Json) -> Pod:
    meta, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    conditions = _conditions(status)
    ready = conditions.get("Ready", {})
    starting = status.get("initContainerStatuses") or ()
    statuses = {s["name"]: s for s in (*starting, *(status.get("containerStatuses") or ()))}
    running = [*(c for c in spec.get("initContainers") or () if _sidecar(c)), *(spec.get("containers") or ())]
    owner_kind, owner_name = _owner(meta)
    reason, message = _why(status, conditions, starting)
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        phase=Phase(status.get("phase") or "Unknown"),
        node=spec.get("nodeName") or None,
        created_at=_created(meta),
        containers=tuple(_container(c, statuses.get(c["name"])) for c in running),
        request=_effective(spec, "requests"),
        limit=_effective(spec, "limits"),
        started_at=instant(status.get("startTime")),
        deleted_at=instant(meta.get("deletionTimestamp")),
        ready=ready.get("status") == "True",
        ready_since=instant(ready.get("lastTransitionTime")) if ready.get("status") == "True" else None,
        reason=reason,
        message=message,
        owner_kind=owner_kind,
        owner_name=owner_name,
        priority=int(spec.get("priority") or 0),
        qos=status.get("qosClass") or "",
        host_network=bool(spec.get("hostNetwork")),
        claims=tuple(_claims(meta["name"], spec)),
        labels=_labels(meta.get("labels")),
        annotations=_annotations(meta.get("annotations")),
        node_selector=_labels(spec.get("nodeSelector")),
        tolerations=tuple(_toleration(t) for t in spec.get("tolerations") or ()),
    )


def _claims(pod_name: str, spec: Json) -> Iterable[str]:
    for volume in spec.get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield volume["persistentVolumeClaim"]["claimName"]
        elif volume.get("ephemeral"):
            yield f"{pod_name}-{volume['name']}"


def _toleration(raw: Json) -> Toleration:
    return Toleration(
        key=raw.get("key"),
        operator=raw.get("operator") or "Equal",
        value=raw.get("value") or "",
        effect=raw.get("effect"),
        seconds=raw.get("tolerationSeconds"),
    )


def workload(kind: str, raw: Json) -> Workload:
    meta, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    conditions = _conditions(status)
    reason = ""
    if conditions.get("ReplicaFailure", {}).get("status") == "True":
        reason = conditions["ReplicaFailure"].get("reason") or ""
    elif conditions.get("Progressing", {}).get("status") == "False":
        reason = conditions["Progressing"].get("reason") or ""
    return Workload(
        kind=kind,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        desired=int(1 if spec.get("replicas") is None else spec["replicas"]),
        ready=int(status.get("readyReplicas") or 0),
        available=int(status.get("availableReplicas") or 0),
        generation=int(meta.get("generation") or 0),
        observed_generation=int(status.get("observedGeneration") or 0),
        created_at=_created(meta),
        labels=_labels(meta.get("labels")),
        reason=reason,
    )


def claim(raw: Json) -> Claim:
    meta, spec, status = raw["metadata"], raw["spec"], raw.get("status") or {}
    return Claim(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        phase=status.get("phase") or "",
        storage_class=spec.get("storageClassName") or "",
        requested_bytes=whole(((spec.get("resources") or {}).get("requests") or {}).get("storage")),
        volume=spec.get("volumeName") or "",
        created_at=_created(meta),
    )


@dataclass(frozen=True, slots=True)
class Volume:
    """A persistent volume; `hosts` are host names or node names it can be used on, empty: on any."""

    name: str
    hosts: frozenset[str]


def volume(raw: Json) -> Volume:
    required = ((raw["spec"].get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    hosts: set[str] = set()
    for term in required:
        for rule in (*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())):
            if rule.get("key") in ("kubernetes.io/hostname", "metadata.name") and rule.get("operator") == "In":
                hosts.update(rule.get("values") or ())
    return Volume(raw["metadata"]["name"], frozenset(hosts))


def namespace(raw: Json) -> Namespace:
    meta = raw["metadata"]
    return Namespace(
        name=meta["name"],
        uid=meta["uid"],
        phase=(raw.get("status") or {}).get("phase") or "",
        created_at=_created(meta),
        labels=_labels(meta.get("labels")),
        annotations=_annotations(meta.get("annotations")),
    )


def quota(raw: Json) -> Quota:
    meta, status = raw["metadata"], raw.get("status") or {}
    hard = status.get("hard") or (raw.get("spec") or {}).get("hard")
    return Quota(meta["namespace"], meta["name"], _labels(hard), _labels(status.get("used")))


def event(raw: Json) -> Event:
    meta, about, series = raw["metadata"], raw.get("involvedObject") or {}, raw.get("series") or {}
    created = _created(meta)
    said = instant(raw.get("eventTime"))
    first = instant(raw.get("firstTimestamp")) or said or created
    last = instant(series.get("lastObservedTime")) or instant(raw.get("lastTimestamp")) or said or created
    return Event(
        uid=meta["uid"],
        namespace=about.get("namespace") or "",
        kind=about.get("kind") or "",
        name=about.get("name") or "",
        object_uid=about.get("uid") or "",
        type=raw.get("type") or "",
        reason=raw.get("reason") or "",
        message=raw.get("message") or "",
        count=int(series.get("count") or raw.get("count") or 1),
        first_at=first,
        last_at=last,
        component=(raw.get("source") or {}).get("component") or raw.get("reportingComponent") or "",
    )


@dataclass(frozen=True, slots=True)
class Backend:
    """A Kubernetes service behind the ingress; `ports` are its numbers and names, as the ingress may call them."""

    namespace: str
    service: str
    ports: tuple[str, ...]


def service(raw: Json) -> Backend:
    meta = raw["metadata"]
    ports = (raw.get("spec") or {}).get("ports") or ()
    names = [str(p["port"]) for p in ports] + [p["name"] for p in ports if p.get("name")]
    return Backend(meta["namespace"], meta["name"], tuple(names))
