"""Editions of components: the document of each as it was when somebody added it, so that it stays what it was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.changesets import ChangeState
from models.store.changesets import ChangeSet, ChangeStep
from models.store.types import UtcDateTime

CLAIM = "PersistentVolumeClaim"


class ComponentEdition(SQLModel, table=True):
    """`document`: the component as canonical JSON; `digest`: its SHA-256."""

    __tablename__ = "component_edition"

    digest: str = Field(primary_key=True)
    component: str
    version: str
    document: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


def by_digest(session: Session, digest: str) -> ComponentEdition | None:
    return session.get(ComponentEdition, digest)


def stood(session: Session, instance_id: str, generation: int) -> bool:
    """Whether that generation of the instance, or a later one, was brought to its end in the cluster."""
    query = select(ChangeSet.id).where(
        ChangeSet.instance_id == instance_id, ChangeSet.state == ChangeState.DONE, col(ChangeSet.generation) >= generation
    )
    return session.exec(query.limit(1)).first() is not None


def claims(session: Session, instance_id: str) -> frozenset[str]:
    """Names of volumes of the instance whose making was the last that was noted of them."""
    query = (
        select(ChangeStep.name, ChangeStep.verb)
        .join(ChangeSet, col(ChangeSet.id) == col(ChangeStep.change_set_id))
        .where(ChangeSet.instance_id == instance_id, ChangeStep.kind == CLAIM, col(ChangeStep.verb).in_(("create", "delete")))
        .order_by(col(ChangeStep.at), col(ChangeStep.number))
    )
    return frozenset(name for name, verb in dict(session.exec(query).all()).items() if verb == "create")
