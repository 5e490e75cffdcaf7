"""Processes of the ingress as staff see them, and what is wrong with them in the trouble list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.absence import Absence, Watched
from app.context import Context
from app.services import directory, findings, ingress
from collectors.entities import INGRESS, INGRESS_PROCESS
from collectors.frames import entity_frame
from collectors.latest import Latest
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.errors import NotPermitted, Unavailable
from models.domain.trouble import Kind
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW
from tests.stories import a_staff_member, a_stranger

AT = NOW - timedelta(seconds=4)
FULL = {"config_reloads_total": 7.0, "open_connections": 12.0, "config_age_seconds": 60.0, "uptime_seconds": 7200.0}


class Gone:
    """A warehouse that does not answer."""

    version = windows_version = 1

    def query(self, sql: str, params: Any = None) -> pl.DataFrame:
        raise Unavailable("It does not answer.")


def known(*rows: dict[str, Any]) -> Latest:
    """Processes as their last two samples told them, and what they answered meanwhile: 30 requests, 3 of them errors."""
    latest = Latest()
    for n, at in ((0, AT - timedelta(seconds=30)), (1, AT)):
        processes = [{"ts": at, **row} for row in rows]
        answered = [
            {"ts": at, "instance": row["instance"], "service": "s", "requests_total": 30.0 * n, "requests_5xx_total": 3.0 * n}
            for row in rows
        ]
        frames = (
            {
                "ingress_process": entity_frame(INGRESS_PROCESS, pl.DataFrame(processes)),
                "ingress": entity_frame(INGRESS, pl.DataFrame(answered)),
            }
            if rows
            else {}
        )
        latest.update("simulated", at, frames)
    return latest


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Iterator[tuple[Context, Warehouse]]:
    with running.a_warehouse(tmp_path) as made, store.transaction() as session:
        running.people(session)
        yield running.a_running_context(session, a_staff_member(session, StaffRole.SUPPORT), made), made


def seen(ctx: Context, *rows: dict[str, Any]) -> Context:
    return replace(ctx, cluster=running.Cluster(running.a_snapshot(), known(*rows)))


def test_a_process_with_its_connections_answers_and_configuration(stage: tuple[Context, Warehouse]) -> None:
    ctx, warehouse = stage
    ends = [NOW - timedelta(minutes=5 * n) for n in (400, 2, 1, 0)]
    windows = pl.DataFrame(
        {
            "t": sorted(ends),
            "n": [10] * 4,
            "covered_ms": [300_000] * 4,
            "instance": ["t"] * 4,
            "config_reloads_total_inc": [9.0, 1, 0, 2],
        },
        schema_overrides={"n": pl.Int32(), "t": pl.Datetime("us", "UTC")},
    )
    warehouse.bulk_load("simulated", {}, windows={"ingress_process": windows})
    told = ingress.processes(seen(ctx, {"instance": "t", **FULL}, {"instance": "u", "open_connections": 1.0}))
    first, second = told.rows
    assert (first.instance, first.open_connections, first.reloads) == ("t", 12.0, 3.0)
    assert (first.requests, first.error_share) == (pytest.approx(1.0), pytest.approx(0.1))
    assert (first.taken_at, first.started_at) == (AT - timedelta(seconds=60), AT - timedelta(hours=2))
    assert (second.taken_at, second.reloads, second.started_at) == (None, None, None)
    assert told.away_since is None


def test_without_the_warehouse_only_the_reloads_are_not_known(stage: tuple[Context, Warehouse]) -> None:
    ctx, _ = stage
    without = replace(seen(ctx, {"instance": "t", **FULL}), warehouse=Watched(Gone(), Absence(), NOW))
    told = ingress.processes(without)
    assert (told.rows[0].open_connections, told.rows[0].reloads, told.away_since) == (12.0, None, NOW)
    assert ingress.processes(seen(ctx)).rows == ()


def test_it_is_for_staff(stage: tuple[Context, Warehouse]) -> None:
    ctx, _ = stage
    with pytest.raises(NotPermitted):
        ingress.processes(replace(ctx, actor=a_stranger(ctx.session)))


def test_one_that_fell_behind_and_one_without_configuration_are_in_the_trouble_list(stage: tuple[Context, Warehouse]) -> None:
    ctx, _ = stage
    old, none = {**FULL, "config_age_seconds": 3600.0}, {**FULL, "config_age_seconds": None}
    fresh = {**FULL, "config_age_seconds": 300.0}
    looked = seen(ctx, {"instance": "t", **fresh}, {"instance": "u", **old}, {"instance": "v", **none})
    snapshot = looked.cluster.snapshot()
    rows = findings.find(looked, snapshot, directory.load(looked))
    kinds = {row.subject: row.kind for row in rows if row.subject.startswith("ingress:")}
    assert kinds == {"ingress:u": Kind.INGRESS_BEHIND, "ingress:v": Kind.INGRESS_UNCONFIGURED}
