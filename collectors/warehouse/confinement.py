"""What a question from outside may name: the documented views, and functions that only compute.

The file system is sealed in the connection. That is not enough for a lake: its catalogue is attached beside it, so SQL could read
whatever else lies in that PostgreSQL, and DuckDB's extensions have functions inside a SELECT that write there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

from collectors.warehouse.errors import BadQuestion
from collectors.warehouse.views import views

ROWS_FROM = frozenset({"range", "generate_series", "unnest"})
"""Functions that may stand where a table stands: all others reach files, catalogues or the database's own state."""
NOT_COMPUTING = frozenset({"current_setting", "getvariable", "nextval", "currval", "write_log"})
SYSTEM = ("duckdb_", "pragma_", "sqlite_", "pg_")
"""How the names of DuckDB's own views begin: a query may not take one for itself, so that none hides behind it."""
DESCRIBED = frozenset({"DESCRIBE", "SUMMARY"})

_lock = threading.Lock()


def confined(sql: str) -> None:
    """BadQuestion unless the SELECT in `sql` reads nothing but the documented views and its own subqueries."""
    nodes = list(_nodes(_tree(sql)))
    own = {entry["key"].lower() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    hidden = sorted(name for name in own if name.startswith(SYSTEM))
    if hidden:
        raise BadQuestion(f"A subquery cannot be called {hidden[0]}: that is a name of the database itself.", field="sql")
    known = own | _views()
    for node in nodes:
        match node.get("type"):
            case "BASE_TABLE":
                _table(node, known)
            case "TABLE_FUNCTION":
                _function(str(node["function"].get("function_name", "")), wanted=ROWS_FROM)
            case "SHOW_REF":
                if node.get("show_type") not in DESCRIBED or node.get("table_name"):
                    raise BadQuestion("`moorage warehouse describe` lists the views; SHOW is not answered.", field="sql")
            case "FUNCTION":
                if str(node.get("function_name", "")).lower() in NOT_COMPUTING:
                    _function(str(node["function_name"]))


def _table(node: dict[str, Any], known: set[str]) -> None:
    parts = [str(node.get(part) or "").lower() for part in ("catalog_name", "schema_name", "table_name")]
    if parts[0] in ("", "memory") and parts[1] in ("", "main") and parts[2] in known:
        return
    name = ".".join(part for part in parts if part)
    raise BadQuestion(f"There is no view {name}. `moorage warehouse describe` lists those that can be asked.", field="sql")


def _function(name: str, wanted: frozenset[str] = frozenset()) -> None:
    if name.lower() not in wanted:
        raise BadQuestion(f"The function {name} is not answered here: a question reads the documented views only.", field="sql")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _tree(sql: str) -> Any:
    """The question as DuckDB's own parser reads it."""
    with _lock:
        row = _parser().execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise BadQuestion(f"This question cannot be read: {tree.get('error_message', 'write it as a plain SELECT')}.", field="sql")
    return tree


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


@cache
def _views() -> set[str]:
    return set(views())
