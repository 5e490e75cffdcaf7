"""Bytes on disk for each stored value of a sample, with labels, times and all else counted in.

    .venv/bin/python benchmarks/disk.py [--pods 2000] [--hours 24] [--step 60]

All fifteen metrics that the collector stores of a container: nine of them noise throughout, six steady (requests, limits, readiness,
restarts); each pod has its own offset within the step. The closed day is sorted as every night, then counted: blocks in use of the
DuckDB file that holds nothing but samples, Parquet of the same day as `export` writes it, and what the windows add. Nothing is
measured in time, so the load of the machine does not matter. Needs 2 GB of memory at the default size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collectors import warehouse as warehouses

END = datetime(2026, 11, 20, tzinfo=UTC)
COUNTERS = {
    # unit of a step's increase, and the digits that an exporter shows
    "cpu_usage_seconds_total": (0.15, 6),
    "cpu_cfs_periods_total": (10.0, 0),
    "cpu_cfs_throttled_periods_total": (1.0, 0),
    "network_receive_bytes_total": (40_000.0, 0),
    "network_transmit_bytes_total": (60_000.0, 0),
    "fs_reads_bytes_total": (4_000.0, 0),
    "fs_writes_bytes_total": (9_000.0, 0),
}
GAUGES = ("memory_working_set_bytes", "memory_rss_bytes")
STEADY = {
    "restarts_total": 0.0,
    "cpu_request_cores": 0.25,
    "cpu_limit_cores": 0.5,
    "memory_request_bytes": 134217728.0,
    "memory_limit_bytes": 268435456.0,
    "ready": 1.0,
}


def hour(random: np.random.Generator, state: dict[str, np.ndarray], pods: int, start: datetime, step: int) -> pl.DataFrame:
    """An hour of samples; `state` holds the counters."""
    count = 3600 // step
    grid = start.timestamp() + (np.arange(1, count + 1) * step)[None, :]
    at = grid - state["offset"][:, None]
    columns: dict[str, np.ndarray] = {}
    for name, (unit, digits) in COUNTERS.items():
        grown = state[name][:, None] + np.cumsum(unit * step * random.uniform(0.3, 1.7, (pods, count)), axis=1)
        state[name] = grown[:, -1]
        columns[name] = np.round(grown, digits).ravel()
    for name in GAUGES:
        columns[name] = np.round(state[name][:, None] * random.uniform(0.9, 1.1, (pods, count))).ravel()
    columns |= {name: np.full(pods * count, value) for name, value in STEADY.items()}
    number = np.repeat(np.arange(pods), count)
    moment = lambda seconds: pl.Series((seconds * 1_000_000).astype(np.int64)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")  # noqa: E731
    frame = pl.DataFrame({"number": number, **columns}).with_columns(
        moment(at.ravel()).alias("ts"), moment(np.repeat(grid, pods, axis=0).ravel()).alias("tick")
    )
    n = pl.col("number")
    return frame.with_columns(
        (pl.lit("tenant-") + (n // 3).cast(pl.String)).alias("namespace"),
        (pl.lit("app-") + n.cast(pl.String)).alias("pod"),
        (pl.lit("00000000-0000-4000-8000-") + n.cast(pl.String).str.zfill(12)).alias("uid"),
        pl.lit("app").alias("container"),
        (pl.lit("node-") + (n % 20).cast(pl.String)).alias("node"),
    ).drop("number")


def used(file: Path) -> int:
    """Bytes of the blocks that hold something: a file does not shrink when a day is rewritten, later days fill it."""
    with duckdb.connect(str(file), read_only=True) as con:
        row = con.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pods", 2000), ("hours", 24), ("step", 60)):
        wanted.add_argument(f"--{name}", type=int, default=default)
    asked = wanted.parse_args()
    random = np.random.default_rng(7)
    state = {name: random.uniform(0, 1e6, asked.pods) for name in COUNTERS}
    state |= {name: random.uniform(5e7, 5e8, asked.pods) for name in GAUGES}
    state["offset"] = random.uniform(0, asked.step, asked.pods).round(3)
    values = asked.pods * asked.hours * 3600 // asked.step * (len(COUNTERS) + len(GAUGES) + len(STEADY))
    found: list[tuple[str, int]] = []
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as scratch:
        file = Path(scratch) / "warehouse.duckdb"
        empty = warehouses.open(str(file))
        empty.close()
        nothing = used(file)
        wh = warehouses.open(str(file), memory="4GB")
        for number in range(asked.hours):
            start = END - timedelta(hours=asked.hours - number)
            wh.bulk_load("prometheus", {"pod": hour(random, state, asked.pods, start, asked.step)})
        wh.compact(END + timedelta(days=2))
        wh.close()
        found.append(("DuckDB file, sorted days", used(file) - nothing))
        wh = warehouses.open(str(file), memory="4GB")
        files = wh.export(Path(scratch) / "warehouse.duckdb.export", END - timedelta(days=1))
        found.append(("Parquet", sum(f.stat().st_size for f in files if f.parent.name.endswith("_samples"))))
        sorted_days = found[0][1]
        wh.rollup(END + timedelta(hours=1))
        wh.compact(END + timedelta(days=2))
        wh.close()
        found.append(("5-minute and hourly windows beside them", used(file) - nothing - sorted_days))
    print(f"{asked.pods:,} pods, {asked.hours} h, every {asked.step} s: {values:,} values\n")
    print("| on disk | MB | bytes a value |\n|---|---:|---:|")
    for name, size in found:
        print(f"| {name} | {size / 1e6:.0f} | {size / values:.2f} |")


if __name__ == "__main__":
    main()
