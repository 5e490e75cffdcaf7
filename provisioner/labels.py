"""Labels and names that every object of an instance carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.wanted import Wanted

MANAGER = "moorage-provisioner"
"""Field manager of every apply, and value of the label that says whose an object is."""
INSTANCE = "moorage.dev/instance"
ORGANIZATION = "moorage.dev/organization"
EXPOSED = "moorage.dev/expose"
INTERNET = "moorage.dev/internet"
COMPONENT = "app.kubernetes.io/component"
STEP = "moorage.dev/step"
GENERATION = "moorage.dev/generation"
RESTARTS = "moorage.dev/restarts"

Object = dict[str, Any]
"""A Kubernetes object as it is sent: plain data."""


def common(wanted: Wanted) -> dict[str, str]:
    """On everything: how it is found, and how it is known not to be somebody else's."""
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/part-of": "moorage",
        "app.kubernetes.io/name": wanted.template.id,
        "app.kubernetes.io/instance": wanted.namespace,
        INSTANCE: wanted.instance_id,
        ORGANIZATION: wanted.organization_id,
    }


def selector(wanted: Wanted, component: str) -> dict[str, str]:
    """Immutable once a Deployment has it, so nothing that may change is in it."""
    return {INSTANCE: wanted.instance_id, COMPONENT: component}


def made(
    wanted: Wanted, kind: str, version: str, name: str, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None
) -> Object:
    """An object of the instance's namespace with its labels; `body` is what is not metadata."""
    metadata: Object = {"name": name, "namespace": wanted.namespace, "labels": common(wanted) | dict(labels or {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
