"""Locks that a transaction holds until its end, among all processes."""

from __future__ import annotations

import zlib

from sqlalchemy import func
from sqlmodel import Session, select


def hold(session: Session, name: str) -> None:
    """Let nobody else past who holds the same name. SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.exec(select(func.pg_advisory_xact_lock(zlib.crc32(name.encode()))))


def share(session: Session, name: str) -> None:
    """Go on beside others who share the name; whoever holds it for himself waits for all of them, and they for him."""
    if session.get_bind().dialect.name != "sqlite":
        session.exec(select(func.pg_advisory_xact_lock_shared(zlib.crc32(name.encode()))))
