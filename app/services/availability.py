"""How often an address answered, from the probes: up, down and unknown are three things. For other services, which check rights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services.figures import Figure

MINUTE = timedelta(minutes=1)
FORMULA = "minutes in which the address answered / minutes in which it answered or failed to; unknown minutes are in neither"

MINUTES = """
SELECT count(*) FILTER (up AND NOT down) AS up, count(*) FILTER (down) AS down, max(newest) AS newest FROM (
  SELECT date_trunc('minute', ts) AS minute, bool_or(outcome = 'up') AS up, bool_or(outcome = 'down') AS down, max(ts) AS newest
  FROM probe WHERE cluster = $cluster AND ts >= $since AND ts < $until AND address = $address AND namespace = $namespace
  GROUP BY minute)"""
NEWEST = """
SELECT ts, outcome, certificate_expires_at FROM probe
WHERE cluster = $cluster AND ts >= $since AND ts < $until AND address = $address AND namespace = $namespace
ORDER BY ts DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Availability:
    """Share of one-minute probes that succeeded. Unknown minutes count neither as up nor as down and are told apart."""

    since: datetime
    until: datetime
    up: int
    down: int
    unknown: int
    """Minutes in which nothing was known: no probe, or a probe that could not tell."""
    share: Figure
    """up / (up + down); None when nothing was probed."""
    last_outcome: str
    """up, down, unknown"""
    last_at: datetime | None
    certificate_expires_at: datetime | None


def of_address(ctx: Context, *, cluster: str, namespace: str, address: str, since: datetime, until: datetime) -> Availability:
    """Of one address in [since, until). A minute with a failed probe is down, whatever the others of that minute said."""
    whole = int((until - since) / MINUTE)
    if not address:
        return Availability(
            since, until, 0, 0, max(0, whole), Figure(None, "share", None, "probes", FORMULA), "unknown", None, None
        )
    bound = {"cluster": cluster, "namespace": namespace, "address": address, "since": since, "until": until}
    up, down, last = ctx.warehouse.query(MINUTES, bound).select("up", "down", "newest").row(0)
    newest = ctx.warehouse.query(NEWEST, bound)
    at, outcome, expires = newest.row(0) if len(newest) else (None, "unknown", None)
    share = up / (up + down) if up + down else None
    return Availability(
        since=since,
        until=until,
        up=up,
        down=down,
        unknown=max(0, whole - up - down),
        share=Figure(share, "share", last, "probes (warehouse view probe)", FORMULA),
        last_outcome=outcome,
        last_at=at,
        certificate_expires_at=expires,
    )
