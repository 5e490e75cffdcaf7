"""A rule about a namespace may say at which address what runs there answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("namespace_mapping") as table:
        table.add_column(sa.Column("address", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("namespace_mapping") as table:
        table.alter_column("address", server_default=None)
