"""Traffic behind the ingress, by Traefik's counters, with the Kubernetes service that each name stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from math import inf

import polars as pl

from collectors.entities import INGRESS
from collectors.frames import entity_frame
from collectors.sources.kubernetes_objects import Backend
from collectors.sources.prometheus_samples import METRIC, column, total, wide
from models.domain import latency

_SERIES = ("service", "instance", "code", "method", "protocol")
LABELS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("ingress_requests", "ingress_seconds", "ingress_received", "ingress_sent"), _SERIES),
    "ingress_retries": ("service", "instance"),
    "ingress_certificates": ("cn", "sans"),
    "ingress_within": ("service", "instance", "le"),
    "ingress_processes": ("instance", METRIC, "entrypoint", "method", "protocol"),
}
KEY = ("service", "instance")
SOON = timedelta(days=14)
"""Certificates of ACME are renewed 30 days before they end: one with fewer than 14 was not."""
OWN_CERTIFICATE = "TRAEFIK DEFAULT CERT"
_PARTS = ("code", "method", "protocol")
_COUNTERS = {
    "requests_total": ("ingress_requests", ""),
    "requests_4xx_total": ("ingress_requests", "4"),
    "requests_5xx_total": ("ingress_requests", "5"),
    "request_seconds_total": ("ingress_seconds", ""),
    "received_bytes_total": ("ingress_received", ""),
    "sent_bytes_total": ("ingress_sent", ""),
}

OWN_ENTRY_POINTS = ("traefik", "metrics")
"""Where it is scraped and shows its dashboard: the names that its chart and its documentation give them."""
_CONNECTIONS = ("traefik_open_connections", "traefik_entrypoint_open_connections")
_PROCESS = {
    "config_reloads_total": "traefik_config_reloads_total",
    "taken": "traefik_config_last_reload_success",
    "started": "process_start_time_seconds",
}
_RETRIES = "retries_total"
_TIMED = {inf: "timed_requests_total", **{bound: latency.within(bound) for bound in latency.BOUNDS}}


def ingress_rows(found: Mapping[str, pl.DataFrame], named: Iterable[Backend], services: Iterable[Backend]) -> pl.DataFrame:
    """Frame rows with `tick`; `namespace` and `target` where the name could only be made from one service."""
    columns = []
    for metric, (name, code) in _COUNTERS.items():
        part = found[name].filter(pl.col("code").str.starts_with(code)) if code else found[name]
        columns.append(column(total(part, KEY, _PARTS), metric, KEY))
    rows = reduce(lambda left, right: left.join(right, on=[*KEY, "tick"], how="full", coalesce=True), columns)
    retries = column(total(found["ingress_retries"], KEY, ()), _RETRIES, KEY)
    rows = rows.join(retries, on=[*KEY, "tick"], how="left").join(_timed(found["ingress_within"]), on=[*KEY, "tick"], how="left")
    answered = rows["requests_total"].is_not_null()
    # requests were answered, none of them with such a status, none tried again: that is zero, not unknown
    none = (*list(_COUNTERS)[1:3], _RETRIES)
    rows = rows.with_columns(pl.when(answered).then(pl.col(m).fill_null(0.0)).alias(m) for m in none)
    times = total(found["ingress_requests"], KEY, _PARTS).select(*KEY, "tick", "ts")
    rows = rows.join(times, on=[*KEY, "tick"], how="inner")
    table = targets(named, services)
    names = rows["service"].unique().to_list()
    where = [(n, *table.get(n.rsplit("@", 1)[0], (None, None))) for n in names]
    facts = pl.DataFrame(where, schema={"service": pl.String(), "namespace": pl.String(), "target": pl.String()}, orient="row")
    return rows.join(facts, on="service", how="left")


def _timed(table: pl.DataFrame) -> pl.DataFrame:
    """KEY, `tick`, and a column of each bound that is kept and counted for. Another spelling of a bound (5 and 5.0) is the same one."""
    bounds = table.with_columns(pl.col("le").cast(pl.Float64, strict=False).alias("bound"))
    frame = bounds.select(*KEY, "tick").unique(maintain_order=True)
    for bound, name in _TIMED.items():
        one = bounds.filter(pl.col("bound") == bound)
        frame = frame.join(one.group_by(*KEY, "tick").agg(pl.col("value").max().alias(name)), on=[*KEY, "tick"], how="left")
    return frame


def process_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Frame rows with `tick` of each process that says something of connections or reloads."""
    key = ("instance",)
    open_ones = table.filter(pl.col(METRIC).is_in(_CONNECTIONS))
    clients = total(open_ones, [*key, METRIC], ("entrypoint", "method", "protocol"))
    outside = total(
        open_ones.filter(~pl.col("entrypoint").is_in(OWN_ENTRY_POINTS)), [*key, METRIC], ("entrypoint", "method", "protocol")
    )
    # it is scraped through an entry point of its own: who counts that one and no other has no client, which is zero
    counted = (
        clients.drop("value")
        .join(outside.drop("ts"), on=[*key, METRIC, "tick"], how="left")
        .with_columns(pl.col("value").fill_null(0.0))
    )
    connections = counted.group_by(*key, "tick").agg(
        pl.col("ts").max().alias("counted"), pl.col("value").max().alias("open_connections")
    )
    said = wide(total(table.filter(~pl.col(METRIC).is_in(_CONNECTIONS)), [*key, METRIC], ()), key, METRIC, _PROCESS)
    rows = said.join(connections, on=[*key, "tick"], how="full", coalesce=True)
    rows = rows.filter(pl.any_horizontal(pl.col("config_reloads_total", "taken", "open_connections").is_not_null()))
    rows = rows.with_columns(pl.max_horizontal("ts", "counted").alias("ts"))
    # before its first configuration the time is zero, which is no time
    return rows.select(
        *key,
        "tick",
        "ts",
        "config_reloads_total",
        "open_connections",
        _age(pl.when(pl.col("taken") > 0).then("taken")).alias("config_age_seconds"),
        _age(pl.col("started")).alias("uptime_seconds"),
    )


def _age(moment: pl.Expr) -> pl.Expr:
    """Seconds from a moment, in seconds since 1970, to the sample's own time; a clock that is a little ahead is no future."""
    return (pl.col("ts").dt.epoch("ms") / 1000 - moment).clip(lower_bound=0.0)


def ending(table: pl.DataFrame, at: datetime) -> list[tuple[str, datetime]]:
    """Names and end of the certificates that end within SOON, first those that end first. One that was replaced by a newer one of
    the same names, and the one that Traefik makes for itself, count for nothing."""
    known = table.filter(pl.col("value").is_not_null(), pl.col("cn") != OWN_CERTIFICATE)
    names = pl.when(pl.col("sans") != "").then("sans").otherwise("cn").alias("names")
    newest = (
        known.group_by(names).agg(pl.col("value").max()).filter(pl.col("value") < (at + SOON).timestamp()).sort("value", "names")
    )
    return [(text, datetime.fromtimestamp(value, tz=UTC)) for text, value in newest.iter_rows()]


def foreign(table: pl.DataFrame) -> list[float]:
    """Bounds that the ingress counts for and that are not kept."""
    seen = table["le"].unique().cast(pl.Float64, strict=False).drop_nulls().to_list()
    return sorted(set(seen) - set(_TIMED))


def targets(named: Iterable[Backend], services: Iterable[Backend]) -> Mapping[str, tuple[str, str]]:
    """(namespace, service:port) by the name that Traefik makes of them.

    Names are built and looked up, never taken apart: the dash that joins their parts is also legal inside them. What an Ingress
    names goes before what merely exists; a name that fits two services is left out.
    """
    found: dict[str, tuple[str, str]] = {}
    for backends in (services, named):
        made: dict[str, set[tuple[str, str]]] = {}
        for one in backends:
            for port in one.ports:
                made.setdefault(f"{one.namespace}-{one.service}-{port}", set()).add((one.namespace, f"{one.service}:{port}"))
        for name, places in made.items():
            if len(places) == 1:
                found[name] = next(iter(places))
            else:
                found.pop(name, None)
    return found


def frame(rows: pl.DataFrame) -> pl.DataFrame:
    return entity_frame(INGRESS, rows)
