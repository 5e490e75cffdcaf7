"""How often an address answered, from the probes: up, down and unknown are three things. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import tenure
from app.services.figures import Figure

MINUTE = timedelta(minutes=1)
FORMULA = "minutes in which the address answered / minutes in which it answered or failed to; unknown minutes are in neither"

MINUTES = """
SELECT count(*) FILTER (up AND NOT down) AS up, count(*) FILTER (down) AS down, max(newest) AS newest FROM (
  SELECT date_trunc('minute', ts) AS minute, bool_or(outcome = 'up') AS up, bool_or(outcome = 'down') AS down, max(ts) AS newest
  FROM probe WHERE cluster = $cluster AND ts >= $since AND ts < $until AND address = $address AND namespace = $namespace
  GROUP BY minute)"""
EACH = f"""
WITH mine AS (
  SELECT namespace, address, date_trunc('minute', ts) AS minute, ts, outcome, certificate_expires_at FROM probe p
  WHERE cluster = $cluster AND ts >= $since AND ts < $until AND list_contains($namespaces, namespace)
    AND list_contains($addresses, address) AND {tenure.NOT_OTHERS.format(row="p", at="ts")}),
minutes AS (
  SELECT namespace, address, bool_or(outcome = 'up') AS up, bool_or(outcome = 'down') AS down, max(ts) AS newest,
    arg_max(outcome, ts) AS outcome, arg_max(certificate_expires_at, ts) AS expires
  FROM mine GROUP BY namespace, address, minute)
SELECT namespace, address, count(*) FILTER (up AND NOT down) AS up, count(*) FILTER (down) AS down, max(newest) AS newest,
  arg_max(outcome, newest) AS outcome, arg_max(expires, newest) AS expires
FROM minutes GROUP BY namespace, address"""
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
    if not address:
        return _seen(since, until)
    bound = {"cluster": cluster, "namespace": namespace, "address": address, "since": since, "until": until}
    up, down, last = ctx.warehouse.query(MINUTES, bound).select("up", "down", "newest").row(0)
    newest = ctx.warehouse.query(NEWEST, bound)
    at, outcome, expires = newest.row(0) if len(newest) else (None, "unknown", None)
    return _seen(since, until, up, down, last, at, outcome, expires)


def newest(
    ctx: Context, *, cluster: str, namespace: str, address: str, minutes: int
) -> tuple[str, datetime, datetime | None] | None:
    """How its newest probe ended (up, down or unknown), when, and the end of the certificate that it saw; None: none so lately."""
    bound = {"cluster": cluster, "namespace": namespace, "address": address, "since": ctx.now - minutes * MINUTE, "until": ctx.now}
    found = ctx.warehouse.query(NEWEST, bound)
    if found.is_empty():
        return None
    at, outcome, expires = found.row(0)
    return outcome, at, expires


def of_addresses(
    ctx: Context, *, cluster: str, owner: str, addresses: Sequence[tuple[str, str]], since: datetime, until: datetime
) -> Mapping[tuple[str, str], Availability]:
    """The same of many, by (namespace, address), while their namespaces were not somebody else's than the owner's."""
    namespaces = sorted({namespace for namespace, _ in addresses})
    bound = {
        "cluster": cluster,
        "since": since,
        "until": until,
        "addresses": sorted({address for _, address in addresses}),
        **tenure.bound(namespaces, [owner] * len(namespaces)),
    }
    found = {
        (namespace, address): _seen(since, until, up, down, newest, newest, outcome, expires)
        for namespace, address, up, down, newest, outcome, expires in ctx.warehouse.query(EACH, bound).iter_rows()
    }
    return {one: found.get(one) or _seen(since, until) for one in addresses}


def _seen(
    since: datetime,
    until: datetime,
    up: int = 0,
    down: int = 0,
    last: datetime | None = None,
    at: datetime | None = None,
    outcome: str = "unknown",
    expires: datetime | None = None,
) -> Availability:
    whole = int((until - since) / MINUTE)
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
