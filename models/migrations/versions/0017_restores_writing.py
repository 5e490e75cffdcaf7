"""Restores that have begun to overwrite what is there."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("app_restore") as table:
        table.add_column(sa.Column("writing", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("app_restore") as table:
        table.alter_column("writing", server_default=None)
