"""The two ways to see the cluster: in the process that watches it, and from any other one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.context import WarehouseView
from models.domain.cluster import Snapshot

if TYPE_CHECKING:  # polars costs most of a start; only who looks at current values needs it
    import polars as pl

    from collectors.latest import Latest
    from collectors.sources.port import InventorySource, SourceHealth


@dataclass(frozen=True, slots=True)
class OwnCluster:
    """The cluster as this process itself watches and collects it."""

    inventory: InventorySource
    latest: Latest
    health: Callable[[], Sequence[SourceHealth]] = tuple
    """How the collection goes, as the collector says it."""

    def snapshot(self) -> Snapshot:
        return self.inventory.snapshot()

    def sources(self) -> Sequence[SourceHealth]:
        return self.health()

    def version(self) -> Hashable:
        """Another value when there are newer samples or the inventory was lost, found or changed from outside; None: unknown."""
        from collectors.sources.port import VersionedInventorySource

        known = self.inventory.version() if isinstance(self.inventory, VersionedInventorySource) else None
        return None if known is None else (known, self.latest.version)

    def current(self, entity: str) -> pl.DataFrame:
        return self.latest.current(entity)


class SharedCluster:
    """The cluster from outside the server: current values by the warehouse's newest samples, the inventory on first use."""

    def __init__(
        self,
        make: Callable[[], InventorySource],
        warehouse: WarehouseView,
        cluster: str,
        interval: timedelta,
    ) -> None:
        self._make, self._warehouse, self._cluster, self._interval = make, warehouse, cluster, interval
        self._inventory: InventorySource | None = None

    def snapshot(self) -> Snapshot:
        """The inventory's state; the first call connects to it."""
        if self._inventory is None:
            inventory = self._make()
            inventory.start()
            self._inventory = inventory
        return self._inventory.snapshot()

    def current(self, entity: str) -> pl.DataFrame:
        """As the server's latest table computes it, from the samples of the last minutes."""
        import polars as pl

        from collectors.entities import ENTITIES
        from collectors.latest import Latest, forget_after

        seconds = int(forget_after(self._interval).total_seconds())
        recent = self._warehouse.query(
            f"SELECT * FROM {ENTITIES[entity].name}_sample WHERE cluster = ? "
            f"AND ts > (SELECT max(ts) FROM {ENTITIES[entity].name}_sample WHERE cluster = ?) - INTERVAL {seconds} SECOND",
            [self._cluster, self._cluster],
        )
        latest = Latest(self._interval)
        if recent.is_empty():
            return latest.current(entity)
        keys = [column.name for column in ENTITIES[entity].key]
        ranked = recent.sort("ts", descending=True).with_columns(pl.int_range(pl.len()).over(keys).alias("_rank"))
        for rank in (1, 0):
            frame = ranked.filter(pl.col("_rank") == rank).drop("_rank")
            newest = frame["ts"].max()
            if isinstance(newest, datetime):
                latest.update("warehouse", newest.replace(tzinfo=UTC), {entity: frame})
        return latest.current(entity)

    def sources(self) -> Sequence[SourceHealth]:
        """Nothing: only the process that collects knows more than what is stored."""
        return ()

    def close(self) -> None:
        if self._inventory is not None:
            self._inventory.stop()
            self._inventory = None
