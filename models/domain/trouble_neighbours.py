"""What several apps that are slow have in common: the node on which a part of each of them runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.domain.cluster import Snapshot
from models.domain.trouble_shapes import Kind, Trouble

FEW = 2
"""So many slow apps on one node are no chance any more."""


def pointed(found: Sequence[Trouble], snapshot: Snapshot) -> list[Trouble]:
    """The same findings; where the slow apps share exactly one node, and not all apps do, their next step names it."""
    slow = {one.namespace for one in found if one.kind is Kind.ANSWERS_SLOW}
    on: dict[str, set[str]] = {namespace: set() for namespace in slow}
    calm = set()
    for pod in snapshot.pods.values():
        if pod.active and pod.node is not None:
            if pod.namespace in slow:
                on[pod.namespace].add(pod.node)
            else:
                calm.add(pod.node)
    shared = set.intersection(*on.values()) if on else set()
    if len(slow) < FEW or len(shared) != 1 or calm <= shared:
        return list(found)
    [node] = shared
    step = f"All {len(slow)} slow apps have a part on {node}: look there for what takes its CPU, most likely a neighbour."
    return [replace(one, next_step=step) if one.kind is Kind.ANSWERS_SLOW else one for one in found]
