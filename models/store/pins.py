"""Pins: the digest that an image's tag stood for when somebody resolved it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, Session, SQLModel, select

from models.store.types import UtcDateTime


class ImagePin(SQLModel, table=True):
    """One image as it is written in a template, and its digest."""

    __tablename__ = "image_pin"

    image: str = Field(primary_key=True)
    digest: str
    resolved_at: datetime = Field(sa_type=UtcDateTime)


def everything(session: Session) -> dict[str, str]:
    """Digest by image."""
    return {row.image: row.digest for row in session.exec(select(ImagePin)).all()}


def put(session: Session, image: str, digest: str, now: datetime) -> bool:
    """Keep it; whether it is another one than before."""
    row = session.get(ImagePin, image)
    if row is not None and row.digest == digest:
        return False
    session.merge(ImagePin(image=image, digest=digest, resolved_at=now))
    session.flush()
    return True
