"""Components that customers add to their apps."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "component_edition",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_component_edition")),
    )
    with op.batch_alter_table("specification") as table:
        table.add_column(sa.Column("components", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("subscription_item") as table:
        table.add_column(sa.Column("component", sa.String(), server_default="", nullable=False))
    for name, column in (("specification", "components"), ("subscription_item", "component")):
        with op.batch_alter_table(name) as table:
            table.alter_column(column, server_default=None)
