"""Vouchers, who redeemed them, and what they took off invoices."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "voucher",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("percent_hundredths", sa.Integer(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("periods", sa.Integer(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(percent_hundredths IS NULL) <> (amount_minor IS NULL)", name=op.f("ck_voucher_kind")),
        sa.CheckConstraint("uses IS NULL OR used <= uses", name=op.f("ck_voucher_used")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("code", name=op.f("uq_voucher_code")),
    )
    op.create_table(
        "voucher_use",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("voucher_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_voucher_use_organization_id_organization")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_voucher_use_subscription_id_subscription")),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name=op.f("fk_voucher_use_voucher_id_voucher")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_use")),
        sa.UniqueConstraint("voucher_id", "organization_id", name=op.f("uq_voucher_use_voucher_id_organization_id")),
    )
    op.create_index("ix_voucher_use_organization_id", "voucher_use", ["organization_id"])
    op.create_index("ix_voucher_use_subscription_id", "voucher_use", ["subscription_id"])
    op.create_table(
        "voucher_discount",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("voucher_use_id", sa.String(), nullable=False),
        sa.Column("off_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_voucher_discount_invoice_id_invoice")),
        sa.ForeignKeyConstraint(
            ["voucher_use_id"], ["voucher_use.id"], name=op.f("fk_voucher_discount_voucher_use_id_voucher_use")
        ),
        sa.PrimaryKeyConstraint("invoice_id", "voucher_use_id", name=op.f("pk_voucher_discount")),
    )
