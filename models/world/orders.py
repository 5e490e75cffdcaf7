"""What somebody asked of the simulated cluster's API, reduced to what its nodes, pods and meters depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from models.world.objects import Object

NOTICED = 1.0
"""Seconds after which a controller acts on what was written."""
LOCAL = "local-path"
"""The storage class of claims that name none."""
KINDS = frozenset({"Namespace", "Deployment", "Job", "PersistentVolumeClaim", "ResourceQuota", "Ingress", "Pod"})
FOREVER = 1e9
"""Seconds of a toleration without an end."""
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_IMAGES = (("database", ("postgres", "mariadb", "mysql")), ("cache", ("redis", "valkey")))
_FAULTS = {"crash": "crash", "oom": "oom", "pull": "pull", "image-pull": "pull", "config": "config"}
_PLAYED = re.compile(r"sim-fault-(crash|oom|pull)")
EXPOSED = "moorage.dev/expose"
PLAY = "sim.moorage/"


@dataclass(frozen=True, slots=True)
class Wish:
    """The pods that a Deployment or Job wants. CPU in cores, the rest in bytes and seconds; a limit of 0 is none."""

    kind: str
    digest: str
    container: str
    image: str
    cpu: float
    memory: int
    cpu_limit: float
    memory_limit: int
    claims: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tolerated: float = 300.0
    """How long it stays on a node that is silent."""
    grace: float = 30.0
    """How long it counts against a quota after its deletion, when its node is silent."""
    role: str = "worker"
    fault: str = ""
    """crash, oom, pull or config: what it does instead of starting."""
    start_delay: float = 0.0
    leak_per_hour: float = 0.0
    job_seconds: float = 2.0
    refused: str = ""
    """Why the cluster makes no such pod."""


@dataclass(frozen=True, slots=True)
class Order:
    """One write to the API. `value` None: it was deleted, or a namespace began to end."""

    number: int
    at: datetime
    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    value: Mapping[str, Any] | None

    @property
    def wish(self) -> Wish:
        assert self.value is not None  # noqa: S101  only what is there wishes
        body = dict(self.value["pods"])
        return Wish(**{**body, "claims": tuple(body["claims"])})


def noted(manifest: Object, *, refused: str = "") -> Object | None:
    """The order in a manifest as it is kept, None when nothing depends on it; no environment and no secret is in it."""
    kind, metadata, spec = manifest["kind"], manifest["metadata"], manifest.get("spec") or {}
    match kind:
        case "Namespace":
            value: Object = {"labels": metadata.get("labels") or {}}
        case "Deployment":
            value = {
                "copies": spec.get("replicas", 1),
                "recreate": (spec.get("strategy") or {}).get("type") == "Recreate",
                "deadline": spec.get("progressDeadlineSeconds", 600),
                "pods": asdict(_wish(kind, spec["template"], refused)),
            }
        case "Job":
            value = {
                "deadline": spec.get("activeDeadlineSeconds", 0),
                "retries": spec.get("backoffLimit", 6),
                "pods": asdict(_wish(kind, spec["template"], refused)),
            }
        case "PersistentVolumeClaim":
            bound = (metadata.get("annotations") or {}).get(f"{PLAY}never-bind") != "yes"
            amount = _amount(spec["resources"]["requests"]["storage"])
            value = {"storage": amount, "class": spec.get("storageClassName") or LOCAL, "binds": bound}
        case "ResourceQuota":
            value = {"hard": dict(spec.get("hard") or {})}
        case "Ingress":
            value = {"addresses": _addresses(spec)}
        case _:
            return None
    return _body(kind, metadata.get("namespace"), metadata["name"], metadata["uid"], metadata.get("generation", 1), value)


def forgotten(manifest: Object) -> Object | None:
    """That what the manifest made is deleted."""
    kind, metadata = manifest["kind"], manifest["metadata"]
    if kind not in KINDS:
        return None
    return _body(kind, metadata.get("namespace"), metadata["name"], metadata["uid"], 0, None)


def cordoned(node: str, on: bool) -> Object:
    """That a node takes no pods any more, or takes them again."""
    return _body("Node", None, node, "", 0, {"unschedulable": on})


def order(number: int, at: datetime, body: Object) -> Order:
    """What `noted` or `forgotten` kept."""
    return Order(number, at, body["kind"], body["namespace"], body["name"], body["uid"], body["generation"], body["value"])


def amounts(hard: Mapping[str, str]) -> dict[str, float]:
    """A quota's quantities as numbers; names that are not understood are left out."""
    found = {}
    for name, text in hard.items():
        try:
            found[name] = _cores(text) if name.endswith("cpu") else float(_amount(text))
        except ValueError:
            continue
    return found


def _body(kind: str, namespace: str | None, name: str, uid: str, generation: int, value: Object | None) -> Object:
    home = name if kind == "Namespace" else namespace or ""
    return {"kind": kind, "namespace": home, "name": name, "uid": uid, "generation": generation, "value": value}


def _wish(kind: str, template: Object, refused: str) -> Wish:
    metadata, spec = template.get("metadata") or {}, template["spec"]
    labels, played = metadata.get("labels") or {}, metadata.get("annotations") or {}
    containers = spec["containers"]
    asked, most = (_resources(containers, name) for name in ("requests", "limits"))
    images = " ".join(one["image"] for one in containers)
    volumes = [one["persistentVolumeClaim"]["claimName"] for one in spec.get("volumes") or () if "persistentVolumeClaim" in one]
    waits = [
        one.get("tolerationSeconds")
        for one in spec.get("tolerations") or ()
        if one.get("key") == "node.kubernetes.io/unreachable" and one.get("effect") in (None, "", "NoExecute")
    ]
    sign = _PLAYED.search(images)
    return Wish(
        kind=kind,
        digest=hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16],
        container=containers[0]["name"],
        image=containers[0]["image"],
        cpu=asked[0] or most[0],
        memory=asked[1] or most[1],
        cpu_limit=most[0],
        memory_limit=most[1],
        claims=tuple(dict.fromkeys(volumes)),
        labels=dict(labels),
        tolerated=300.0 if not waits else min(FOREVER if wait is None else float(wait) for wait in waits),
        grace=float(spec.get("terminationGracePeriodSeconds", 30)),
        role=_role(kind, labels, containers[0]["image"]),
        fault=_FAULTS.get(played.get(f"{PLAY}fault") or (sign[1] if sign else ""), ""),
        start_delay=_seconds(played.get(f"{PLAY}start-delay"), 0.0),
        leak_per_hour=float(_amount(played.get(f"{PLAY}leak-per-hour") or "0")),
        job_seconds=_seconds(played.get(f"{PLAY}job-seconds"), 2.0),
        refused=refused,
    )


def _role(kind: str, labels: Mapping[str, str], image: str) -> str:
    if EXPOSED in labels:
        return "web"
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    found = next((role for role, names in _IMAGES if name in names), "worker")
    return found if kind == "Deployment" else "worker"


def _resources(containers: list[Object], which: str) -> tuple[float, int]:
    asked = [(one.get("resources") or {}).get(which) or {} for one in containers]
    return sum(_cores(one.get("cpu", "0")) for one in asked), sum(_amount(one.get("memory", "0")) for one in asked)


def _cores(text: object) -> float:
    written = str(text)
    return int(written[:-1]) / 1000 if written.endswith("m") else float(written)


def _amount(text: object) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGT]|[KMGT]i)?", str(text))
    if found is None:
        raise ValueError(f"“{text}” is no amount")
    return int(float(found[1]) * _UNITS[found[2] or ""])


def _seconds(text: str | None, usual: float) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text or "")
    return usual if found is None else float(found[1]) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get(found[2] or "s", 1.0)


def _addresses(spec: Object) -> list[str]:
    secured = {host for tls in spec.get("tls") or () for host in tls.get("hosts") or ()}
    hosts = [rule.get("host") or "" for rule in spec.get("rules") or ()]
    return sorted({f"{'https' if host in secured else 'http'}://{host}/" for host in hosts if host and "*" not in host})
