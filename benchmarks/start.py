"""The first start with the demo and the second start: from the command to the first 200 of /readyz.

    .venv/bin/python benchmarks/start.py [--port 8690] [--seconds 600] [--again DIRECTORY]

Starts `./moorage up` in an empty directory of its own, ends it when it is ready, and starts it again. CPU and memory are those of the
server alone (its worker is a process beside it), until it is ready. `--again` measures only a further start on a directory that
`up` has filled; it is left as it is, but for what the server writes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Start:
    wall: float
    cpu: float
    peak: float
    """MiB."""


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and the largest resident size in MiB so far of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / TICKS, int(peak.split()[1]) / 1024


def start(data: Path, port: int, seconds: float) -> Start:
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "moorage"), "up", "--data", str(data), "--port", str(port)]
    # the launcher hands its process over, so that this is the server's
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            while not ready(port):
                if server.poll() is not None:
                    sys.exit(f"`moorage up` ended with {server.returncode} before it was ready.")
                if time.perf_counter() - began > seconds:
                    sys.exit(f"`moorage up` was not ready after {seconds:.0f} s.")
                time.sleep(0.05)
            wall = time.perf_counter() - began
            cpu, peak = used(server.pid)
            return Start(wall, cpu, peak)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--port", type=int, default=8690)
    wanted.add_argument("--seconds", type=float, default=600, help="longest wait for one start")
    wanted.add_argument("--again", type=Path, help="measure only a further start on this directory")
    args = wanted.parse_args()
    print("| start | s until ready | CPU s | peak MiB |")
    print("|---|---:|---:|---:|")

    def show(name: str, found: Start) -> None:
        print(f"| {name} | **{found.wall:.1f}** | {found.cpu:.1f} | {found.peak:.0f} |", flush=True)

    if args.again is not None:
        show("again", start(args.again, args.port, args.seconds))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        show("first, loads the demo", start(data, args.port, args.seconds))
        show("second", start(data, args.port, args.seconds))


if __name__ == "__main__":
    main()
