"""Guards in the database itself: what is issued or posted is never changed and never deleted, whoever holds the connection.

A document is written from the inside out: its lines first, then the row that seals them, which is taken only when the lines add up.
After that neither a line more nor another value is taken. Triggers on both databases; a new table's are made with it. On SQLite one more
refuses what is there already, because INSERT OR REPLACE deletes it there without asking the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint, event

KEPT = "is never changed or deleted; write a correction instead"


@dataclass(frozen=True, slots=True)
class Guard:
    """What the triggers of one table refuse.

    `free` are columns that may change. `lines` names the table of its lines and their column that points here; `adds_up` is a
    condition over `NEW` that is true when they are whole. `whole` names, for a table of lines, the one that seals them. `closed` is a
    condition over `NEW` under which nothing more is taken.
    """

    table: str
    free: Collection[str] = ()
    adds_up: str = ""
    whole: tuple[str, str] | None = None
    closed: str = ""


_GUARDS: dict[str, Guard] = {}


def guard(table: Table, wanted: Guard) -> None:
    """Make the guard's triggers whenever the table is made."""
    _GUARDS[table.name] = wanted

    def made(_table: object, connection: Connection, **_: object) -> None:
        for statement in statements(table, wanted, connection.dialect.name):
            connection.exec_driver_sql(statement)

    event.listen(table, "after_create", made)


@contextmanager
def lifted(connection: Connection) -> Iterator[None]:
    """No guard holds within the block: for putting back a backup, which writes tables one after the other, and for nothing else."""
    from models.store.tables import metadata

    tables = [metadata.tables[name] for name in _GUARDS]
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        for table in tables:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
        yield
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait cannot be altered
        for table in tables:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')
        return
    for table in tables:
        for name in names(_GUARDS[table.name]):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    yield
    for table in tables:
        for statement in statements(table, _GUARDS[table.name], "sqlite"):
            connection.exec_driver_sql(statement)


def names(wanted: Guard) -> tuple[str, ...]:
    """Of its triggers on SQLite."""
    kinds = ["update", "delete", "again", *(["seal"] if wanted.adds_up else []), *(["late"] if wanted.whole else [])]
    kinds += ["closed"] if wanted.closed else []
    return tuple(f"{wanted.table}_{kind}" for kind in kinds)


def statements(table: Table, wanted: Guard, dialect: str) -> tuple[str, ...]:
    """What makes the guard's triggers in a database."""
    name = wanted.table
    fixed = ", ".join(column.name for column in table.columns if column.name not in wanted.free)
    of = f" OF {fixed}" if wanted.free else ""
    rules = [(f"{name}_update", f"UPDATE{of}", "", KEPT), (f"{name}_delete", "DELETE", "", KEPT)]
    if dialect == "sqlite":
        rules.append((f"{name}_again", "INSERT", f"EXISTS (SELECT 1 FROM {name} WHERE {_same(table)})", KEPT))
    if wanted.adds_up:
        rules.append((f"{name}_seal", "INSERT", f"NOT ({wanted.adds_up})", "does not add up"))
    if wanted.whole:
        sealed, column = wanted.whole
        condition = f"EXISTS (SELECT 1 FROM {sealed} WHERE id = NEW.{column})"
        rules.append((f"{name}_late", "INSERT", condition, "takes no line after it is sealed"))
    if wanted.closed:
        rules.append((f"{name}_closed", "INSERT", wanted.closed, "takes nothing for a month that is closed"))
    make = _sqlite if dialect == "sqlite" else _postgres
    made = [statement for rule in rules for statement in make(name, *rule)]
    if dialect != "sqlite":
        made.append(
            f'CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON "{name}" FOR EACH STATEMENT EXECUTE FUNCTION {name}_update()'
        )
    return tuple(made)


def _same(table: Table) -> str:
    """The condition that a row is in the way of `NEW`: by its key or anything else that is there once."""
    once = [one for one in table.constraints if isinstance(one, PrimaryKeyConstraint | UniqueConstraint)]
    sets = sorted([column.name for column in one.columns] for one in once)
    return " OR ".join("(" + " AND ".join(f"{name} = NEW.{name}" for name in names) + ")" for names in sets)


def _sqlite(table: str, trigger: str, what: str, condition: str, why: str) -> list[str]:
    when = f" WHEN {condition}" if condition else ""
    return [f"CREATE TRIGGER {trigger} BEFORE {what} ON {table}{when} BEGIN SELECT RAISE(ABORT, '{table} {why}'); END"]


def _postgres(table: str, trigger: str, what: str, condition: str, why: str) -> list[str]:
    raised = f"RAISE EXCEPTION USING MESSAGE = '{table} {why}', ERRCODE = 'integrity_constraint_violation'"
    body = f"IF {condition} THEN {raised}; END IF; RETURN NEW;" if condition else f"{raised};"
    return [
        f"CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f'CREATE TRIGGER {trigger} BEFORE {what} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {trigger}()',
    ]
