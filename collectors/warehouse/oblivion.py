"""What a dimension must not say any more about things whose names were taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from collectors.warehouse.connection import Connection
from collectors.warehouse.dimensions import DIMENSIONS
from collectors.warehouse.schema import plural
from models.domain.errors import Invalid

NAMES: Mapping[str, tuple[str, ...]] = {"organization": ("name", "slug"), "instance": ("address",)}
"""Columns by dimension in which the name of a customer stands."""


def forget(link: Connection, name: str, keys: Sequence[str]) -> int:
    """Rows that are over and lost their names; the row that holds says what was published last."""
    if name not in NAMES:
        raise Invalid(f"The dimension {name!r} has no names; {' and '.join(NAMES)} have.", field="name")
    (key,) = DIMENSIONS[name].key
    table, columns = f"wh.{plural(name)}", NAMES[name]
    still = f"valid_to IS NOT NULL AND {key} IN (SELECT unnest($1::VARCHAR[])) AND ({' OR '.join(f'{c} <> $2' for c in columns)})"

    def work(con: duckdb.DuckDBPyConnection) -> int:
        found = con.execute(f"SELECT count(*) FROM {table} WHERE {still}", [list(keys), ""]).fetchone()
        count = int(found[0]) if found else 0
        if count:
            con.execute(f"UPDATE {table} SET {', '.join(f'{c} = $2' for c in columns)} WHERE {still}", [list(keys), ""])
        return count

    with link.lock:
        return link.write(work)
