"""A change set as sentences, for whoever has to say yes to it and for whoever asks afterwards what was done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from provisioner.changes import Change, Difference, Verb

_NOUNS = {
    "Namespace": "its own namespace",
    "RoleBinding": "our rights in it",
    "ServiceAccount": "an account without rights",
    "ResourceQuota": "the plan's limits",
    "LimitRange": "limits for each container",
    "NetworkPolicy": "the network rule “{name}”",
    "Secret": "secrets",
    "PersistentVolumeClaim": "the volume “{name}”",
    "Service": "the inner address of “{name}”",
    "Deployment": "the component “{name}”",
    "PodDisruptionBudget": "the rule for moving “{name}”",
    "Job": "the step “{name}”",
    "Ingress": "the address",
}
_WAYS = {Verb.CREATE: "Make", Verb.UPDATE: "Change", Verb.DELETE: "Delete"}


def sentences(changes: Iterable[Change]) -> Iterator[str]:
    """One for each change, in their order."""
    for change in changes:
        noun = _NOUNS.get(change.kind, f"{change.kind} {change.name}").format(name=change.name)
        detail = "; ".join(_difference(one) for one in change.differences)
        yield f"{_WAYS[change.verb]} {noun}" + (f": {detail}." if detail else ".")


def _difference(one: Difference) -> str:
    path = one.path.removeprefix("spec.template.spec.").removeprefix("spec.")
    if one.wanted is None:
        return f"{path} goes"
    if one.now is None:
        return f"{path} becomes {_short(one.wanted)}"
    return f"{path} from {_short(one.now)} to {_short(one.wanted)}"


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "other settings"
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"
