"""Bank transfers: lines of bank statements, each kept once, and what customers report with a proof."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Date, Index, Text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class LineState(StrEnum):
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    IGNORED = "ignored"
    """Staff say that it is none of the customers' money."""


class ReportState(StrEnum):
    WAITING = "waiting"
    FOUND = "found"
    REFUSED = "refused"


class BankLine(SQLModel, table=True):
    """Money on the bank account, a line of a statement. `key` is made of what the line says, so that it is taken once."""

    __tablename__ = "bank_line"
    __table_args__ = (Index("ix_bank_line_state_day", "state", "day"),)

    id: str = Field(default_factory=lambda: new_id("bnk"), primary_key=True)
    key: str = Field(unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    source: str
    day: date = Field(sa_type=Date)
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    words: str = Field(sa_type=Text)
    state: LineState = Field(default=LineState.UNMATCHED, sa_type=text_enum(LineState))
    payment_id: str | None = Field(default=None, foreign_key="payment.id", index=True)


class TransferReport(SQLModel, table=True):
    """What a customer says about a transfer for an invoice, until it is found on the account."""

    __tablename__ = "transfer_report"

    id: str = Field(default_factory=lambda: new_id("trf"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    invoice_id: str = Field(foreign_key="invoice.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    words: str = Field(default="", sa_type=Text)
    state: ReportState = Field(default=ReportState.WAITING, sa_type=text_enum(ReportState))
    proof_type: str = ""
    proof_size: int = 0
    proof: str = Field(default="", sa_type=Text)
    """The uploaded proof, sealed; empty when there is none."""


def take(session: Session, line: BankLine) -> bool:
    """Keep a line; False when it was taken before."""
    try:
        with session.begin_nested():
            session.add(line)
            session.flush()
    except IntegrityError:
        return False
    return True


def lines(session: Session, states: Sequence[LineState], *, limit: int | None = None) -> Sequence[BankLine]:
    """Lines that stand so, the oldest first."""
    query = select(BankLine).where(col(BankLine.state).in_(states))
    return session.exec(query.order_by(col(BankLine.day), col(BankLine.id)).limit(limit)).all()


def line(session: Session, line_id: str) -> BankLine | None:
    return session.get(BankLine, line_id)


def assign(session: Session, line_id: str, state: LineState, *, payment_id: str | None = None) -> bool:
    """Say what an unmatched line is; False when that was said before."""
    moved = session.exec(
        update(BankLine)
        .where(col(BankLine.id) == line_id, col(BankLine.state) == LineState.UNMATCHED)
        .values(state=state, payment_id=payment_id)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def report(session: Session, report_id: str) -> TransferReport | None:
    return session.get(TransferReport, report_id)


def reports(
    session: Session, *, invoice_id: str | None = None, organization_id: str | None = None, state: ReportState | None = None
) -> Sequence[TransferReport]:
    """What customers reported, the oldest first."""
    query = select(TransferReport)
    if invoice_id is not None:
        query = query.where(TransferReport.invoice_id == invoice_id)
    if organization_id is not None:
        query = query.where(TransferReport.organization_id == organization_id)
    if state is not None:
        query = query.where(TransferReport.state == state)
    return session.exec(query.order_by(col(TransferReport.at), col(TransferReport.id))).all()


def close(session: Session, invoice_id: str, state: ReportState) -> None:
    """What waits of an invoice is answered."""
    session.exec(
        update(TransferReport)
        .where(col(TransferReport.invoice_id) == invoice_id, col(TransferReport.state) == ReportState.WAITING)
        .values(state=state)
        .execution_options(synchronize_session="fetch")
    )


def blank(session: Session, organization_id: str) -> None:
    """Take out who reported, their words and proofs."""
    session.exec(
        update(TransferReport)
        .where(col(TransferReport.organization_id) == organization_id)
        .values(by="", words="", proof="", proof_type="", proof_size=0)
        .execution_options(synchronize_session="fetch")
    )
