"""What a process that begins to watch tells of a cluster that was watched before it: only what is news.

An inventory that has just been started reports everything that exists, and knows nothing of what ended while nobody watched. The
warehouse knows the last stored state of everything; the difference between the two is what happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from collectors.entities import NODE_STATE, POD_STATE, RECORDS, Record
from collectors.frames import record_frame
from collectors.warehouse import Warehouse
from models.domain.cluster import Snapshot

SETTLING = timedelta(minutes=10)
"""How long after the first tick events may still be the repeated ones of the time before."""
LAST = "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY ts DESC, tick DESC) = 1"


class Takeover:
    """Compares the first changes of an inventory with what is stored. Once these are stored, `done`."""

    def __init__(self, warehouse: Warehouse, cluster: str) -> None:
        self._warehouse, self._cluster = warehouse, cluster
        self._begun: datetime | None = None

    def news(self, frames: Mapping[str, pl.DataFrame], seen: Snapshot, now: datetime) -> Mapping[str, pl.DataFrame]:
        """`frames` without what is stored already, with the end of what is gone."""
        found = dict(frames)
        if self._begun is None:
            found["pod_state"] = self._states(POD_STATE, ["uid", "container"], "uid", set(seen.pods), frames, now)
            found["node_state"] = self._states(NODE_STATE, ["node"], "node", set(seen.nodes), frames, now)
        if self._begun is None or now < self._begun + SETTLING:
            found["event"] = self._unsaid(frames.get("event"))
        return found

    def done(self, now: datetime) -> None:
        """The first changes are stored: from now on the inventory's own word is enough."""
        self._begun = self._begun or now

    def _states(
        self, record: Record, key: list[str], identity: str, alive: set[str], frames: Mapping[str, pl.DataFrame], now: datetime
    ) -> pl.DataFrame:
        names = [name for name, *_ in record.columns]
        last = LAST.format(key=", ".join(key))
        told = frames.get(record.name, record_frame(record))
        stored = self._warehouse.query(f"SELECT {', '.join(names)} FROM {record.name} WHERE cluster = ? {last}", [self._cluster])
        stored = stored.cast(told.schema)
        rest = [name for name in names if name != "ts"]
        fresh = told.join(stored, on=rest, how="anti", nulls_equal=True)
        ended = stored.filter(
            (pl.col("phase") != "Gone") & ~pl.col(identity).is_in(alive) & ~pl.col(identity).is_in(set(told[identity]))
        ).with_columns(pl.lit(now).cast(told.schema["ts"]).alias("ts"), pl.lit("Gone").alias("phase"), pl.lit(False).alias("ready"))
        return pl.concat([fresh, ended.select(fresh.columns)])

    def _unsaid(self, told: pl.DataFrame | None) -> pl.DataFrame:
        if told is None or told.is_empty():
            return record_frame(RECORDS["event"])
        stored = self._warehouse.query(
            "SELECT uid, count, ts FROM event WHERE cluster = ? AND ts >= ?", [self._cluster, told["ts"].min()]
        ).cast({"uid": pl.String(), "count": pl.Int32(), "ts": told.schema["ts"]})
        return told.join(stored, on=["uid", "count", "ts"], how="anti", nulls_equal=True)
