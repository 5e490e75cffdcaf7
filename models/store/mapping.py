"""Rules that give a namespace of the cluster to an organization, made on a page or by a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.mapping import Via
from models.store.types import UtcDateTime, text_enum


class NamespaceMapping(SQLModel, table=True):
    """One rule; it wins over what the cluster's labels say."""

    __tablename__ = "namespace_mapping"

    cluster: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    instance_id: str | None = Field(default=None, foreign_key="instance.id")
    address: str = ""
    """Where what runs there answers; empty: wherever its Ingress objects say."""
    via: Via = Field(sa_type=text_enum(Via))
    by: str
    """Name of the actor who made it."""
    created_at: datetime = Field(sa_type=UtcDateTime)


def rule(session: Session, cluster: str, namespace: str) -> NamespaceMapping | None:
    return session.get(NamespaceMapping, (cluster, namespace))


def rules(session: Session, cluster: str | None = None) -> Sequence[NamespaceMapping]:
    """By cluster and namespace; None: of all clusters."""
    query = select(NamespaceMapping).order_by(col(NamespaceMapping.cluster), col(NamespaceMapping.namespace))
    return session.exec(query if cluster is None else query.where(NamespaceMapping.cluster == cluster)).all()


def of_organization(session: Session, organization_id: str) -> Sequence[NamespaceMapping]:
    query = select(NamespaceMapping).where(NamespaceMapping.organization_id == organization_id)
    return session.exec(query.order_by(col(NamespaceMapping.cluster), col(NamespaceMapping.namespace))).all()


def forget_organization(session: Session, organization_id: str) -> int:
    """Take all its rules away; how many there were."""
    gone = session.exec(delete(NamespaceMapping).where(col(NamespaceMapping.organization_id) == organization_id))
    return gone.rowcount


def forget_instance(session: Session, instance_id: str) -> int:
    """Rules that name the instance name only its organization from now on; how many there were."""
    changed = session.exec(
        update(NamespaceMapping)
        .where(col(NamespaceMapping.instance_id) == instance_id)
        .values(instance_id=None)
        .execution_options(synchronize_session="fetch")
    )
    return changed.rowcount
