"""The outbox: every mail is a row before it leaves, and leaves by a claim."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select, update

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class MailStatus(StrEnum):
    """Where a mail is: waiting, handed to a mail server, kept for reading (no mail server), or given up."""

    DUE = "due"
    SENT = "sent"
    KEPT = "kept"
    FAILED = "failed"


class Mail(SQLModel, table=True):
    """One mail to one address. `key` names the fact it tells, so that the fact is told once."""

    __tablename__ = "mail"

    id: str = Field(default_factory=lambda: new_id("mail"), primary_key=True)
    key: str = Field(unique=True)
    kind: str
    """Name of the text: verify, reset, invitation ..."""
    to: str = Field(index=True)
    locale: str = "en"
    subject: str
    text: str
    html: str
    secret: bool = False
    """Whether it carries a one-time link; its body is wiped once a mail server has it."""
    organization_id: str | None = Field(default=None, foreign_key="organization.id", index=True)
    status: MailStatus = Field(default=MailStatus.DUE, index=True, sa_type=text_enum(MailStatus))
    attempts: int = 0
    next_at: datetime = Field(sa_type=UtcDateTime, index=True)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def due(session: Session, now: datetime, *, limit: int) -> list[str]:
    """Ids of mails whose time has come and that nobody holds, oldest first."""
    free = col(Mail.claimed_until).is_(None) | (col(Mail.claimed_until) <= now)
    waiting = select(Mail.id).where(Mail.status == MailStatus.DUE, col(Mail.next_at) <= now, free)
    return list(session.exec(waiting.order_by(col(Mail.next_at), col(Mail.id)).limit(limit)).all())


def claim(session: Session, mail_id: str, now: datetime, *, hold: timedelta) -> Mail | None:
    """Take a due mail for `hold`; None when another process was faster. A claim that is never settled frees itself."""
    free = col(Mail.claimed_until).is_(None) | (col(Mail.claimed_until) <= now)
    mine = (col(Mail.id) == mail_id, col(Mail.status) == MailStatus.DUE, col(Mail.next_at) <= now, free)
    taken = session.exec(update(Mail).where(*mine).values(claimed_until=now + hold, attempts=col(Mail.attempts) + 1))
    return session.exec(select(Mail).where(Mail.id == mail_id)).one() if taken.rowcount == 1 else None


def settle(session: Session, mail: Mail, **values: object) -> bool:
    """Write the outcome of the attempt that `mail` was claimed for; False when another attempt has begun since."""
    mine = (col(Mail.id) == mail.id, col(Mail.attempts) == mail.attempts, col(Mail.status) == MailStatus.DUE)
    return session.exec(update(Mail).where(*mine).values(claimed_until=None, **values)).rowcount == 1


def newest(session: Session, *, limit: int, offset: int = 0, status: MailStatus | None = None) -> list[Mail]:
    rows = select(Mail).order_by(col(Mail.created_at).desc(), col(Mail.id).desc()).limit(limit).offset(offset)
    return list(session.exec(rows.where(Mail.status == status) if status else rows).all())


def add(session: Session, mail: Mail) -> bool:
    """Write it; False when the same fact was told at the same moment."""
    try:
        with session.begin_nested():
            session.add(mail)
            session.flush()
    except IntegrityError:
        return False
    return True


def by_key(session: Session, key: str) -> Mail | None:
    return session.exec(select(Mail).where(Mail.key == key)).first()


def of_organization(session: Session, organization_id: str) -> list[Mail]:
    """Newest first."""
    found = select(Mail).where(Mail.organization_id == organization_id)
    return list(session.exec(found.order_by(col(Mail.created_at).desc(), col(Mail.id).desc())).all())


def blank(session: Session, *, organization_id: str, addresses: Collection[str]) -> None:
    """Forget words and addresses of an organization's mails, and of all mails to `addresses`; what still waits is not sent."""
    whose = (col(Mail.organization_id) == organization_id) | col(Mail.to).in_(addresses)
    session.exec(update(Mail).where(whose, col(Mail.status) == MailStatus.DUE).values(status=MailStatus.FAILED))
    session.exec(update(Mail).where(whose).values(to="", subject="", text="", html="", last_error=""))
