"""SQL of the roll-ups: increases split by time, levels as average and maximum.

For two consecutive samples (t1, v1), (t2, v2) of one thing and source the increase is `v2 - v1`, or `v2` when `v2 < v1` (a reset:
the counter began again at 0). A sum over parts that fell lost a part or had one begin again: its increase is unknown (NULL), since
what is left was counted long before. An increase is spread over the windows between t1 and t2 in proportion to time, so that windows
add up to what was counted and a missed tick leaves neither hole nor spike. Every counter is compared with its own last known value,
so a NULL is bridged. The first sample of a thing that started within the look-back counts from 0 at its start. Silence beyond the
look-back books nothing.

Windows are `(t - step, t]`; parameters: $cluster, $source, $a and $e (stored times, the span of windows), $back (seconds).
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.entities import Entity
from collectors.warehouse.schema import id_column, plural, roll_table, samples_table

STARTED = "started_at"
REACH = (
    "cluster = $cluster AND source = $source AND ts > $a::TIMESTAMP - to_seconds($back) AND ts <= $e::TIMESTAMP + to_seconds($back)"
)
"""The samples that the windows in ($a, $e] need."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Metrics of a span that are known in every sample, and in none. The rest is known in some."""

    always: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


def has_birth(entity: Entity) -> bool:
    return any(fact.name == STARTED for fact in entity.facts)


def filling(entity: Entity) -> str:
    """Counts what `filled` needs."""
    counts = "".join(f", count({m.name})" for m in entity.metrics)
    return f"SELECT count(*){counts} FROM wh.{samples_table(entity)} WHERE {REACH}"


def filled(entity: Entity, counts: tuple[int, ...]) -> Filled:
    """What is always and never known, from the row that `filling` gives."""
    names = [m.name for m in entity.metrics]
    known = dict(zip(names, counts[1:], strict=True))
    return Filled(frozenset(m for m in names if known[m] == counts[0]), frozenset(m for m in names if known[m] == 0))


def from_samples(entity: Entity, step: int, have: Filled = Filled()) -> str:
    """Rows of the finest windows, computed from raw samples. `have` only makes it cheaper: the result is the same without it."""
    key, ms = id_column(entity), step * 1000
    counters = [c.name for c in entity.counters if c.name not in have.never]
    gauges = [g.name for g in entity.gauges if g.name not in have.never]
    birth, join = "NULL::BIGINT", ""
    if has_birth(entity):
        birth = f"CASE WHEN d.{STARTED} < s.ts AND d.{STARTED} > s.ts - to_seconds($back) THEN epoch_ms(d.{STARTED}) END"
        join = f"JOIN wh.{plural(entity.name)} d USING ({key})"
    before, starts, values = [], [], []
    for c in counters:
        last = f"l_{c}"
        if c in have.always:
            last = "l_row"
            before.append(f"lag({c}) OVER w AS v_{c}")
        else:
            before.append(f"lag({c} IGNORE NULLS) OVER w AS v_{c}")
            before.append(f"lag(CASE WHEN {c} IS NOT NULL THEN tms END IGNORE NULLS) OVER w AS l_{c}")
            near = f"l_{c} < tms AND tms - l_{c} <= $back * 1000"
            starts.append(f"CASE WHEN {c} IS NULL THEN NULL WHEN l_{c} IS NULL THEN b WHEN {near} THEN l_{c} END AS p_{c}")
        fallen = "NULL" if c in entity.summed else c
        values.append(
            f"CASE WHEN {_start(c, have)} IS NULL THEN NULL WHEN {last} IS NULL THEN {c} "
            f"WHEN {c} < v_{c} THEN {fallen} ELSE {c} - v_{c} END AS d_{c}"
        )
    begin = ", ".join(dict.fromkeys(["p_row", *(_start(c, have) for c in counters)]))
    begin = f"least({begin})" if "," in begin else begin
    inside = f"greatest(0, least(tms, (w + 1) * {ms}) - greatest(p_row, w * {ms}))"
    share = []
    for c in counters:
        start = _start(c, have)
        part = "part_row" if start == "p_row" else f"greatest(0, least(tms, (w + 1) * {ms}) - greatest({start}, w * {ms}))"
        share.append(f"d_{c} * ({part} / (tms - {start})) AS d_{c}")
    share += [f"CASE WHEN w = w1 THEN {g} END AS {g}" for g in gauges]
    sums = [f"sum(d_{c}) AS {c}_inc" for c in counters]
    levels = [f"avg({g}) AS {g}_avg, max({g}) AS {g}_max" for g in gauges]
    return f"""
WITH raw AS (SELECT {key}, s.ts, epoch_ms(s.ts) AS tms, {birth} AS b{_more([f"s.{m}" for m in counters + gauges])}
    FROM (FROM wh.{samples_table(entity)} WHERE {REACH}) s {join}),
seq AS (SELECT *, lag(tms) OVER w AS l_row{_more(before)}
    FROM raw WINDOW w AS (PARTITION BY {key} ORDER BY ts)),
known AS (SELECT *, CASE WHEN l_row IS NULL THEN b WHEN l_row < tms AND tms - l_row <= $back * 1000 THEN l_row END AS p_row{_more(starts)}
    FROM seq WHERE tms > epoch_ms($a::TIMESTAMP)),
inc AS MATERIALIZED (SELECT *, (tms - 1) // {ms} AS w1, coalesce({begin}, tms - 1) // {ms} AS w0{_more(values)}
    FROM known WHERE coalesce({begin}, tms - 1) < epoch_ms($e::TIMESTAMP)),
cut AS (SELECT *, {inside} AS part_row FROM (SELECT *, unnest(range(w0, w1 + 1)) AS w FROM inc WHERE w0 < w1)),
part AS (SELECT {key}, w1 AS w, 1 AS k, tms - p_row AS ms{_more([f"d_{c}" for c in counters] + gauges)} FROM inc WHERE w0 = w1
    UNION ALL
    SELECT {key}, w, CASE WHEN w = w1 THEN 1 ELSE 0 END AS k, part_row AS ms{_more(share)} FROM cut)
SELECT $cluster AS cluster, make_timestamp_ms((w + 1) * {ms}) AS t, $source AS source, {key},
  sum(k)::INTEGER AS n, coalesce(sum(ms), 0)::BIGINT AS covered_ms{_more(sums + levels)}
FROM part WHERE w >= epoch_ms($a::TIMESTAMP) // {ms} AND w < epoch_ms($e::TIMESTAMP) // {ms} GROUP BY {key}, w"""


def _start(counter: str, have: Filled) -> str:
    """Column with the time from which the increase counts; NULL: there is none."""
    return "p_row" if counter in have.always else f"p_{counter}"


def _more(columns: list[str]) -> str:
    return "".join(f", {column}" for column in columns)


def from_windows(entity: Entity, finer: str, step: int) -> str:
    """Rows of wider windows, computed from finer ones."""
    key = id_column(entity)
    sums = [f"sum({c.name}_inc) AS {c.name}_inc" for c in entity.counters]
    levels = [
        f"sum({g.name}_avg * n) / nullif(sum(n) FILTER ({g.name}_avg IS NOT NULL), 0) AS {g.name}_avg, "
        f"max({g.name}_max) AS {g.name}_max"
        for g in entity.gauges
    ]
    # grouped by whole numbers: names in the key would double its cost
    return f"""
SELECT $cluster AS cluster, make_timestamp_ms(w * {step * 1000}) AS t, $source AS source, {key},
  sum(n)::INTEGER AS n, sum(covered_ms)::BIGINT AS covered_ms{_more(sums + levels)}
FROM (SELECT *, (epoch_ms(t) + {step * 1000 - 1}) // {step * 1000} AS w FROM wh.{roll_table(entity, finer)}
  WHERE cluster = $cluster AND source = $source AND t > $a::TIMESTAMP AND t <= $e::TIMESTAMP) GROUP BY {key}, w"""
