"""Documents on paper, and what organizations say for theirs. What stands on a document is guarded as its invoice is."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0024"
branch_labels = None
depends_on = None

KEPT = "is never changed or deleted; write a correction instead"
FIXED = "id, kind, subject_id, invoice_id, organization_id, number, language, facts, issued_on, issued_at"
RULES = (("update", f"UPDATE OF {FIXED}", ""), ("delete", "DELETE", ""))
AGAIN = (
    "again",
    "INSERT",
    "EXISTS (SELECT 1 FROM document WHERE (id = NEW.id) OR (kind = NEW.kind AND subject_id = NEW.subject_id) OR (number = NEW.number))",
)


def upgrade() -> None:
    op.create_table(
        "billing_profile",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("tax_number", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_billing_profile_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_billing_profile")),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_document_invoice_id_invoice")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_document_organization_id_organization")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("number", name=op.f("uq_document_number")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_document_kind_subject_id")),
    )
    op.create_index("ix_document_invoice_id", "document", ["invoice_id"])
    op.create_index("ix_document_organization_id", "document", ["organization_id"])
    op.create_index("ix_document_made_at_issued_at", "document", ["made_at", "issued_at"])
    _guard(op.get_bind())


def _guard(connection: sa.Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    for kind, what, condition in (*RULES, *((AGAIN,) if sqlite else ())):
        name = f"document_{kind}"
        if sqlite:
            when = f" WHEN {condition}" if condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE {what} ON document{when} BEGIN SELECT RAISE(ABORT, 'document {KEPT}'); END"
            )
            continue
        raised = f"RAISE EXCEPTION USING MESSAGE = 'document {KEPT}', ERRCODE = 'integrity_constraint_violation'"
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raised}; END $$"
        )
        connection.exec_driver_sql(f'CREATE TRIGGER {name} BEFORE {what} ON "document" FOR EACH ROW EXECUTE FUNCTION {name}()')
    if not sqlite:
        connection.exec_driver_sql(
            'CREATE TRIGGER document_truncate BEFORE TRUNCATE ON "document" FOR EACH STATEMENT EXECUTE FUNCTION document_update()'
        )
