"""The API at a steady rate against a running server: p50, p95 and failures by route.

    .venv/bin/python benchmarks/api.py [--rate 50] [--seconds 30] [--url http://127.0.0.1:8600 --token TOKEN]

Requests are sent at fixed times whether or not the ones before were answered, so that a slow server cannot slow its own test down;
each latency counts from the time at which its request was due. A demo is started for it unless --url names a running
portal; its token needs the rights that the routes ask for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import httpx
from portal import options, portal

SCOPES = ("cluster.see", "organizations.see")
ROUTES = (
    "/me",
    "/nodes",
    "/pods?limit=50",
    "/capacity",
    "/capacity/forecast",
    "/overview",
    "/samples",
    "/organizations",
    "/instances",
    "/plans",
)


async def one(client: httpx.AsyncClient, route: str, due: float, found: dict[str, list[float]], failed: dict[str, int]) -> None:
    try:
        answer = await client.get(f"/api/v1{route}")
        good = answer.status_code == 200
    except httpx.HTTPError:
        good = False
    if good:
        found[route].append(time.perf_counter() - due)
    else:
        failed[route] += 1


async def run(address: str, token: str, rate: float, seconds: float) -> tuple[dict[str, list[float]], dict[str, int]]:
    found: dict[str, list[float]] = defaultdict(list)
    failed: dict[str, int] = defaultdict(int)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(
        base_url=address, headers={"Authorization": f"Bearer {token}"}, limits=limits, timeout=30, trust_env=False
    ) as client:
        for route in ROUTES:  # the first answer of each compiles and loads what the others find ready
            await one(client, route, time.perf_counter(), defaultdict(list), failed)
        begin, waiting = time.perf_counter(), set()
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(one(client, ROUTES[number % len(ROUTES)], due, found, failed))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
    return found, failed


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1] if len(values) > 1 else values[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options(parser)
    parser.add_argument("--token", default=os.environ.get("MOORAGE_TOKEN", ""))
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    with portal(asked) as server:
        token = asked.token or server.token(SCOPES)
        found, failed = asyncio.run(run(server.url, token, asked.rate, asked.seconds))
    machine = f"{os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}"
    print(f"{asked.rate:g} requests/s for {asked.seconds:g} s; {machine}\n")
    print("| route | requests | p50 ms | p95 ms | failed |\n|---|---:|---:|---:|---:|")
    everything = [value for values in found.values() for value in values]
    for name, values in [*((route, found.get(route, [])) for route in ROUTES), ("all", everything)]:
        lost = sum(failed.values()) if name == "all" else failed.get(name, 0)
        shown = (f"{percentile(values, share) * 1000:.1f}" for share in (0.50, 0.95)) if values else ("-", "-")
        print(f"| {name} | {len(values) + lost} | {' | '.join(shown)} | {lost} |")
    return 1 if sum(failed.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
