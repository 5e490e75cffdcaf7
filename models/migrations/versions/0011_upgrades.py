"""Upgrades of apps."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0016"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('asked', 'saving', 'changing', 'returning')")


def upgrade() -> None:
    op.create_table(
        "app_upgrade",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("from_edition", sa.String(), nullable=False),
        sa.Column("to_edition", sa.String(), nullable=False),
        sa.Column("from_version", sa.String(), nullable=False),
        sa.Column("to_version", sa.String(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("migrates", sa.Boolean(), nullable=False),
        sa.Column("proves", sa.Boolean(), nullable=False),
        sa.Column("backup_id", sa.String(), nullable=False),
        sa.Column("restore_id", sa.String(), nullable=False),
        sa.Column("change_set_id", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("fk_app_upgrade_instance_id_instance")),
        sa.ForeignKeyConstraint(["from_edition"], ["edition.digest"], name=op.f("fk_app_upgrade_from_edition_edition")),
        sa.ForeignKeyConstraint(["to_edition"], ["edition.digest"], name=op.f("fk_app_upgrade_to_edition_edition")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_upgrade")),
    )
    op.create_index(
        "uq_app_upgrade_instance_id_open", "app_upgrade", ["instance_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_app_upgrade_instance_id_created_at", "app_upgrade", ["instance_id", "created_at"])
