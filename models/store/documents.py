"""Documents that were issued: what stands on each is fixed with its row, the bytes that it was set to are known once they are made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import Date, Index, Text, UniqueConstraint, update
from sqlmodel import Field, Session, SQLModel, col, func, select

from models.domain.documents import DocumentKind
from models.domain.ids import new_id
from models.store.guards import Guard, guard
from models.store.types import UtcDateTime, text_enum


class Document(SQLModel, table=True):
    """One issued document about `subject_id`, such as an invoice. `facts`: JSON, models.domain.documents.facts.

    `sha256` and `size` are of its bytes as they were first set; empty until then.
    """

    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_document_made_at_issued_at", "made_at", "issued_at"),
    )

    id: str = Field(default_factory=lambda: new_id("doc"), primary_key=True)
    kind: DocumentKind = Field(sa_type=text_enum(DocumentKind))
    subject_id: str
    invoice_id: str = Field(foreign_key="invoice.id", index=True)
    """The invoice that it is, or belongs to."""
    organization_id: str = Field(foreign_key="organization.id", index=True)
    number: str = Field(unique=True)
    language: str
    facts: str = Field(sa_type=Text)
    issued_on: date = Field(sa_type=Date)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    sha256: str = ""
    size: int = 0
    made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


guard(SQLModel.metadata.tables["document"], Guard("document", free=("sha256", "size", "made_at")))


def by_id(session: Session, document_id: str) -> Document | None:
    return session.get(Document, document_id)


def of_invoice(session: Session, invoice_id: str) -> Sequence[Document]:
    """The oldest first, an invoice before what came with it."""
    query = select(Document).where(Document.invoice_id == invoice_id)
    return session.exec(query.order_by(col(Document.issued_at), col(Document.number))).all()


def of_organization(session: Session, organization_id: str) -> Sequence[Document]:
    query = select(Document).where(Document.organization_id == organization_id)
    return session.exec(query.order_by(col(Document.issued_at), col(Document.id))).all()


def unmade(session: Session, *, limit: int, without: Collection[str] = ()) -> Sequence[Document]:
    """Those whose bytes nobody has set yet, the oldest first; not those of which `without` has the ids."""
    query = select(Document).where(col(Document.made_at).is_(None), col(Document.id).not_in(without))
    return session.exec(query.order_by(col(Document.issued_at), col(Document.id)).limit(limit)).all()


def unmade_count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Document).where(col(Document.made_at).is_(None))).one()


def made(session: Session, document_id: str, *, sha256: str, size: int, at: datetime) -> bool:
    """Say what its bytes are; False when that was said before."""
    moved = session.exec(
        update(Document)
        .where(col(Document.id) == document_id, col(Document.made_at).is_(None))
        .values(sha256=sha256, size=size, made_at=at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1
