"""Sums of the ledger by month, and an index by the day of entries."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_month",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("debit_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "currency", "month", "kind", name=op.f("pk_ledger_month")),
    )
    op.create_table(
        "ledger_summed",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ledger_summed")),
    )
    op.create_index("ix_ledger_entry_day", "ledger_entry", ["day"])
    op.drop_index("ix_ledger_posting_account", "ledger_posting")
    op.create_index("ix_ledger_posting_account_entry_id", "ledger_posting", ["account", "entry_id"])
