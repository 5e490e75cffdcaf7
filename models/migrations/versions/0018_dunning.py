"""Moves of subscriptions as rows that stay, reminders, holds, and the moment at which a cancelled one ends."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KEPT = "is never changed or deleted; write a correction instead"
ONCE = (
    ("subscription_edge", "(id = NEW.id) OR (key = NEW.key) OR (subscription_id = NEW.subscription_id AND number = NEW.number)"),
    ("dunning_reminder", "(invoice_id = NEW.invoice_id AND day = NEW.day)"),
)
KNOWN = """
INSERT INTO subscription_edge (id, subscription_id, number, before, after, at, reason, actor, key, ended)
SELECT 'edg_' || substr(s.id, 5), s.id, 1, 'pending', s.state,
  CASE WHEN s.ended_at IS NOT NULL THEN s.ended_at
       WHEN s.state = 'expired' THEN coalesce((SELECT max(i.until) FROM subscription_item i WHERE i.subscription_id = s.id), s.created_at)
       ELSE s.created_at END,
  'before_moves_were_kept', 'migration', s.id || ':1',
  CASE WHEN s.state = 'expired' AND s.trial_until IS NOT NULL AND
       s.trial_until = (SELECT max(i.until) FROM subscription_item i WHERE i.subscription_id = s.id) THEN 'trial' END
FROM subscription s WHERE s.state <> 'pending'
"""
"""The last state of each: why one is over is known only of trials that ended by themselves."""


def upgrade() -> None:
    op.create_table(
        "subscription_edge",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("ended", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_subscription_edge_subscription_id_subscription")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_edge")),
        sa.UniqueConstraint("key", name=op.f("uq_subscription_edge_key")),
        sa.UniqueConstraint("subscription_id", "number", name=op.f("uq_subscription_edge_subscription_id_number")),
    )
    op.create_table(
        "dunning_reminder",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_dunning_reminder_invoice_id_invoice")),
        sa.PrimaryKeyConstraint("invoice_id", "day", name=op.f("pk_dunning_reminder")),
    )
    op.create_table(
        "dunning_hold",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_dunning_hold_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dunning_hold")),
    )
    op.create_index("ix_dunning_hold_organization_id", "dunning_hold", ["organization_id"])
    op.add_column("subscription", sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True))
    op.get_bind().exec_driver_sql(KNOWN)
    _guard(op.get_bind())


def _guard(connection: sa.Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    for table, same in ONCE:
        if sqlite:
            again = f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"
            for kind, what, when in (("update", "UPDATE", ""), ("delete", "DELETE", ""), ("again", "INSERT", again)):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {table}_{kind} BEFORE {what} ON {table}{when} BEGIN SELECT RAISE(ABORT, '{table} {KEPT}'); END"
                )
            continue
        for what in ("update", "delete"):
            connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION {table}_{what}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                f"USING MESSAGE = '{table} {KEPT}', ERRCODE = 'integrity_constraint_violation'; END $$"
            )
            connection.exec_driver_sql(
                f'CREATE TRIGGER {table}_{what} BEFORE {what.upper()} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {table}_{what}()'
            )
        connection.exec_driver_sql(
            f'CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION {table}_update()'
        )
