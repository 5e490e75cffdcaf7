"""The whole product against a real control plane with 20 nodes and 2,000 pods: is it right, and what does it cost?

    eval "$(../shared/testbed/testbed up --dir /tmp/large --nodes 20 --node-cpu 16 --node-memory-gib 32 \\
            --pods 2000 --customers 200 --scrape 15s)"
    .venv/bin/python benchmarks/large_bed.py [--ticks 20] [--tick-seconds 15]

Starts `moorage up --kubeconfig --prometheus` on an empty directory with a browser and a token as an admin has them. First it is compared:
pods by namespace and phase and requests by node with the API server, memory and CPU of every pod with PromQL at the same tick; a difference
ends the program with 1. Then, over the ticks asked for, CPU and memory of the server's process alone, ticks that are missing, the answers
of the API and the pages with an empty cache and again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import portal as benches
import psutil
import urllib3
from kubernetes import client, config
from playwright.sync_api import sync_playwright
from prometheus_api_client import PrometheusConnect
from visits import FLAGS, visit

from tests.live.portal import Portal, running

MEMORY = 'container_memory_working_set_bytes{container!=""}'
CPU = 'container_cpu_usage_seconds_total{container!=""}'
PAGES = ("overview", "cluster", "capacity", "collection")
ANSWERS = ("/overview", "/nodes", "/pods?limit=100", "/capacity", "/collection")


def until(what: Callable[[], Any], seconds: float, why: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(1)
    sys.exit(f"did not come in {seconds:.0f} s: {why}")


def source(portal: Portal) -> Any:
    return next((one for one in portal.get("/collection")["sources"] if one["source"] == "prometheus"), {})


def compared(portal: Portal, prometheus: PrometheusConnect, tick: float) -> list[str]:
    """What differs from the API server and from Prometheus; nothing is good."""
    wrong = []
    theirs = client.CoreV1Api(config.new_client_from_config(os.environ["KUBECONFIG"])).list_pod_for_all_namespaces()
    pods = portal.every("/pods")
    held = Counter((pod.metadata.namespace, pod.status.phase) for pod in theirs.items)
    if Counter((pod["namespace"], pod["phase"]) for pod in pods) != held:
        wrong.append(f"{len(pods)} pods here, {len(theirs.items)} in the API server, by namespace and phase")
    running_there = Counter(pod.spec.node_name for pod in theirs.items if pod.status.phase not in ("Succeeded", "Failed"))
    here = {row["name"]: row["requests"]["pods"] for row in portal.every("/nodes")}
    if {name: n for name, n in here.items() if n} != {name: n for name, n in running_there.items() if name}:
        wrong.append("pods by node")
    for _ in range(10):  # a rate after a tick that came late spans more than two scrapes: the next tick is looked at
        measured, off = figures(portal, prometheus, tick)
        if not off:
            break
        time.sleep(tick)
    wrong += off
    print(f"compared {len(pods)} pods on {len(here)} nodes, {measured} of them measured: {'; '.join(wrong) or 'all equal'}")
    return wrong


def figures(portal: Portal, prometheus: PrometheusConnect, tick: float) -> tuple[int, list[str]]:
    """Running pods that are measured, and what of their memory and CPU is not what PromQL says at the time of their samples."""
    wrong = []
    measured = [pod for pod in portal.every("/pods") if pod["measured_at"] and pod["phase"] == "Running"]
    for field, query, apart in (("memory_used", MEMORY, 0.0), ("cpu_used", f"irate({CPU}[{4 * tick:.0f}s])", 1e-6)):
        off = 0
        for at in {pod["measured_at"] for pod in measured}:
            moment = {"time": datetime.fromisoformat(at).timestamp()}
            asked = prometheus.custom_query(f"sum by (namespace, pod) ({query})", params=moment)
            told = {(one["metric"]["namespace"], one["metric"]["pod"]): float(one["value"][1]) for one in asked}
            for pod in measured:
                if pod["measured_at"] == at:
                    theirs = told[pod["namespace"], pod["name"]]
                    off += abs(pod[field] - theirs) > apart * abs(theirs)
        if off:
            wrong.append(f"{field} of {off} of {len(measured)} pods")
    return len(measured), wrong


def answers(portal: Portal) -> None:
    print("\n| answer of the API | median | p95 |\n|---|---:|---:|")
    for path in ANSWERS:
        took = []
        for _ in range(30):
            began = time.perf_counter()
            portal.api.get(f"/api/v1{path}").raise_for_status()
            took.append((time.perf_counter() - began) * 1000)
        took.sort()
        print(f"| {path} | {statistics.median(took):.0f} ms | {took[28]:.0f} ms |", flush=True)


def opened(portal: Portal) -> None:
    print("\n| page | empty cache | again |\n|---|---:|---:|")
    cookies = dict(portal.admin.cookies.items())
    one = benches.Portal(portal.url, "", "", None)
    with sync_playwright() as playwright:
        for page in PAGES:
            times = []
            for _ in range(3):
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                times.append(visit(browser, one, cookies, page))
                browser.close()
            cold, again = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"| {page} | {cold:.2f} s | {again:.2f} s |", flush=True)


def ticked(portal: Portal, server: psutil.Process, ticks: int, seconds: float) -> list[str]:
    """CPU of the server over so many ticks in which nobody looks, and what of the ticks is missing."""
    first, used = datetime.fromisoformat(source(portal)["last_tick"]), server.cpu_times()
    began = time.monotonic()
    time.sleep(ticks * seconds)
    spent, wall = server.cpu_times(), time.monotonic() - began
    cpu = spent.user + spent.system - used.user - used.system
    last = datetime.fromisoformat(source(portal)["last_tick"])
    stored = round((last - first).total_seconds() / seconds)
    resident = server.memory_info().rss / 2**30
    print(
        f"\n{stored} ticks in {wall:.0f} s: {cpu / max(stored, 1):.2f} s CPU each, {cpu / wall:.1%} of a core; {resident:.2f} GiB resident"
    )
    gaps = [gap for gap in portal.get("/collection")["gaps"] if datetime.fromisoformat(gap["end"]) > first]
    return [f"{len(gaps)} gaps"] if gaps else []


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--ticks", type=int, default=20)
    wanted.add_argument("--tick-seconds", type=int, default=15)
    chosen = wanted.parse_args()
    for name in ("KUBECONFIG", "PROMETHEUS_URL"):
        if not os.environ.get(name):
            sys.exit(f"{name} is not set: start a test bed and take the lines that it prints")
    urllib3.disable_warnings()  # the bed signs its own certificate
    prometheus = PrometheusConnect(os.environ["PROMETHEUS_URL"])
    words = ["--kubeconfig", os.environ["KUBECONFIG"], "--prometheus", os.environ["PROMETHEUS_URL"]]
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as scratch:
        began = time.monotonic()
        with running(Path(scratch) / "data", words, tick_seconds=str(chosen.tick_seconds)) as portal:
            print(f"ready after {time.monotonic() - began:.0f} s")
            until(lambda: source(portal).get("last_tick"), 180, "the first tick")
            until(lambda: all(p["cpu_used"] is not None for p in portal.every("/pods") if p["phase"] == "Running"), 300, "rates")
            print(f"rates of all pods after {time.monotonic() - began:.0f} s")
            wrong = compared(portal, prometheus, chosen.tick_seconds)
            wrong += ticked(portal, psutil.Process(portal.process.pid), chosen.ticks, chosen.tick_seconds)
            answers(portal)
            opened(portal)
            wrong += compared(portal, prometheus, chosen.tick_seconds)
    if wrong:
        sys.exit("differs: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
