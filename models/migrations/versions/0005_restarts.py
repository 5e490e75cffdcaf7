"""How often an app was restarted is a part of what is wanted of it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("specification") as table:
        table.add_column(sa.Column("restarts", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("specification") as table:
        table.alter_column("restarts", server_default=None)
