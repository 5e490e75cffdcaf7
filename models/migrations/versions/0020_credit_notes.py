"""Credit notes, guarded like invoices: never changed, never deleted, and never more than was charged."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEPT = "is never changed or deleted; write a correction instead"
OF = "FROM credit_note_line WHERE credit_note_id = NEW.id"
EVERY = "FROM credit_note_line every WHERE every.invoice_id = charged.invoice_id AND every.invoice_line = charged.line"
SUMS = (
    f"(SELECT coalesce(sum(net_minor), 0) {OF}) = NEW.net_minor AND (SELECT coalesce(sum(tax_minor), 0) {OF}) = NEW.tax_minor AND "
    f"NOT EXISTS (SELECT 1 {OF} AND invoice_id <> NEW.invoice_id) AND "
    "NOT EXISTS (SELECT 1 FROM invoice_line charged WHERE charged.invoice_id = NEW.invoice_id AND "
    f"((SELECT coalesce(sum(every.net_minor), 0) {EVERY}) > charged.net_minor OR "
    f"(SELECT coalesce(sum(every.tax_minor), 0) {EVERY}) > charged.tax_minor))"
)
LATE = "EXISTS (SELECT 1 FROM credit_note WHERE id = NEW.credit_note_id)"
RULES = (
    ("credit_note", "update", "UPDATE", "", KEPT),
    ("credit_note", "delete", "DELETE", "", KEPT),
    ("credit_note", "seal", "INSERT", f"NOT ({SUMS})", "does not add up"),
    ("credit_note_line", "update", "UPDATE", "", KEPT),
    ("credit_note_line", "delete", "DELETE", "", KEPT),
    ("credit_note_line", "late", "INSERT", LATE, "takes no line after it is sealed"),
)
ONCE = (
    (
        "credit_note",
        "(id = NEW.id) OR (key = NEW.key) OR (number = NEW.number) OR "
        "(series = NEW.series AND year = NEW.year AND sequence = NEW.sequence)",
    ),
    ("credit_note_line", "(credit_note_id = NEW.credit_note_id AND invoice_line = NEW.invoice_line)"),
)
"""On SQLite, where INSERT OR REPLACE deletes what is in its way without asking the other triggers."""
GUARDED = ("credit_note", "credit_note_line")


def upgrade() -> None:
    op.create_table(
        "credit_note",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("lowered_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.CheckConstraint("net_minor + tax_minor = total_minor", name=op.f("ck_credit_note_total")),
        sa.CheckConstraint("lowered_minor >= 0 AND lowered_minor <= total_minor", name=op.f("ck_credit_note_lowered")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_credit_note_invoice_id_invoice")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_credit_note_organization_id_organization")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_credit_note_subscription_id_subscription")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint("key", name=op.f("uq_credit_note_key")),
        sa.UniqueConstraint("number", name=op.f("uq_credit_note_number")),
        sa.UniqueConstraint("series", "year", "sequence", name=op.f("uq_credit_note_series_year_sequence")),
    )
    op.create_index("ix_credit_note_invoice_id", "credit_note", ["invoice_id"])
    op.create_index("ix_credit_note_issued_at_id", "credit_note", ["issued_at", "id"])
    op.create_index("ix_credit_note_organization_id", "credit_note", ["organization_id"])
    op.create_index("ix_credit_note_subscription_id", "credit_note", ["subscription_id"])
    op.create_table(
        "credit_note_line",
        sa.Column("credit_note_id", sa.String(), nullable=False),
        sa.Column("invoice_line", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("deferred_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "net_minor >= 0 AND tax_minor >= 0 AND net_minor + tax_minor > 0", name=op.f("ck_credit_note_line_amount")
        ),
        sa.CheckConstraint("deferred_minor >= 0 AND deferred_minor <= net_minor", name=op.f("ck_credit_note_line_deferred")),
        sa.ForeignKeyConstraint(
            ["credit_note_id"],
            ["credit_note.id"],
            name=op.f("fk_credit_note_line_credit_note_id_credit_note"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id", "invoice_line"],
            ["invoice_line.invoice_id", "invoice_line.line"],
            name=op.f("fk_credit_note_line_invoice_id_invoice_line_invoice_line"),
        ),
        sa.PrimaryKeyConstraint("credit_note_id", "invoice_line", name=op.f("pk_credit_note_line")),
    )
    op.create_index("ix_credit_note_line_invoice_id_invoice_line", "credit_note_line", ["invoice_id", "invoice_line"])
    _guard(op.get_bind())


def _guard(connection: sa.Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    again = [(table, "again", "INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE {same})", KEPT) for table, same in ONCE]
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
    for table in () if sqlite else GUARDED:
        connection.exec_driver_sql(
            f'CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION {table}_update()'
        )
