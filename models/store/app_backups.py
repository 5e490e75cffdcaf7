"""Backups of apps and their restores: what was saved and where it lies, worked on by one process at a time under a lease."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Index, Text, or_, text, update
from sqlmodel import Field, Session, SQLModel, col, func, select

from models.domain.app_backups import BackupReason, BackupState, RestoreKind, RestoreState
from models.domain.ids import new_id
from models.store.instances import Instance
from models.store.types import UtcDateTime, text_enum

_OPEN = text("state IN ('wanted', 'running')")
_OPEN_RESTORE = text("state IN ('wanted', 'running') AND kind <> 'drill'")
OPEN_BACKUPS = (BackupState.WANTED, BackupState.RUNNING)
OPEN_RESTORES = (RestoreState.WANTED, RestoreState.RUNNING)


class AppBackup(SQLModel, table=True):
    """One backup of one instance. `place` is set when it is done: the name under which its content lies in the target."""

    __tablename__ = "app_backup"
    __table_args__ = (
        Index("uq_app_backup_instance_id_open", "instance_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_app_backup_state_again_at", "state", "again_at"),
        Index("ix_app_backup_instance_id_created_at", "instance_id", "created_at"),
    )

    id: str = Field(default_factory=lambda: new_id("bak"), primary_key=True)
    instance_id: str = Field(foreign_key="instance.id")
    state: BackupState = Field(default=BackupState.WANTED, sa_type=text_enum(BackupState))
    reason: BackupReason = Field(sa_type=text_enum(BackupReason))
    generation: int
    """Of the specification that was wanted when it was made."""
    still: bool = False
    """The app does not run, so what has to run for the backup is started for it alone."""
    place: str = ""
    size: int = Field(default=0, sa_type=BigInteger)
    """Bytes that lie in the target."""
    sha256: str = ""
    parts: str = Field(default="[]", sa_type=Text)
    """JSON: what is in it, as `[component, what, bytes]`."""
    secrets: str = Field(default="", sa_type=Text)
    """The instance's drawn values, sealed: without them what was saved may be worth nothing."""
    why: str = Field(default="", sa_type=Text)
    """What is waited for, or why it failed."""
    attempts: int = 0
    """Attempts that failed."""
    turns: int = 0
    """How often it was taken; each turn writes under a name of its own."""
    again_at: datetime = Field(sa_type=UtcDateTime)
    holder: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its content was seen to be gone."""


class AppRestore(SQLModel, table=True):
    """One backup on its way back. `instance_id`: the app that receives it; for a drill the one that it was made of."""

    __tablename__ = "app_restore"
    __table_args__ = (
        Index(
            "uq_app_restore_instance_id_open",
            "instance_id",
            unique=True,
            sqlite_where=_OPEN_RESTORE,
            postgresql_where=_OPEN_RESTORE,
        ),
        Index("ix_app_restore_state_again_at", "state", "again_at"),
        Index("ix_app_restore_instance_id_created_at", "instance_id", "created_at"),
    )

    id: str = Field(default_factory=lambda: new_id("res"), primary_key=True)
    backup_id: str = Field(foreign_key="app_backup.id", index=True)
    instance_id: str = Field(foreign_key="instance.id")
    kind: RestoreKind = Field(sa_type=text_enum(RestoreKind))
    writing: bool = False
    """It has begun to overwrite what is there, or one before it had and did not come to its end."""
    state: RestoreState = Field(default=RestoreState.WANTED, sa_type=text_enum(RestoreState))
    why: str = Field(default="", sa_type=Text)
    attempts: int = 0
    turns: int = 0
    again_at: datetime = Field(sa_type=UtcDateTime)
    holder: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


Row = TypeVar("Row", AppBackup, AppRestore)
_OPEN_OF: dict[Any, Sequence[Any]] = {AppBackup: OPEN_BACKUPS, AppRestore: OPEN_RESTORES}
_RUNNING: dict[Any, Any] = {AppBackup: BackupState.RUNNING, AppRestore: RestoreState.RUNNING}


def by_id(session: Session, backup_id: str) -> AppBackup | None:
    return session.get(AppBackup, backup_id)


def restore_by_id(session: Session, restore_id: str) -> AppRestore | None:
    return session.get(AppRestore, restore_id)


def of_instance(session: Session, instance_id: str, *, limit: int | None = None) -> Sequence[AppBackup]:
    """All of an instance, the newest first."""
    query = select(AppBackup).where(AppBackup.instance_id == instance_id)
    return session.exec(query.order_by(col(AppBackup.created_at).desc(), col(AppBackup.id).desc()).limit(limit)).all()


def restores_of(session: Session, instance_id: str, *, limit: int | None = None) -> Sequence[AppRestore]:
    """All into an instance, drills among them, the newest first."""
    query = select(AppRestore).where(AppRestore.instance_id == instance_id)
    return session.exec(query.order_by(col(AppRestore.created_at).desc(), col(AppRestore.id).desc()).limit(limit)).all()


def open_of(session: Session, instance_id: str) -> AppBackup | None:
    """The backup that is not over."""
    return session.exec(
        select(AppBackup).where(AppBackup.instance_id == instance_id, col(AppBackup.state).in_(OPEN_BACKUPS))
    ).first()


def open_restore_of(session: Session, instance_id: str) -> AppRestore | None:
    """The restore into the instance that is not over; drills are into none."""
    return session.exec(
        select(AppRestore).where(
            AppRestore.instance_id == instance_id,
            col(AppRestore.state).in_(OPEN_RESTORES),
            AppRestore.kind != RestoreKind.DRILL,
        )
    ).first()


def spoiled(session: Session, instance_id: str) -> bool:
    """Whether what the instance keeps is overwritten in part: the newest restore into it began to write and is not done."""
    last = session.exec(
        select(AppRestore)
        .where(AppRestore.instance_id == instance_id, AppRestore.kind != RestoreKind.DRILL)
        .order_by(col(AppRestore.created_at).desc(), col(AppRestore.id).desc())
    ).first()
    return last is not None and last.writing and last.state is not RestoreState.DONE


def newest(session: Session, instance_id: str, reason: BackupReason | None = None) -> AppBackup | None:
    query = select(AppBackup).where(AppBackup.instance_id == instance_id)
    if reason is not None:
        query = query.where(AppBackup.reason == reason)
    return session.exec(query.order_by(col(AppBackup.created_at).desc(), col(AppBackup.id).desc())).first()


def holds_still(session: Session, instance_id: str) -> bool:
    """Whether a restore or a backup needs the app to stand still now: nothing else may be brought into the cluster for it."""
    restoring = open_restore_of(session, instance_id)
    saving = open_of(session, instance_id)
    return (restoring is not None and restoring.state is RestoreState.RUNNING) or (
        saving is not None and saving.state is BackupState.RUNNING and saving.still
    )


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    states: Collection[BackupState] | None = None,
    limit: int | None = None,
) -> Sequence[AppBackup]:
    """The newest first; `within` are organizations, None means all."""
    query = select(AppBackup)
    if within is not None:
        query = query.join(Instance, col(Instance.id) == col(AppBackup.instance_id)).where(
            col(Instance.organization_id).in_(within)
        )
    if states is not None:
        query = query.where(col(AppBackup.state).in_(states))
    return session.exec(query.order_by(col(AppBackup.created_at).desc(), col(AppBackup.id).desc()).limit(limit)).all()


def restores(
    session: Session, *, within: Collection[str] | None = None, kind: RestoreKind | None = None, limit: int | None = None
) -> Sequence[AppRestore]:
    """The newest first; `within` are organizations, None means all."""
    query = select(AppRestore)
    if within is not None:
        query = query.join(Instance, col(Instance.id) == col(AppRestore.instance_id)).where(
            col(Instance.organization_id).in_(within)
        )
    if kind is not None:
        query = query.where(AppRestore.kind == kind)
    return session.exec(query.order_by(col(AppRestore.created_at).desc(), col(AppRestore.id).desc()).limit(limit)).all()


def expired(session: Session, now: datetime, *, limit: int) -> Sequence[AppBackup]:
    """Those whose time is over and whose content is still there, the longest over first."""
    query = select(AppBackup).where(AppBackup.state == BackupState.DONE, col(AppBackup.expires_at) <= now)
    return session.exec(query.order_by(col(AppBackup.expires_at), col(AppBackup.id)).limit(limit)).all()


def due(session: Session, kind: type[Row], now: datetime, *, limit: int) -> Sequence[str]:
    """Ids of those that may be worked on now and that nobody holds, the longest due first."""
    table: Any = kind
    free = or_(col(table.lease_until).is_(None), col(table.lease_until) <= now)
    query = select(table.id).where(col(table.state).in_(_OPEN_OF[kind]), col(table.again_at) <= now, free)
    found: Sequence[str] = session.exec(query.order_by(col(table.again_at), col(table.id)).limit(limit)).all()
    return found


def claim(session: Session, kind: type[Row], row_id: str, *, holder: str, now: datetime, until: datetime) -> Row | None:
    """Take it for `holder` until `until`, if it still is due and free; the row's count decides, on both databases."""
    table: Any = kind
    free = or_(col(table.lease_until).is_(None), col(table.lease_until) <= now)
    taken = session.exec(
        update(table)
        .where(col(table.id) == row_id, col(table.state).in_(_OPEN_OF[kind]), col(table.again_at) <= now, free)
        .values(state=_RUNNING[kind], holder=holder, lease_until=until, turns=col(table.turns) + 1)
        .execution_options(synchronize_session="fetch")
    )
    return session.get(kind, row_id, populate_existing=True) if taken.rowcount == 1 else None


def beat(session: Session, kind: type[Row], row_id: str, *, holder: str, turn: int, until: datetime) -> bool:
    """Hold it longer; False when it is not this turn's any more."""
    table: Any = kind
    held = session.exec(
        update(table)
        .where(
            col(table.id) == row_id,
            col(table.holder) == holder,
            col(table.turns) == turn,
            col(table.state) == _RUNNING[kind],
        )
        .values(lease_until=until)
        .execution_options(synchronize_session=False)
    )
    return held.rowcount == 1


def held_by(session: Session, kind: type[Row], row_id: str, *, holder: str, turn: int) -> Row | None:
    """The row, locked for this transaction, while it is still that turn's; None when somebody else took it or it ended."""
    table: Any = kind
    query = select(kind).where(
        col(table.id) == row_id,
        col(table.holder) == holder,
        col(table.turns) == turn,
        col(table.state) == _RUNNING[kind],
    )
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).first()


def expire(session: Session, backup_id: str, now: datetime) -> bool:
    """Its content is gone: forget its secrets too; False when somebody was faster."""
    ended = session.exec(
        update(AppBackup)
        .where(col(AppBackup.id) == backup_id, col(AppBackup.state) == BackupState.DONE)
        .values(state=BackupState.EXPIRED, gone_at=now, secrets="")
        .execution_options(synchronize_session="fetch")
    )
    return ended.rowcount == 1


def places(session: Session) -> Collection[str]:
    """Names in the target that belong to a backup whose content is to be there."""
    return set(session.exec(select(AppBackup.place).where(AppBackup.state == BackupState.DONE)).all())


def running_turns(session: Session) -> Collection[tuple[str, str]]:
    """(instance, backup) of those that somebody may be writing now."""
    rows = session.exec(select(AppBackup.instance_id, AppBackup.id).where(col(AppBackup.state).in_(OPEN_BACKUPS))).all()
    return {(instance, backup) for instance, backup in rows}


def bytes_kept(session: Session, instance_id: str) -> int:
    """How much of the target an instance's backups take."""
    query = select(func.coalesce(func.sum(AppBackup.size), 0)).where(
        AppBackup.instance_id == instance_id, AppBackup.state == BackupState.DONE
    )
    return int(session.exec(query).one())


def blank(session: Session, instance_ids: Sequence[str]) -> None:
    """Forget who asked, and the sealed secrets; the content goes with `expires_at`, which comes at once."""
    for table in (AppBackup, AppRestore):
        session.exec(
            update(table)
            .where(col(table.instance_id).in_(instance_ids))
            .values(created_by_name="")
            .execution_options(synchronize_session="fetch")
        )
    session.exec(
        update(AppBackup)
        .where(col(AppBackup.instance_id).in_(instance_ids), col(AppBackup.state) == BackupState.DONE)
        .values(secrets="", expires_at=col(AppBackup.finished_at))
        .execution_options(synchronize_session="fetch")
    )
