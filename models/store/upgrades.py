"""Upgrades of apps: from which version to which, how far each has come, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, Text, text, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.upgrades import OPEN, UpgradeState
from models.store.instances import Instance
from models.store.types import UtcDateTime, text_enum

_OPEN = text("state IN ('asked', 'saving', 'changing', 'returning')")


class AppUpgrade(SQLModel, table=True):
    """One upgrade of one instance. What was wanted before it is the generation `before`."""

    __tablename__ = "app_upgrade"
    __table_args__ = (
        Index("uq_app_upgrade_instance_id_open", "instance_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_app_upgrade_instance_id_created_at", "instance_id", "created_at"),
    )

    id: str = Field(default_factory=lambda: new_id("upg"), primary_key=True)
    instance_id: str = Field(foreign_key="instance.id")
    state: UpgradeState = Field(default=UpgradeState.ASKED, sa_type=text_enum(UpgradeState))
    from_edition: str = Field(foreign_key="edition.digest")
    to_edition: str = Field(foreign_key="edition.digest")
    from_version: str
    to_version: str
    before: int
    generation: int = 0
    """That wants the new version; 0 while nothing is changed."""
    migrates: bool
    """The new version may change the data, so the way back needs the backup."""
    proves: bool = False
    """The drawn credentials signed in before, so they have to sign in afterwards."""
    backup_id: str = ""
    restore_id: str = ""
    change_set_id: str = ""
    why: str = Field(default="", sa_type=Text)
    """Why it did not come to its end."""
    created_by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the new version was wanted."""
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_id(session: Session, upgrade_id: str) -> AppUpgrade | None:
    return session.get(AppUpgrade, upgrade_id)


def locked(session: Session, upgrade_id: str) -> AppUpgrade | None:
    """The row as it is now, nobody else's until this transaction ends."""
    return session.get(AppUpgrade, upgrade_id, with_for_update=True, populate_existing=True)


def open_of(session: Session, instance_id: str) -> AppUpgrade | None:
    """The one that is not over."""
    query = select(AppUpgrade).where(AppUpgrade.instance_id == instance_id, col(AppUpgrade.state).in_(OPEN))
    return session.exec(query).first()


def open_ones(session: Session) -> Sequence[AppUpgrade]:
    """All that are not over, the oldest first."""
    query = select(AppUpgrade).where(col(AppUpgrade.state).in_(OPEN))
    return session.exec(query.order_by(col(AppUpgrade.created_at), col(AppUpgrade.id))).all()


def has_to_prove(session: Session, change_set_id: str, generation: int) -> bool:
    """Whether that work brings a new version into the cluster to which the drawn credentials have to sign in."""
    query = select(AppUpgrade.id).where(
        AppUpgrade.change_set_id == change_set_id,
        AppUpgrade.generation == generation,
        AppUpgrade.state == UpgradeState.CHANGING,
        col(AppUpgrade.proves).is_(True),
    )
    return session.exec(query).first() is not None


def waits_for(session: Session, backup_id: str) -> bool:
    """Whether an upgrade that is not over goes on when that backup is done."""
    query = select(AppUpgrade.id).where(AppUpgrade.backup_id == backup_id, AppUpgrade.state == UpgradeState.SAVING)
    return session.exec(query).first() is not None


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    instance_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[AppUpgrade]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(AppUpgrade)
    if within is not None:
        query = query.join(Instance, col(Instance.id) == col(AppUpgrade.instance_id)).where(
            col(Instance.organization_id).in_(within)
        )
    if instance_id is not None:
        query = query.where(AppUpgrade.instance_id == instance_id)
    if after is not None:
        query = query.where(tuple_(col(AppUpgrade.created_at), col(AppUpgrade.id)) < tuple_(*after))
    return session.exec(query.order_by(col(AppUpgrade.created_at).desc(), col(AppUpgrade.id).desc()).limit(limit)).all()


def blank(session: Session, instance_ids: Sequence[str]) -> None:
    """Forget who asked for upgrades of these instances."""
    session.exec(
        update(AppUpgrade)
        .where(col(AppUpgrade.instance_id).in_(instance_ids))
        .values(created_by_name="")
        .execution_options(synchronize_session="fetch")
    )
