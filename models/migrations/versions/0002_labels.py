"""Organizations that staff made keep the label that was their slug; whoever signed up has none until staff say one."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE organization SET label = slug WHERE label IS NULL "
        "AND slug NOT IN (SELECT o.label FROM organization o WHERE o.label IS NOT NULL) "
        "AND id IN (SELECT subject FROM audit WHERE action = 'organizations.create')"
    )
