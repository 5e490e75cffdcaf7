"""One tick end to end: ask Prometheus, join, keep the current values, store. CPU and memory of the collecting process alone.

    .venv/bin/python benchmarks/tick.py [--pods 82,1000,5000] [--ticks 5]

A stub of Prometheus in another process answers in the shape of recorded answers (cAdvisor's labels with control group, image and
name, the pod's own group beside each container, kube-state-metrics, node-exporter), packed as Prometheus packs them. Each
size runs in a process of its own; the first tick, which loads code and meets every pod for the first time, is shown apart.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collectors import warehouse as warehouses
from collectors.latest import Latest
from collectors.sources.port import Window
from collectors.sources.prometheus import PrometheusSource
from tests.collect.stub_prometheus import Cluster, stub_prometheus

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TICK = timedelta(seconds=30)


def serve(pods: int, channel: Connection) -> None:
    with stub_prometheus(Cluster(pods=pods, nodes=max(3, pods // 50))) as stub:
        channel.send(stub.url)
        channel.recv()


def measure(pods: int, ticks: int) -> dict[str, float]:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(pods, theirs), daemon=True)
    server.start()
    source = PrometheusSource(ours.recv())
    reads, stores, walls = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        warehouse, latest = warehouses.open(f"{folder}/wh.duckdb"), Latest()
        rows = 0
        for i in range(ticks + 1):
            end = START + i * TICK
            wall, began = time.perf_counter(), time.process_time()
            reading = source.read(Window(end - TICK, end))
            latest.update(source.name, end, reading.frames)
            read = time.process_time()
            rows = warehouse.append(end, source.name, reading.frames)
            reads.append(read - began)
            stores.append(time.process_time() - read)
            walls.append(time.perf_counter() - wall)
        series = sum(q.series for q in reading.queries)
        warehouse.close()
    ours.send(None)
    server.join(10)
    return {
        "pods": pods,
        "series": series,
        "rows": rows,
        "first": reads[0] + stores[0],
        "read": statistics.median(reads[1:]),
        "store": statistics.median(stores[1:]),
        "wall": statistics.median(walls[1:]),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--pods", default="82,1000,5000")
    wanted.add_argument("--ticks", type=int, default=5)
    wanted.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = wanted.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.ticks)))
        return
    print(
        "| pods | series asked | rows stored | CPU s, read and join | CPU s, store "
        "| CPU s, tick | s with Prometheus | first tick, CPU s | peak MiB |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for pods in args.pods.split(","):
        command = [sys.executable, __file__, "--one", pods, "--ticks", str(args.ticks)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"| {found['pods']:,} | {found['series']:,} | {found['rows']:,} | {found['read']:.2f} | {found['store']:.2f} "
            f"| **{found['read'] + found['store']:.2f}** | {found['wall']:.2f} | {found['first']:.2f} | {found['peak']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
