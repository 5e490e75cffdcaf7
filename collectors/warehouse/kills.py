"""Killing the writer at random moments and looking at what is left: for CI a few times, for `moorage soak` as often as one likes.

The child appends, replaces, rolls up and compacts, and says each tick that it knows to be stored. After the last kill the warehouse is
opened once more: nothing that was said may be missing, nothing may be there half or twice, and the windows that were kept through all the
kills must equal windows computed anew.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from collectors.entities import POD
from collectors.warehouse.connection import Connection
from collectors.warehouse.schema import roll_table
from collectors.warehouse.warehouse import Warehouse

START = datetime(2026, 11, 18, tzinfo=UTC)
STEP = timedelta(minutes=1)
THINGS = 200
SOURCE = "kills"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was left after `kills`: `told` ticks were said to be stored, `lost` of them are not, `wrong` are there half or twice."""

    kills: int
    told: int
    stored: int
    lost: int
    wrong: int
    gaps: int
    windows: int
    windows_equal: bool
    compactions: int
    problems: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        return not (self.lost or self.wrong or self.gaps or self.problems) and self.windows_equal


def run(uri: str, kills: int, *, data_path: str = "", seed: int = 1, longest: float = 0.1) -> Outcome:
    """Start the child on an empty warehouse and kill it, `kills` times; then look.

    Each kill comes up to `longest` seconds after one of the child's first sentences, so a slow machine has progress between kills too.
    """
    chance = random.Random(seed)  # noqa: S311  moments, not secrets
    told: set[int] = set()
    compactions, problems = 0, []
    for _ in range(kills):
        child = subprocess.Popen(  # noqa: S603  this program itself
            [
                sys.executable,
                "-X",
                "faulthandler",
                "-m",
                "collectors.warehouse.kills",
                uri,
                data_path,
                str(chance.randrange(1 << 30)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None  # noqa: S101  it was asked for
        said = []
        for _ in range(chance.randint(1, 16)):
            said.append(child.stdout.readline())
        time.sleep(chance.uniform(0.0, longest))
        early = child.poll()
        child.kill()
        out, err = child.communicate()
        if early is not None:
            problems.append(f"ended by itself with {early}: {err[-2000:]}")
            break
        lines = [line for line in [*said, *out.splitlines(keepends=True)] if line.endswith("\n")]
        told |= {int(line.split()[1]) for line in lines if line.startswith("stored ")}
        compactions += sum(line.startswith("compacted") for line in lines)
    return _look(uri, data_path, kills, told, compactions, tuple(problems))


def _look(uri: str, data_path: str, kills: int, told: set[int], compactions: int, problems: tuple[str, ...]) -> Outcome:
    link = Connection(uri, data_path=data_path)
    warehouse = Warehouse(link)
    try:
        rows = warehouse.query(
            "SELECT tick, count(*) AS n, count(DISTINCT pod_id) AS things, min(memory_rss_bytes) AS low, max(memory_rss_bytes) AS high "
            "FROM pod_sample GROUP BY tick ORDER BY tick"
        ).rows()
        beats = warehouse.query("SELECT count(*) AS n, count(DISTINCT tick) AS ticks FROM tick").row(0)
        stored = {_number(tick) for tick, *_ in rows}
        wrong = sum((n, things, low, high) != (THINGS, THINGS, *[float(_number(t))] * 2) for t, n, things, low, high in rows)
        wrong += abs(beats[0] - len(stored)) + abs(beats[1] - len(stored))
        newest = max(stored, default=0)
        upto = START + STEP * newest
        warehouse.rollup(upto)
        kept = _windows(warehouse)
        _forget_windows(link)
        warehouse.close()
        warehouse = Warehouse(link := Connection(uri, data_path=data_path))
        warehouse.rollup(upto)
        return Outcome(
            kills=kills,
            told=len(told),
            stored=len(stored),
            lost=len(told - stored),
            wrong=wrong,
            gaps=len(warehouse.gaps(START, upto, STEP.total_seconds(), SOURCE)),
            windows=kept.height,
            windows_equal=_same(kept, _windows(warehouse)),
            compactions=compactions,
            problems=problems,
        )
    finally:
        warehouse.close()


def _windows(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.query("SELECT * FROM pod_5m ORDER BY t, pod_id")


def _same(kept: pl.DataFrame, anew: pl.DataFrame) -> bool:
    """Equal but for the last digits of sums that were added in another order."""
    if kept.shape != anew.shape:
        return False
    counted = [name for name, kind in kept.schema.items() if kind == pl.Float64]
    if not kept.drop(counted).equals(anew.drop(counted), null_equal=True):
        return False
    near = [(kept[c] - anew[c]).abs().max() for c in counted]
    known = [kept[c].is_null().equals(anew[c].is_null()) for c in counted]
    return all(known) and all(x is None or float(str(x)) < 1e-6 for x in near)


def _forget_windows(link: Connection) -> None:
    with link.transaction() as con:
        for level in ("5m", "1h"):
            con.execute(f"DELETE FROM wh.{roll_table(POD, level)}")
        con.execute("DELETE FROM wh.ticks WHERE starts_with(source, 'roll:')")


def _number(tick: datetime) -> int:
    return round((tick - START) / STEP)


def _frame(k: int, chance: random.Random) -> pl.DataFrame:
    """Samples of tick `k`; the gauges say `k`, so half a tick and a foreign row are seen. Counters fall now and then."""
    at = START + STEP * k - timedelta(seconds=chance.uniform(1, 50))
    values = {c.name: [float(k % (40 + i % 7)) for i in range(THINGS)] for c in POD.counters}
    return pl.DataFrame(
        {
            "ts": [at] * THINGS,
            "namespace": [f"ns{i % 9}" for i in range(THINGS)],
            "uid": [f"uid-{i}" for i in range(THINGS)],
            "container": ["main"] * THINGS,
            **values,
            **{g.name: [float(k)] * THINGS for g in POD.gauges},
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    )


def child(uri: str, data_path: str, seed: int) -> None:
    """Write until killed."""
    chance = random.Random(seed)  # noqa: S311  moments, not secrets
    link = Connection(uri, data_path=data_path)
    warehouse = Warehouse(link)
    newest = warehouse.query("SELECT max(tick) AS newest FROM tick")["newest"][0]
    k = _number(newest) if newest else 0
    _say("ready")
    while True:
        for _ in range(5):
            k += 1
            warehouse.append(START + STEP * k, SOURCE, {"pod": _frame(k, chance)})
            _say(f"stored {k}")
        again = chance.randint(max(1, k - 30), k)
        warehouse.append(START + STEP * again, SOURCE, {"pod": _frame(again, chance)})
        warehouse.rollup(START + STEP * k)
        _say("rolled")
        if chance.random() < 0.5:
            with link.transaction() as con:
                con.execute("DELETE FROM wh.ticks WHERE starts_with(source, 'sort:')")
            warehouse.compact(START + timedelta(days=30))
            _say("compacted")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
