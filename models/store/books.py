"""The books: from which month on they are open, and every closing and reopening with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Date, Text
from sqlmodel import Field, Session, SQLModel, col, select

from models.store import locks
from models.store.guards import Guard, guard
from models.store.types import UtcDateTime

ALWAYS = date.min
"""Books that were never closed are open from then on."""
_ONE = "books"


class Books(SQLModel, table=True):
    """One row at most: nothing is posted for a day before `open_from`, the first of a month. The ledger's own guard reads it."""

    name: str = Field(default=_ONE, primary_key=True)
    open_from: date = Field(sa_type=Date)


class BooksMove(SQLModel, table=True):
    """Who moved it when, from where to where, and why. None: the books had never been closed."""

    __tablename__ = "books_move"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor_name: str
    before: date | None = Field(default=None, sa_type=Date)
    after: date = Field(sa_type=Date)
    reason: str = Field(sa_type=Text)


guard(SQLModel.metadata.tables["books_move"], Guard("books_move"))


def open_from(session: Session, *, posting: bool = False) -> date:
    """The first day that is open. Whoever is `posting` keeps it so until the transaction ends."""
    if posting:
        locks.share(session, _ONE)
    row = session.get(Books, _ONE, populate_existing=True)
    return row.open_from if row else ALWAYS


def held(session: Session) -> date:
    """The first day that is open, and nobody else posts or moves it until the transaction ends."""
    locks.hold(session, _ONE)
    return open_from(session)


def move(session: Session, day: date, *, at: datetime, actor_name: str, reason: str) -> None:
    """Open from that day on; for who has `held` them."""
    before = open_from(session)
    session.merge(Books(open_from=day))
    known = None if before == ALWAYS else before
    session.add(BooksMove(at=at, actor_name=actor_name, before=known, after=day, reason=reason))
    session.flush()


def moves(session: Session, *, limit: int) -> Sequence[BooksMove]:
    """The newest first."""
    return session.exec(select(BooksMove).order_by(col(BooksMove.id).desc()).limit(limit)).all()
