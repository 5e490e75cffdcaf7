"""Questions of a dashboard, to the warehouse and to Prometheus, over the very same samples.

    .venv/bin/python benchmarks/queries.py [--pods 2000] [--hours 24] [--step 60] [--rounds 7]

Samples of CPU and memory are generated once, given to `promtool tsdb create-blocks-from openmetrics` and a Prometheus over
those blocks, and to the warehouse (one DuckDB file, rolled up and sorted). Prometheus answers by HTTP and its JSON is decoded; the
warehouse answers a polars frame. Rounds are interleaved; printed are medians of time and, as other work on the machine does not change
it, the CPU time of an answer (Prometheus: of its process and of decoding), with both ratios, and how far the answers differ. Needs
Debian's prometheus; some minutes and 3 GB of memory at the default size.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collectors import warehouse as warehouses
from collectors.warehouse import Warehouse

CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
END = datetime(2026, 11, 20, tzinfo=UTC)
PODS_A_NAMESPACE = 3
WINDOW = 300


@dataclass(frozen=True, slots=True)
class Size:
    pods: int
    hours: int
    step: int

    @property
    def start(self) -> datetime:
        return END - timedelta(hours=self.hours)


def samples(size: Size) -> pl.DataFrame:
    """Every pod at every step: CPU follows a day with noise, memory wanders; each pod has its own offset within the step."""
    random = np.random.default_rng(7)
    count = size.hours * 3600 // size.step
    grid = (np.arange(1, count + 1) * size.step)[None, :] + size.start.timestamp()
    offset = random.integers(1, size.step, size.pods)[:, None]
    at = grid - offset
    day = 1 + 0.6 * np.sin(2 * np.pi * at / 86400)
    rate = random.uniform(0.01, 0.3, size.pods)[:, None] * day * random.uniform(0.5, 1.5, at.shape)
    cpu = np.round(np.cumsum(rate * size.step, axis=1) + random.uniform(0, 1e5, size.pods)[:, None], 6)
    memory = np.round(random.uniform(5e7, 5e8, size.pods)[:, None] * (1 + 0.2 * day * random.uniform(0.8, 1.2, at.shape)))
    pods = np.repeat(np.arange(size.pods), count)
    frame = pl.DataFrame({"pod_number": pods, "second": at.ravel(), "tick_second": np.tile(grid, (size.pods, 1)).ravel()})
    number = pl.col("pod_number")
    return frame.with_columns(
        pl.Series("cpu_usage_seconds_total", cpu.ravel()),
        pl.Series("memory_working_set_bytes", memory.ravel()),
        (pl.lit("tenant-") + (number // PODS_A_NAMESPACE).cast(pl.String)).alias("namespace"),
        (pl.lit("app-") + number.cast(pl.String)).alias("pod"),
        (pl.lit("00000000-0000-4000-8000-") + number.cast(pl.String).str.zfill(12)).alias("uid"),
        pl.lit("app").alias("container"),
        (pl.lit("node-") + (number % 20).cast(pl.String)).alias("node"),
    )


def write_openmetrics(frame: pl.DataFrame, path: Path) -> None:
    labels = [
        pl.lit('{namespace="'),
        "namespace",
        pl.lit('",pod="'),
        "pod",
        pl.lit('",uid="'),
        "uid",
        pl.lit('",container="app",node="'),
        "node",
        pl.lit('"} '),
    ]
    with path.open("wb") as file:
        for metric, kind, column in ((CPU, "counter", "cpu_usage_seconds_total"), (MEMORY, "gauge", "memory_working_set_bytes")):
            family = metric.removesuffix("_total") if kind == "counter" else metric
            file.write(f"# TYPE {family} {kind}\n".encode())
            line = pl.concat_str(
                [
                    pl.lit(metric),
                    *labels,
                    pl.col(column).cast(pl.String),
                    pl.lit(" "),
                    pl.col("second").cast(pl.Int64).cast(pl.String),
                ]
            )
            frame.select(line.alias("line")).write_csv(file, include_header=False, quote_style="never")
        file.write(b"# EOF\n")


class Prometheus:
    """A Prometheus of its own over ready-made blocks, on loopback."""

    def __init__(self, blocks: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = blocks.parent / "prometheus.yaml"
        config.write_text("global: {scrape_interval: 1m}\n")
        self.url = f"http://127.0.0.1:{port}"
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={blocks}",
                "--storage.tsdb.retention.time=3650d",
                f"--web.listen-address=127.0.0.1:{port}",
                "--query.max-samples=500000000",
                "--log.level=error",
            ]
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/-/ready", timeout=2)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise SystemExit("Prometheus did not become ready")

    def ask(self, path: str, **parameters: Any) -> Any:
        """On one connection that stays open, as a dashboard's does."""
        body = urllib.parse.urlencode(parameters).encode()
        self._line.request("POST", f"/api/v1/{path}", body, {"Content-Type": "application/x-www-form-urlencoded"})
        with self._line.getresponse() as answer:
            return json.load(answer)["data"]["result"]

    def cpu(self) -> float:
        """Seconds of CPU that its process has used."""
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


@dataclass(frozen=True, slots=True)
class Question:
    """One question in both languages; `compare` reduces an answer of either kind to comparable numbers."""

    name: str
    sql: str
    params: list[Any]
    ask: Callable[[Prometheus], Any]
    from_rows: Callable[[pl.DataFrame], dict[Any, float]]
    from_prometheus: Callable[[Any], dict[Any, float]]


BY_NAMES = (
    "SELECT ts, memory_working_set_bytes FROM pod_sample "
    "WHERE cluster = 'default' AND namespace = ? AND uid = ? AND ts > ? AND ts <= ? ORDER BY ts"
)
BY_NUMBER = "SELECT ts, memory_working_set_bytes FROM pod_reading WHERE pod_id = ? AND ts > ? AND ts <= ? ORDER BY ts"
"""For who asks again and again about one pod and has looked its number up once."""


def questions(size: Size, number: int) -> list[Question]:
    """`number` is the `pod_id` of pod 7."""
    start, end = size.start, END
    pod, uid = "app-7", "00000000-0000-4000-8000-000000000007"
    last = end - timedelta(seconds=size.step)

    def instant(result: Any, *labels: str) -> dict[Any, float]:
        return {tuple(r["metric"][label] for label in labels): float(r["value"][1]) for r in result}

    def keyed(frame: pl.DataFrame, *keys: str) -> dict[Any, float]:
        times = frame.with_columns(cs.datetime().dt.epoch("s"))
        return {row[: len(keys)]: row[len(keys)] for row in times.iter_rows()}

    def ranged(result: Any, *labels: str) -> dict[Any, float]:
        return {
            (*(r["metric"].get(label, "") for label in labels), int(at)): float(value) for r in result for at, value in r["values"]
        }

    return [
        Question(
            "newest value of every pod",
            "SELECT namespace, pod, memory_working_set_bytes FROM pod_sample WHERE cluster = 'default' AND ts > ? AND ts <= ?",
            [last, end],
            lambda p: p.ask("query", query=MEMORY, time=end.timestamp()),
            lambda f: keyed(f, "namespace", "pod"),
            lambda r: instant(r, "namespace", "pod"),
        ),
        Question(
            f"CPU per namespace, {size.hours} h in 5-minute points",
            "SELECT namespace, t, sum(cpu_usage_seconds_total_inc) / 300 FROM pod_5m "
            "WHERE cluster = 'default' AND t > ? AND t <= ? GROUP BY 1, 2",
            [start + timedelta(seconds=WINDOW), end - timedelta(seconds=WINDOW)],
            lambda p: p.ask(
                "query_range",
                query=f"sum by (namespace) (rate({CPU}[5m]))",
                start=start.timestamp() + 2 * WINDOW,
                end=end.timestamp() - WINDOW,
                step=WINDOW,
            ),
            lambda f: keyed(f, "namespace", "t"),
            lambda r: ranged(r, "namespace"),
        ),
        Question(
            f"ten pods with the largest p95 of memory, {size.hours} h",
            "SELECT any_value(pod), quantile_cont(memory_working_set_bytes, 0.95) AS p95 FROM pod_sample "
            "WHERE cluster = 'default' AND ts > ? AND ts <= ? GROUP BY pod_id ORDER BY p95 DESC LIMIT 10",
            [start, end],
            lambda p: p.ask("query", query=f"topk(10, quantile_over_time(0.95, {MEMORY}[{size.hours}h]))", time=end.timestamp()),
            lambda f: keyed(f, "pod"),
            lambda r: instant(r, "pod"),
        ),
        Question(
            f"CPU seconds per namespace, {size.hours} h",
            "SELECT namespace, sum(cpu_usage_seconds_total_inc) FROM pod_1h "
            "WHERE cluster = 'default' AND t > ? AND t <= ? GROUP BY 1",
            [start, end],
            lambda p: p.ask("query", query=f"sum by (namespace) (increase({CPU}[{size.hours}h]))", time=end.timestamp()),
            lambda f: keyed(f, "namespace"),
            lambda r: instant(r, "namespace"),
        ),
        *(
            Question(
                f"one pod, {hours} h, every sample{said}",
                sql,
                [*of, end - timedelta(hours=hours), end],
                lambda p, hours=hours: p.ask("query", query=f'{MEMORY}{{pod="{pod}"}}[{hours}h]', time=end.timestamp()),
                lambda f: keyed(f, "t"),
                lambda r: ranged(r),
            )
            for hours in (size.hours, 1)
            for said, sql, of in (
                (", by its names", BY_NAMES, [f"tenant-{7 // PODS_A_NAMESPACE}", uid]),
                (", by its number", BY_NUMBER, [number]),
            )
        ),
    ]


def distance(ours: dict[Any, float], theirs: dict[Any, float]) -> str:
    shared = ours.keys() & theirs.keys()
    if not shared:
        return "nothing in common"
    apart = statistics.median(abs(ours[k] - theirs[k]) / abs(theirs[k]) for k in shared if theirs[k])
    return f"{len(shared)} of {max(len(ours), len(theirs))} rows, median {apart:.2%} apart"


def load(size: Size, frame: pl.DataFrame, folder: Path) -> Warehouse:
    wh = warehouses.open(str(folder / "warehouse.duckdb"), memory="4GB")
    as_time = lambda name: (pl.col(name) * 1_000_000).cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")  # noqa: E731
    made = frame.with_columns(as_time("second").alias("ts"), as_time("tick_second").alias("tick"))
    made = made.drop("second", "tick_second", "pod_number")
    for hour in range(size.hours):
        since, until = size.start + timedelta(hours=hour), size.start + timedelta(hours=hour + 1)
        wh.bulk_load("prometheus", {"pod": made.filter((pl.col("tick") > since) & (pl.col("tick") <= until))})
    wh.rollup(END + timedelta(hours=1))
    wh.compact(END + timedelta(days=2))
    return wh


@dataclass(slots=True)
class Cost:
    """What the answers of one side took, in ms."""

    walls: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def add(self, ask: Callable[[], Any]) -> Any:
        began, spent = time.perf_counter(), time.process_time()
        answer = ask()
        self.walls.append((time.perf_counter() - began) * 1000)
        self.cpu += (time.process_time() - spent) * 1000
        return answer

    @property
    def wall(self) -> float:
        return statistics.median(self.walls)

    @property
    def each(self) -> float:
        return self.cpu / len(self.walls)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pods", 2000), ("hours", 24), ("step", 60), ("rounds", 7)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    chosen = arguments.parse_args()
    size = Size(chosen.pods, chosen.hours, chosen.step)
    for tool in ("prometheus", "promtool"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: install Debian's package prometheus")
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as scratch:
        folder = Path(scratch)
        frame = samples(size)
        values = 2 * frame.height
        print(f"{frame.height:,} rows of {size.pods:,} pods, {values:,} sample values", file=sys.stderr)
        text = folder / "samples.txt"
        write_openmetrics(frame, text)
        blocks = folder / "blocks"
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(blocks)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        text.unlink()
        wh = load(size, frame, folder)
        del frame
        prometheus = Prometheus(blocks)
        try:
            compare(size, wh, prometheus, chosen.rounds)
        finally:
            prometheus.close()
            wh.close()


def compare(size: Size, wh: Warehouse, prometheus: Prometheus, rounds: int) -> None:
    print(f"\n| question over {size.pods:,} pods | warehouse ms | Prometheus ms | ratio | CPU ms | CPU ms | ratio | the answers |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    number = wh.query("SELECT pod_id FROM pod WHERE pod = 'app-7'").item()
    for question in questions(size, number):
        first = Cost()
        first.add(lambda: question.ask(prometheus))  # noqa: B023  called at once
        rows = wh.query(question.sql, question.params)
        many = rounds if first.wall > 100 else 30 * rounds
        ours, theirs = Cost(), Cost()
        before = prometheus.cpu()
        for _ in range(many):
            rows = ours.add(lambda: wh.query(question.sql, question.params))  # noqa: B023  the same
            result = theirs.add(lambda: question.ask(prometheus))  # noqa: B023  the same
        theirs.cpu += (prometheus.cpu() - before) * 1000
        apart = distance(question.from_rows(rows), question.from_prometheus(result))
        print(
            f"| {question.name} | {ours.wall:.1f} | {theirs.wall:.1f} | {theirs.wall / ours.wall:.1f} x "
            f"| {ours.each:.1f} | {theirs.each:.1f} | {theirs.each / ours.each:.1f} x | {apart} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
