"""Recognition of revenue, and books that are closed month by month: the ledger takes nothing for a closed one."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None

KEPT = "is never changed or deleted; write a correction instead"
RULES = (
    ("books_move", "update", "UPDATE", "", KEPT),
    ("books_move", "delete", "DELETE", "", KEPT),
    (
        "ledger_entry",
        "closed",
        "INSERT",
        "EXISTS (SELECT 1 FROM books WHERE open_from > NEW.day)",
        "takes nothing for a month that is closed",
    ),
)


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("open_from", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_books")),
    )
    op.create_table(
        "books_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("before", sa.Date(), nullable=True),
        sa.Column("after", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_books_move")),
    )
    op.create_table(
        "recognition",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("next_month", sa.Date(), nullable=True),
        sa.Column("earned_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id", "line"],
            ["invoice_line.invoice_id", "invoice_line.line"],
            name=op.f("fk_recognition_invoice_id_invoice_line"),
        ),
        sa.PrimaryKeyConstraint("invoice_id", "line", name=op.f("pk_recognition")),
    )
    op.create_index("ix_recognition_next_month", "recognition", ["next_month"])
    _guard(op.get_bind())


def _guard(connection: sa.Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    again = [("books_move", "again", "INSERT", "EXISTS (SELECT 1 FROM books_move WHERE (id = NEW.id))", KEPT)]
    for table, kind, what, condition, why in (*RULES, *(again if sqlite else ())):
        name = f"{table}_{kind}"
        if sqlite:
            when = f" WHEN {condition}" if condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE {what} ON {table}{when} BEGIN SELECT RAISE(ABORT, '{table} {why}'); END"
            )
            continue
        raised = f"RAISE EXCEPTION USING MESSAGE = '{table} {why}', ERRCODE = 'integrity_constraint_violation'"
        body = f"IF {condition} THEN {raised}; END IF; RETURN NEW;" if condition else f"{raised};"
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
        )
        connection.exec_driver_sql(f'CREATE TRIGGER {name} BEFORE {what} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}()')
    if not sqlite:
        connection.exec_driver_sql(
            'CREATE TRIGGER books_move_truncate BEFORE TRUNCATE ON "books_move" '
            "FOR EACH STATEMENT EXECUTE FUNCTION books_move_update()"
        )
