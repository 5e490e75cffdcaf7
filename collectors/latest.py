"""Current values, from the newest raw samples of each thing, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from collectors.entities import ENTITIES, Entity

INTERVAL = timedelta(seconds=30)
FORGET = timedelta(minutes=5)
CARRY = timedelta(minutes=1)


def forget_after(interval: timedelta) -> timedelta:
    """What was not seen for so long, at least three ticks, is gone."""
    return max(FORGET, 3 * interval)


def carry_for(interval: timedelta) -> timedelta:
    """How long a value that a newer sample does not have holds on, at least two ticks: series of one thing come at their own pace."""
    return max(CARRY, 2 * interval)


def rate_name(counter: str) -> str:
    """Column of a counter's rate: `cpu_usage_seconds_total` becomes `cpu_usage_seconds_per_second`."""
    return counter.removesuffix("_total") + "_per_second"


class Latest:
    """The newest row per thing and entity, of sources that are read each `interval`. Thread safe; readers get frames that never
    change."""

    def __init__(self, interval: timedelta = INTERVAL) -> None:
        self._forget, self._carry = forget_after(interval), carry_for(interval)
        self._lock = threading.Lock()
        self._frames: dict[tuple[str, str], pl.DataFrame] = {}
        self._ticks: dict[str, datetime] = {}
        self.version = 0
        """Grows with every reading that was taken."""

    def update(self, source: str, tick: datetime, frames: Mapping[str, pl.DataFrame]) -> None:
        """Take a source's reading; a row that is not newer than the one known is ignored, so a late tick changes nothing."""
        for name, frame in frames.items():
            entity = ENTITIES.get(name)
            if entity is None:
                continue
            incoming = _shaped(entity, frame)
            with self._lock:
                known = self._frames.get((source, name))
                merged = incoming if known is None else _merge(entity, known, incoming, self._carry)
                self._frames[source, name] = merged.filter(pl.col("ts") > tick - self._forget)
        with self._lock:
            self._ticks[source] = max(tick, self._ticks.get(source, tick))
            self.version += 1

    def current(self, entity: str) -> pl.DataFrame:
        """Newest row per thing: key, facts, `ts`, gauges, and `<counter without _total>_per_second` (NULL before two samples)."""
        wanted = ENTITIES[entity]
        with self._lock:
            newest = max(self._ticks.values(), default=None)
            frames = [frame for (_, name), frame in self._frames.items() if name == entity]
        if not frames or newest is None:
            return _present(wanted, _shaped(wanted, pl.DataFrame()))
        return _present(wanted, pl.concat(frames).filter(pl.col("ts") > newest - self._forget))


def _shaped(entity: Entity, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of the entity in order, and of each metric when it was measured, of each counter its rate."""
    types: dict[str, pl.DataType] = {c.name: pl.String() for c in entity.key + entity.facts}
    types |= {c.name: _TIME for c in entity.facts if c.unit == "time"}
    types |= {"ts": _TIME} | {c.name: pl.Float64() for c in entity.metrics}
    columns = [(pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in types.items()]
    shaped = frame.select(columns) if frame.width else pl.DataFrame(schema=types)
    return shaped.with_columns(
        *(pl.when(pl.col(c.name).is_not_null()).then("ts").alias(f"at_{c.name}") for c in entity.metrics),
        *(pl.lit(None, pl.Float64).alias(rate_name(c.name)) for c in entity.counters),
    )


def _merge(entity: Entity, known: pl.DataFrame, incoming: pl.DataFrame, carry: timedelta) -> pl.DataFrame:
    key = [c.name for c in entity.key]
    kept = [name for name in known.columns if name not in key]
    before = known.select(*key, *(pl.col(name).alias(f"_{name}") for name in kept))
    newer = incoming.join(before, on=key, how="left", nulls_equal=True).filter(
        pl.col("_ts").is_null() | (pl.col("ts") > pl.col("_ts"))
    )
    rates, values = [], []
    for column in entity.metrics:
        name, at = column.name, f"at_{column.name}"
        holds = pl.col(name).is_null() & (pl.col(f"_{at}") > pl.col("ts") - carry)
        values += [pl.when(holds).then(f"_{one}").otherwise(one).alias(one) for one in (name, at)]
    for column in entity.counters:
        name, at, rate = column.name, f"at_{column.name}", rate_name(column.name)
        now, then = pl.col(name), pl.col(f"_{name}")
        seconds = (pl.col(at) - pl.col(f"_{at}")).dt.total_microseconds() / 1e6
        # a counter that fell began again at zero; of a sum over parts nobody knows
        began = pl.lit(None, pl.Float64) if name in entity.summed else now
        grown = pl.when(now >= then).then(now - then).when(then.is_not_null()).then(began) / seconds
        holds = now.is_null() & (pl.col(f"_{at}") > pl.col("ts") - carry)
        rates.append(pl.when(holds).then(f"_{rate}").otherwise(grown).alias(rate))
    newer = newer.with_columns(*rates, *values).select(known.columns)
    return pl.concat([known.join(newer, on=key, how="anti", nulls_equal=True), newer])


def _present(entity: Entity, frame: pl.DataFrame) -> pl.DataFrame:
    names = [c.name for c in entity.key + entity.facts]
    return frame.select(*names, "ts", *(c.name for c in entity.gauges), *(rate_name(c.name) for c in entity.counters))


_TIME = pl.Datetime("us", "UTC")
