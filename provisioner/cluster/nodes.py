"""What may be asked of the cluster about its nodes: an optional right, apart from that to make apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.domain.draining import Budget, Guest

RIGHTS = ("patch nodes", "create pods/eviction", "list poddisruptionbudgets")
"""What deploy/nodes.yaml gives."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """The answer to one eviction. `held`: a disruption budget, or a server that is busy, says not now, and `why`."""

    held: bool = False
    why: str = ""
    retry_after_seconds: float | None = None


class Nodes(Protocol):
    """Every call may raise Unavailable (nobody answers), Misconfigured (credentials) or Rejected (no right, no such node)."""

    def lacking(self) -> Sequence[str]:
        """Which of `RIGHTS` the account does not have."""

    def cordon(self, node: str, on: bool) -> None:
        """Let the node take no pods any more, or take them again; nothing happens when it is so already."""

    def guests(self, node: str) -> Sequence[Guest]:
        """All pods on the node, whoever's they are."""

    def budgets(self) -> Sequence[Budget]:
        """All disruption budgets of the cluster."""

    def evict(self, guest: Guest) -> Evicted:
        """Ask this very pod to leave, and no other one of its name; one that is gone or leaving already has left."""
