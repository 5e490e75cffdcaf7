"""Business facts that are published into the warehouse with the time for which they held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dimension:
    """`columns` are (name, DuckDB type, unit, meaning); `key` says which row of a later publication is the same thing."""

    name: str
    about: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str, str, str], ...]


ORGANIZATION = Dimension(
    "organization",
    "A customer account, for each time in which these facts held.",
    ("organization_id",),
    (
        ("organization_id", "VARCHAR", "", "identifier of the organization"),
        ("name", "VARCHAR", "", "name that people see"),
        ("slug", "VARCHAR", "", "name in addresses"),
        ("standing", "VARCHAR", "", "standing of the account"),
        ("country", "VARCHAR", "", "ISO 3166 country"),
        ("created_at", "TIMESTAMP", "time", "when it was created"),
    ),
)

INSTANCE = Dimension(
    "instance",
    "A running copy of an app for an organization, for each time in which these facts held.",
    ("instance_id",),
    (
        ("instance_id", "VARCHAR", "", "identifier of the instance"),
        ("organization_id", "VARCHAR", "", "organization that owns it"),
        ("name", "VARCHAR", "", "name that people see"),
        ("template", "VARCHAR", "", "template it was made from"),
        ("plan_id", "VARCHAR", "", "plan it runs on"),
        ("cluster", "VARCHAR", "", "cluster it runs in"),
        ("namespace", "VARCHAR", "", "its namespace there"),
        ("address", "VARCHAR", "", "address it answers on"),
        ("state", "VARCHAR", "", "state of the instance"),
        ("trial_until", "TIMESTAMP", "time", "end of its trial, when it is one"),
        ("created_at", "TIMESTAMP", "time", "when it was ordered"),
    ),
)

PLAN = Dimension(
    "plan",
    "Resources and price of a plan at a version.",
    ("plan_id",),
    (
        ("plan_id", "VARCHAR", "", "identifier of the plan at this version"),
        ("template", "VARCHAR", "", "template it belongs to"),
        ("name", "VARCHAR", "", "name that people see"),
        ("version", "INTEGER", "1", "version of the plan"),
        ("cpu_cores", "DOUBLE", "cores", "CPU that it promises"),
        ("memory_bytes", "BIGINT", "B", "memory that it promises"),
        ("storage_bytes", "BIGINT", "B", "storage that it promises"),
        ("price_minor", "BIGINT", "minor units", "price of a month"),
        ("currency", "VARCHAR", "", "ISO 4217 currency of the price"),
    ),
)

OWNERSHIP = Dimension(
    "ownership",
    "Whose a namespace is. Join on cluster and namespace where valid_from <= time and (valid_to is null or time < valid_to).",
    ("cluster", "namespace"),
    (
        ("cluster", "VARCHAR", "", "cluster of the namespace"),
        ("namespace", "VARCHAR", "", "the namespace"),
        ("organization_id", "VARCHAR", "", "organization that owns it; NULL: nobody's"),
        ("instance_id", "VARCHAR", "", "instance that it holds, when it is one of ours"),
        ("via", "VARCHAR", "", "what says so: instance, rule or label"),
    ),
)

DIMENSIONS: Mapping[str, Dimension] = {d.name: d for d in (ORGANIZATION, INSTANCE, PLAN, OWNERSHIP)}
VALIDITY = (
    ("valid_from", "TIMESTAMP", "time", "from when the row held"),
    ("valid_to", "TIMESTAMP", "time", "until when (not included); NULL: it holds now"),
)
