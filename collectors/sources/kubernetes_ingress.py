"""An Ingress of the Kubernetes API: what it sends traffic to, and the addresses at which that answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from collectors.sources.kubernetes_objects import Backend, Json

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
_PATH = re.compile(r"/[A-Za-z0-9/._~-]*")


@dataclass(frozen=True, slots=True)
class Ingress:
    """`addresses` are web addresses that a browser would open, one for each host that it names in full."""

    namespace: str
    backends: tuple[Backend, ...]
    addresses: tuple[str, ...]


def ingress(raw: Json) -> Ingress:
    """One object of `networking.k8s.io/v1`."""
    namespace, spec = raw["metadata"]["namespace"], raw.get("spec") or {}
    rules = spec.get("rules") or ()
    paths = [path for rule in rules for path in _paths(rule)]
    found = []
    for backend in [spec.get("defaultBackend") or {}, *(path.get("backend") or {} for path in paths)]:
        target = backend.get("service")
        if target:
            port = target.get("port") or {}
            found.append(Backend(namespace, target["name"], (str(port.get("name") or port.get("number") or ""),)))
    encrypted = {host for tls in spec.get("tls") or () for host in tls.get("hosts") or ()}
    addresses = [address for rule in rules if (address := _address(rule, encrypted))]
    return Ingress(namespace, tuple(dict.fromkeys(found)), tuple(dict.fromkeys(addresses)))


def by_namespace(ingresses: Iterable[Ingress]) -> Mapping[str, tuple[str, ...]]:
    """All addresses of each namespace that has any, in order."""
    found: dict[str, set[str]] = {}
    for one in ingresses:
        if one.addresses:
            found.setdefault(one.namespace, set()).update(one.addresses)
    return {namespace: tuple(sorted(addresses)) for namespace, addresses in found.items()}


def _address(rule: Json, encrypted: set[str]) -> str:
    """Where a rule's host answers: at the shortest of its paths, since nothing need be at the others' root. Empty for a wildcard."""
    host = rule.get("host") or ""
    if not _HOST.fullmatch(host):
        return ""
    plain = [path for one in _paths(rule) if _PATH.fullmatch(path := one.get("path") or "/")]
    scheme = "https" if encrypted & {host, "*." + host.partition(".")[2]} else "http"
    return f"{scheme}://{host}{min(plain, key=lambda path: (len(path), path), default='/')}"


def _paths(rule: Json) -> Sequence[Json]:
    return (rule.get("http") or {}).get("paths") or ()
