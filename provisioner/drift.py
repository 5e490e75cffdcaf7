"""Who changed what is otherwise than wanted, as far as the API remembers."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.changes import Change
from provisioner.labels import MANAGER

_CONTROLLERS = ("kube-controller-manager", "k3s", "kubelet", "kube-scheduler", "kwok")
"""Field managers that only keep statuses."""


def managers(changes: Iterable[Change]) -> tuple[str, ...]:
    """Field managers beside ours of the objects that differ, the latest first; none where the API does not say."""
    found: dict[str, str] = {}
    for change in changes:
        for one in ((change.found or {}).get("metadata") or {}).get("managedFields") or ():
            name = one.get("manager", "")
            if name and name != MANAGER and not name.startswith(_CONTROLLERS) and not one.get("subresource"):
                found[name] = max(found.get(name, ""), one.get("time", ""))
    return tuple(sorted(found, key=lambda name: (found[name], name), reverse=True))
