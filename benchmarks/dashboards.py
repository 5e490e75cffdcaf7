"""Many open dashboards: raw websocket clients that do what the browser does: ask for each live panel at its own interval, whether
or not the time before was answered. The server draws a panel again when it has news.

    .venv/bin/python benchmarks/dashboards.py [--clients 100] [--seconds 60] [--page cluster]

Prints the share of one core that the server needs, the CPU time of a rerun, how long a panel waits for its new content. A demo is
started for it unless --url names a running portal (then without the server's CPU).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import websockets
from portal import Portal, options, portal
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


@dataclass
class Tally:
    waits: list[float] = field(default_factory=list)
    received: int = 0
    polls: int = 0
    reruns: int = 0


def asked(page: str, fragment: str = "") -> bytes:
    message = BackMsg()
    message.rerun_script.page_name = page
    message.rerun_script.query_string = ""
    if fragment:
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = True
    return message.SerializeToString()


class Dashboard:
    """One open page: its first run, then every panel that asked to be refreshed, at the interval that it asked for."""

    def __init__(self, url: str, cookie: str, page: str, tally: Tally) -> None:
        self._url = url.replace("http", "ws", 1) + "/_stcore/stream"
        self._headers = {"Cookie": cookie, "Origin": url}
        self._page, self._tally = page, tally
        self._due: dict[str, float] = {}
        self._every: dict[str, float] = {}
        self._sent: float | None = None

    async def live(self, until: float, counting_from: float) -> None:
        async with websockets.connect(
            self._url, additional_headers=self._headers, subprotocols=["streamlit"], max_size=None, compression=None
        ) as socket:
            await socket.send(asked(self._page))
            while (now := time.monotonic()) < until:
                wait = min([until, *self._due.values()]) - now
                try:
                    raw = await asyncio.wait_for(socket.recv(), max(0.001, wait))
                except TimeoutError:
                    fragment = min(self._due, key=lambda name: self._due[name], default="")
                    if fragment and self._due[fragment] <= time.monotonic():
                        self._due[fragment] = time.monotonic() + self._every[fragment]
                        self._sent = time.monotonic()
                        self._tally.polls += self._sent >= counting_from
                        await socket.send(asked(self._page, fragment))
                    continue
                self._take(bytes(raw), counting_from)

    def _take(self, raw: bytes, counting_from: float) -> None:
        message = ForwardMsg.FromString(raw)
        self._tally.received += len(raw)
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            self._every[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            self._due.setdefault(message.auto_rerun.fragment_id, time.monotonic() + message.auto_rerun.interval)
        elif kind == "script_finished" and self._sent is not None:
            if self._sent >= counting_from:
                self._tally.waits.append(time.monotonic() - self._sent)
                self._tally.reruns += 1
            self._sent = None


async def crowd(one: Portal, cookie: str, chosen: argparse.Namespace) -> Tally:
    tally = Tally()
    begin = time.monotonic()
    warm = begin + 10 + chosen.clients * 0.1
    end = warm + chosen.seconds
    tasks = []
    for _ in range(chosen.clients):
        tasks.append(asyncio.create_task(Dashboard(one.url, cookie, chosen.page, tally).live(end, warm)))
        await asyncio.sleep(0.1)
    await asyncio.sleep(max(0.0, warm - time.monotonic()))
    tally.received = 0
    before = cpu(one)
    await asyncio.gather(*tasks)
    if before is not None:
        spent = (cpu(one) or 0.0) - before
        print(f"| server CPU | {spent / chosen.seconds:.1%} of one core |")
        print(f"| CPU of all by each rerun | {1000 * spent / max(1, tally.reruns):.1f} ms |")
    return tally


def cpu(one: Portal) -> float | None:
    if one.server is None:
        return None
    times = one.server.cpu_times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options(parser)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--page", default="", help="as in the address; empty: the Overview, which opens at /")
    chosen = parser.parse_args()
    with portal(chosen) as one:
        client = one.sign_in()
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        print(f"| {chosen.clients} open pages “{chosen.page or 'overview'}”, {chosen.seconds} s | |\n|---|---|")
        tally = asyncio.run(crowd(one, cookie, chosen))
        waits = sorted(tally.waits)
        if not waits:
            sys.exit("no panel was refreshed: is the page live?")
        print(f"| panels asked | {tally.polls} |")
        print(f"| of these drawn again, because there was news | {tally.reruns} |")
        print(f"| a panel waits, median | {1000 * statistics.median(waits):.0f} ms |")
        print(f"| a panel waits, 95th percentile | {1000 * waits[int(0.95 * (len(waits) - 1))]:.0f} ms |")
        print(f"| sent to a page each rerun | {tally.received / tally.reruns / 1000:.1f} kB |")


if __name__ == "__main__":
    main()
