"""One unit of work: what every use case gets first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import polars as pl
from sqlmodel import Session

from app.keep import GLANCE, Kept, Mark
from collectors.sources.port import SourceHealth
from models.domain.access import Actor, Permission
from models.domain.cluster import Snapshot
from models.domain.mapping import DEFAULT_LABELS, LabelNames
from provisioner.wanted import Ground

T = TypeVar("T")
DEFAULT_GROUND = Ground("apps.localhost")


class WarehouseView(Protocol):
    """Reading side of the warehouse: views as `moorage warehouse describe` lists them."""

    def query(self, sql: str, params: Any = None) -> pl.DataFrame: ...


class ClusterView(Protocol):
    """Reading side of the cluster as it is known now."""

    def snapshot(self) -> Snapshot: ...

    def current(self, entity: str) -> pl.DataFrame:
        """Newest row per thing of `pod`, `node`, `volume` or `ingress`: gauges, and per second rates of the counters."""

    def sources(self) -> Sequence[SourceHealth]:
        """How the collection goes, in the process that collects; nothing elsewhere."""


@dataclass(frozen=True, slots=True)
class Context:
    """One transaction, one actor, one reading of the clock. Use cases flush and never commit: the edge does."""

    session: Session
    warehouse: WarehouseView
    cluster: ClusterView
    actor: Actor
    now: datetime
    edge: str = "page"
    """Where the call came from: page, api, cli, job or form. Kept in the audit."""
    labels: LabelNames = DEFAULT_LABELS
    """Which labels of the cluster name organizations and instances (settings)."""
    address: str = ""
    """Where people find the portal, such as https://portal.example.com: the beginning of links in mails."""
    kept: Kept | None = None
    """Answers that are kept; nothing in a unit that writes, which must see its own changes."""
    tick: timedelta = timedelta(seconds=30)
    """How often the cluster is measured (settings)."""
    ground: Ground = DEFAULT_GROUND
    """What apps are rendered for (settings)."""
    gateway: str = "dummy"
    """The name of the gateway by which new invoices are paid (settings)."""

    def require(self, permission: Permission, organization: str | None = None) -> None:
        self.actor.require(permission, organization)

    def keep(
        self, question: str, compute: Callable[[], T], *arguments: Hashable, of: Sequence[Mark], most: timedelta = GLANCE
    ) -> T:
        """What `compute` answers, or what it answered for the same arguments while nothing of `of` changed, at most `most` ago.

        Only for what is the same for everybody with the right, and only after `require`. Outside of a reading nothing is kept.
        """
        return compute() if self.kept is None else self.kept.answer((question, *arguments), of, most, compute)
