"""Invoices, the ledger and renewals. What was issued or posted is guarded by triggers: never changed, never deleted, and it adds up."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0009"
branch_labels = None
depends_on = None

KEPT = "is never changed or deleted; write a correction instead"
FIXED = (
    "id, number, series, year, sequence, organization_id, subscription_id, period, first, after, currency, net_minor, tax_minor, "
    "total_minor, tax_category, tax_name, tax_formula, issued_at, issued_on, due_on"
)
LINES_SUM = (
    "(SELECT coalesce(sum(net_minor), 0) FROM invoice_line WHERE invoice_id = NEW.id) = NEW.net_minor AND "
    "(SELECT coalesce(sum(tax_minor), 0) FROM invoice_line WHERE invoice_id = NEW.id) = NEW.tax_minor"
)
POSTINGS_SUM = (
    "(SELECT count(*) FROM ledger_posting WHERE entry_id = NEW.id) >= 2 AND NOT EXISTS "
    "(SELECT 1 FROM ledger_posting WHERE entry_id = NEW.id GROUP BY currency HAVING sum(amount_minor) <> 0)"
)
RULES = (
    ("invoice", "update", f"UPDATE OF {FIXED}", "", KEPT),
    ("invoice", "delete", "DELETE", "", KEPT),
    ("invoice", "seal", "INSERT", f"NOT ({LINES_SUM})", "does not add up"),
    ("invoice_line", "update", "UPDATE", "", KEPT),
    ("invoice_line", "delete", "DELETE", "", KEPT),
    (
        "invoice_line",
        "late",
        "INSERT",
        "EXISTS (SELECT 1 FROM invoice WHERE id = NEW.invoice_id)",
        "takes no line after it is sealed",
    ),
    ("ledger_entry", "update", "UPDATE", "", KEPT),
    ("ledger_entry", "delete", "DELETE", "", KEPT),
    ("ledger_entry", "seal", "INSERT", f"NOT ({POSTINGS_SUM})", "does not add up"),
    ("ledger_posting", "update", "UPDATE", "", KEPT),
    ("ledger_posting", "delete", "DELETE", "", KEPT),
    (
        "ledger_posting",
        "late",
        "INSERT",
        "EXISTS (SELECT 1 FROM ledger_entry WHERE id = NEW.entry_id)",
        "takes no line after it is sealed",
    ),
)
ONCE = (
    ("invoice", "(id = NEW.id) OR (number = NEW.number) OR (series = NEW.series AND year = NEW.year AND sequence = NEW.sequence) OR "
     "(subscription_id = NEW.subscription_id AND period = NEW.period)"),
    ("invoice_line", "(invoice_id = NEW.invoice_id AND line = NEW.line) OR (item_id = NEW.item_id AND period = NEW.period)"),
    ("ledger_entry", "(id = NEW.id) OR (key = NEW.key)"),
    ("ledger_posting", "(entry_id = NEW.entry_id AND line = NEW.line)"),
)  # fmt: skip
"""On SQLite, where INSERT OR REPLACE deletes what is in its way without asking the other triggers."""
GUARDED = ("invoice", "invoice_line", "ledger_entry", "ledger_posting")


def upgrade() -> None:
    op.create_table(
        "invoice_series",
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_ledger_account")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_entry_key")),
    )
    op.create_index("ix_ledger_entry_at_id", "ledger_entry", ["at", "id"])
    op.create_table(
        "ledger_posting",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=True),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_posting_amount")),
        sa.ForeignKeyConstraint(["account"], ["ledger_account.code"], name=op.f("fk_ledger_posting_account_ledger_account")),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["ledger_entry.id"],
            name=op.f("fk_ledger_posting_entry_id_ledger_entry"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_ledger_posting_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("entry_id", "line", name=op.f("pk_ledger_posting")),
    )
    op.create_index("ix_ledger_posting_account", "ledger_posting", ["account"])
    op.create_index("ix_ledger_posting_invoice_id", "ledger_posting", ["invoice_id"])
    op.create_index("ix_ledger_posting_organization_id", "ledger_posting", ["organization_id"])
    op.create_table(
        "invoice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("after", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_category", sa.String(), nullable=False),
        sa.Column("tax_name", sa.String(), nullable=False),
        sa.Column("tax_formula", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("net_minor + tax_minor = total_minor", name=op.f("ck_invoice_total")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_invoice_organization_id_organization")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_invoice_subscription_id_subscription")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("number", name=op.f("uq_invoice_number")),
        sa.UniqueConstraint("series", "year", "sequence", name=op.f("uq_invoice_series_year_sequence")),
        sa.UniqueConstraint("subscription_id", "period", name=op.f("uq_invoice_subscription_id_period")),
    )
    op.create_index("ix_invoice_issued_at_id", "invoice", ["issued_at", "id"])
    op.create_index("ix_invoice_organization_id_issued_at", "invoice", ["organization_id", "issued_at"])
    op.create_table(
        "renewal",
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_renewal_subscription_id_subscription")),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_renewal")),
    )
    op.create_index("ix_renewal_next_at", "renewal", ["next_at"])
    op.create_table(
        "invoice_line",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("after", sa.Date(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_line_invoice_id_invoice"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(["item_id"], ["subscription_item.id"], name=op.f("fk_invoice_line_item_id_subscription_item")),
        sa.PrimaryKeyConstraint("invoice_id", "line", name=op.f("pk_invoice_line")),
        sa.UniqueConstraint("item_id", "period", name=op.f("uq_invoice_line_item_id_period")),
    )
    with op.batch_alter_table("payment") as table:
        table.add_column(sa.Column("invoice_id", sa.String(), nullable=True))
        table.add_column(sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("decline", sa.String(), server_default="", nullable=False))
        table.create_index("ix_payment_ask_at", ["ask_at"])
        table.create_index("ix_payment_invoice_id", ["invoice_id"])
        table.create_foreign_key(op.f("fk_payment_invoice_id_invoice"), "invoice", ["invoice_id"], ["id"])
    with op.batch_alter_table("payment") as table:
        table.alter_column("decline", server_default=None)
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
