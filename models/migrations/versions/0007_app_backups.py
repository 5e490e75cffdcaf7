"""Backups of apps and their restores."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _worked_on() -> list[sa.Column[Any]]:
    """Columns of what one process at a time works on."""
    return [
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
    ]


def _indexes(table: str, still_open: str) -> None:
    op.create_index(f"ix_{table}_state_again_at", table, ["state", "again_at"])
    op.create_index(f"ix_{table}_instance_id_created_at", table, ["instance_id", "created_at"])
    where = sa.text(still_open)
    op.create_index(f"uq_{table}_instance_id_open", table, ["instance_id"], unique=True, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    op.create_table(
        "app_backup",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("still", sa.Boolean(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        *_worked_on(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("fk_app_backup_instance_id_instance")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_backup")),
    )
    _indexes("app_backup", "state IN ('wanted', 'running')")
    op.create_table(
        "app_restore",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("backup_id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *_worked_on(),
        sa.ForeignKeyConstraint(["backup_id"], ["app_backup.id"], name=op.f("fk_app_restore_backup_id_app_backup")),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("fk_app_restore_instance_id_instance")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_restore")),
    )
    op.create_index("ix_app_restore_backup_id", "app_restore", ["backup_id"])
    _indexes("app_restore", "state IN ('wanted', 'running') AND kind <> 'drill'")
