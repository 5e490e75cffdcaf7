"""Business facts as frames for the warehouse's dimensions: what holds now, one row a thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from app.context import Context
from app.services import mapping
from collectors.warehouse.dimensions import DIMENSIONS, Dimension
from models.domain.access import Permission
from models.domain.organizations import Standing
from models.store import catalogue, instances, organizations

_TYPES: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "INTEGER": pl.Int32(),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "TIMESTAMP": pl.Datetime("us", "UTC"),
}


def facts(ctx: Context) -> Mapping[str, pl.DataFrame]:
    """A frame per dimension: `organization`, `instance`, `plan`, `ownership`. For the platform's own jobs."""
    ctx.require(Permission.QUERY_WAREHOUSE)
    ctx.require(Permission.SEE_ORGANIZATIONS)
    rows: dict[str, Sequence[Mapping[str, Any]]] = {
        "organization": [{**row.model_dump(), "organization_id": row.id} for row in organizations.everything(ctx.session)],
        "instance": [{**row.model_dump(), "instance_id": row.id} for row in instances.everything(ctx.session)],
        "plan": [{**row.model_dump(), "plan_id": row.id} for row in catalogue.plans(ctx.session, retired=True)],
        "ownership": _ownership(ctx),
    }
    return {name: _frame(DIMENSIONS[name], found) for name, found in rows.items()}


def anonymised(ctx: Context) -> Mapping[str, Sequence[str]]:
    """By dimension the ids of what belongs to anonymised organizations. For the platform's own jobs."""
    ctx.require(Permission.SEE_ORGANIZATIONS)
    gone = {row.id for row in organizations.everything(ctx.session) if row.standing is Standing.ANONYMISED}
    theirs = [row.id for row in instances.everything(ctx.session) if row.organization_id in gone]
    return {"organization": sorted(gone), "instance": theirs}


def _ownership(ctx: Context) -> list[Mapping[str, Any]]:
    cluster = ctx.cluster.snapshot().cluster
    return [
        {
            "cluster": cluster,
            "namespace": namespace,
            "organization_id": owner.organization_id,
            "instance_id": owner.instance_id,
            "via": owner.via,
        }
        for namespace, owner in sorted(mapping.owners(ctx).items())
    ]


def _frame(dimension: Dimension, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    columns = [
        pl.Series(name, [_plain(row.get(name)) for row in rows], dtype=_TYPES[kind], strict=False)
        for name, kind, *_ in dimension.columns
    ]
    return pl.DataFrame(columns)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value  # an enum becomes its text
