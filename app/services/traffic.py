"""Traffic through the ingress by namespace: when each was last used, and about which anything is known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from app.context import Context
from models.domain.access import Permission
from models.domain.errors import Unavailable
from models.domain.instances import LIVING
from models.store import instances as store

BACK = timedelta(hours=2)
"""How far back a run looks: twice its rhythm, so that nothing slips between two of them."""
USED = """
SELECT namespace, max(t) AS used FROM ingress_5m
WHERE cluster = $cluster AND t > $since AND t <= $until AND requests_total_inc > 0 AND list_contains($namespaces, namespace)
GROUP BY namespace"""
TOLD = """
SELECT DISTINCT namespace FROM ingress_1h WHERE cluster = $cluster AND list_contains($namespaces, namespace)
UNION SELECT DISTINCT namespace FROM ingress_5m WHERE cluster = $cluster AND list_contains($namespaces, namespace)"""

TOLD_KEPT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LastUse:
    """An instance that was used, and the end of the newest window of 5 minutes with requests."""

    instance_id: str
    name: str
    namespace: str
    at: datetime


def last_uses(ctx: Context, *, until: datetime) -> tuple[LastUse, ...]:
    """Of living instances those with requests in the two hours before `until` that are newer than what is noted; by name."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    cluster = ctx.cluster.snapshot().cluster
    rows = [row for row in store.search(ctx.session, states=LIVING) if row.cluster == cluster and row.namespace]
    if not rows:
        return ()
    names = sorted({row.namespace for row in rows})
    found = ctx.warehouse.query(USED, {"cluster": cluster, "since": until - BACK, "until": until, "namespaces": names})
    used = dict(found.iter_rows())
    return tuple(
        LastUse(row.id, row.name, row.namespace, at)
        for row in rows
        # a window that ended before the app was put on record tells of whatever was there before
        if (at := used.get(row.namespace)) is not None
        and at > row.created_at
        and (row.last_used_at is None or row.last_used_at < at)
    )


def told(ctx: Context, places: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Those of the places (cluster, namespace) about which the ingress ever told anything; none while the warehouse is away."""
    found: set[tuple[str, str]] = set()
    for cluster in sorted({cluster for cluster, _ in places}):
        names = sorted(name for at, name in places if at == cluster and name)
        try:
            known = _known(ctx, cluster, names)
        except Unavailable:
            continue
        found |= {(cluster, name) for (name,) in known.iter_rows()}
    return frozenset(found)


def _known(ctx: Context, cluster: str, names: list[str]) -> pl.DataFrame:
    def asked() -> pl.DataFrame:
        return ctx.warehouse.query(TOLD, {"cluster": cluster, "namespaces": names})

    return ctx.keep("traffic.told", asked, cluster, *names, of=("warehouse",), most=TOLD_KEPT)
