"""What keeps second factors single-use: the last accepted time step, and recovery codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col, delete, func, select, update

from models.store.types import UtcDateTime


class TotpStep(SQLModel, table=True):
    """The newest 30-second step whose code a person has used; older and equal ones are refused."""

    __tablename__ = "totp_step"

    user_id: str = Field(foreign_key="user.id", primary_key=True)
    step: int


class RecoveryCode(SQLModel, table=True):
    """One recovery code, as the SHA-256 of its 80 random bits."""

    __tablename__ = "recovery_code"

    code_hash: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def spend_step(session: Session, user_id: str, step: int) -> bool:
    """Accept a time step once: False when it, or a later one, was used before."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(TotpStep).values(user_id=user_id, step=step)
    newer = insert.on_conflict_do_update(index_elements=["user_id"], set_={"step": step}, where=col(TotpStep.step) < step)
    return bool(session.exec(newer.returning(col(TotpStep.step))).first())


def spend_recovery(session: Session, user_id: str, code_hash: str, now: datetime) -> bool:
    """Use up one recovery code: False when it is not this person's or was used before."""
    mine = (col(RecoveryCode.code_hash) == code_hash, col(RecoveryCode.user_id) == user_id, col(RecoveryCode.used_at).is_(None))
    return session.exec(update(RecoveryCode).where(*mine).values(used_at=now)).rowcount == 1


def replace_recovery(session: Session, user_id: str, code_hashes: list[str], now: datetime) -> None:
    """These recovery codes from now on, none of the older ones."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
    session.add_all([RecoveryCode(code_hash=code, user_id=user_id, created_at=now) for code in code_hashes])
    session.flush()


def recovery_left(session: Session, user_id: str) -> int:
    """How many recovery codes are still good."""
    unused = (
        select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id, col(RecoveryCode.used_at).is_(None))
    )
    return session.exec(unused).one()


def clear(session: Session, user_id: str) -> None:
    """Forget the recovery codes; the spent step stays, so that no old code comes back to life."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))
