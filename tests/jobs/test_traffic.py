"""When apps were used is noted from the ingress, as the preview said, and never backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import polars as pl
import pytest

from app.jobs import registry
from app.services import jobs as service
from collectors import warehouse as warehouses
from models.domain.access import job_actor
from models.store import instances
from tests.jobs.conftest import Stage
from tests.stories import NOW, a_customer, an_instance

MINUTE = timedelta(minutes=1)
DUE = NOW.replace(minute=7) - timedelta(hours=1)


def noted(stage: Stage) -> dict[str, datetime | None]:
    with stage.store.reading() as session:
        return {row.name: row.last_used_at for row in instances.everything(session)}


def shown(stage: Stage) -> service.Preview:
    with stage.container.reading(job_actor("test"), "cli") as ctx:
        return registry.find("last_use").preview(ctx, DUE)


@pytest.fixture
def used(stage: Stage) -> Iterator[Stage]:
    stage.declare(lambda run: None)
    with stage.store.transaction() as session:
        kopi = a_customer(session)
        for name, before in (("busy", None), ("newer", DUE - MINUTE), ("quiet", None)):
            an_instance(session, kopi, name, namespace=name, now=NOW - timedelta(days=9), last_used_at=before)
    frame = pl.DataFrame({"t": [DUE - 22 * MINUTE, DUE - 12 * MINUTE] * 2, "namespace": ["busy", "busy", "newer", "newer"]})
    frame = frame.with_columns(
        pl.col("t").dt.cast_time_unit("us"),
        pl.lit(10, pl.Int32).alias("n"),
        pl.lit(300_000, pl.Int64).alias("covered_ms"),
        pl.col("namespace").alias("service"),
        pl.lit("ingress-1").alias("instance"),
        pl.lit(2.0).alias("requests_total_inc"),
    )
    with closing(warehouses.open(str(stage.folder / "w.duckdb"), memory="200MB", threads=1, clock=stage.clock)) as made:
        made.bulk_load("ingress", {}, windows={"ingress": frame})
        stage.warehouse = made
        yield stage


def test_the_newest_use_is_noted_as_the_preview_said(used: Stage) -> None:
    before = noted(used)
    assert [(one.subject, one.action) for one in shown(used).planned] == [("busy/busy", "used 2026-11-22 10:55 UTC")]
    assert noted(used) == before
    outcome = used.run("last_use", DUE)
    assert outcome is not None
    assert outcome.counts == {"apps": 1}
    assert noted(used) == before | {"busy": DUE - 12 * MINUTE}
    assert shown(used).planned == ()
    used.clock.advance(timedelta(hours=1))
    again = used.run("last_use", DUE + timedelta(hours=1))
    assert again is not None
    assert again.counts == {}


def test_without_an_ingress_nothing_is_noted(stage: Stage) -> None:
    stage.declare(lambda run: None)
    with stage.store.transaction() as session:
        an_instance(session, a_customer(session), "n8n", namespace="n8n")
    outcome = stage.run("last_use", DUE)
    assert outcome is not None
    assert outcome.counts == {}
    assert noted(stage) == {"n8n": None}
