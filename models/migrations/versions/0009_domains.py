"""Own domains of apps."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PROVEN = sa.text("proven_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "domain",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("instance_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("lacking", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("fk_domain_instance_id_instance")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
    )
    op.create_index("uq_domain_name_proven", "domain", ["name"], unique=True, sqlite_where=PROVEN, postgresql_where=PROVEN)
    op.create_index("uq_domain_instance_id_name", "domain", ["instance_id", "name"], unique=True)
