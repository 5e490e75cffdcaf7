"""Instances: the running copies of apps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, func, or_, text, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.instances import State
from models.store.organizations import escape_like
from models.store.types import UtcDateTime, text_enum

_LIVING = text("state <> 'gone'")
_ANSWERING = text("state <> 'gone' AND host <> ''")


class Instance(SQLModel, table=True):
    """One running copy for one organization. `template` is its short name, perhaps one outside the catalogue."""

    __table_args__ = (
        Index(
            "uq_instance_organization_id_name_living",
            "organization_id",
            "name",
            unique=True,
            sqlite_where=_LIVING,
            postgresql_where=_LIVING,
        ),
        Index("uq_instance_host_living", "host", unique=True, sqlite_where=_ANSWERING, postgresql_where=_ANSWERING),
        Index("ix_instance_cluster_namespace", "cluster", "namespace"),
    )

    id: str = Field(default_factory=lambda: new_id("ins"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    name: str
    """Unique among the organization's living instances; equals the value of the cluster's instance label."""
    template: str = ""
    plan_id: str | None = Field(default=None, foreign_key="plan.id")
    cluster: str = "default"
    namespace: str = ""
    address: str = ""
    """Where it answers, such as https://acme.n8n.example.com; empty while it has none."""
    host: str = ""
    """The name that the provisioner gives it, no other living instance's; empty for an app that Moorage did not make."""
    state: State = Field(default=State.ORDERED, sa_type=text_enum(State))
    trial_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


def by_id(session: Session, instance_id: str) -> Instance | None:
    return session.get(Instance, instance_id)


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    words: str = "",
    states: Collection[State] | None = None,
    on_trial_at: datetime | None = None,
    after: tuple[str, str] | None = None,
    limit: int | None = None,
) -> Sequence[Instance]:
    """By name, then id, from behind `after` (such a pair); `within` are organizations, None means all of them."""
    query = select(Instance)
    if within is not None:
        query = query.where(col(Instance.organization_id).in_(within))
    if words:
        needle = f"%{escape_like(words.lower())}%"
        columns = (Instance.name, Instance.namespace, Instance.address, Instance.template)
        query = query.where(or_(*(func.lower(column).like(needle, escape="\\") for column in columns)))
    if states is not None:
        query = query.where(col(Instance.state).in_(states))
    if on_trial_at is not None:
        query = query.where(col(Instance.trial_until) > on_trial_at)
    if after is not None:
        query = query.where(tuple_(col(Instance.name), col(Instance.id)) > tuple_(*after))
    return session.exec(query.order_by(col(Instance.name), col(Instance.id)).limit(limit)).all()


def living_by_name(session: Session, organization_id: str, name: str) -> Instance | None:
    query = select(Instance).where(Instance.organization_id == organization_id, Instance.name == name, Instance.state != State.GONE)
    return session.exec(query).first()


def living_in(session: Session, cluster: str, namespace: str) -> Instance | None:
    """The oldest living instance of a namespace."""
    query = select(Instance).where(Instance.cluster == cluster, Instance.namespace == namespace, Instance.state != State.GONE)
    return session.exec(query.order_by(col(Instance.created_at), col(Instance.id))).first()


def host_taken(session: Session, host: str) -> bool:
    """Whether a living instance has that name."""
    query = select(Instance.id).where(Instance.host == host, Instance.state != State.GONE)
    return session.exec(query).first() is not None


def everything(session: Session) -> Sequence[Instance]:
    return session.exec(select(Instance).order_by(col(Instance.created_at), col(Instance.id))).all()


def move(session: Session, instance_id: str, current: State, target: State) -> bool:
    """Set the state if it still is `current`; False when somebody was faster. The table of moves is the caller's business."""
    moved = session.exec(
        update(Instance)
        .where(col(Instance.id) == instance_id, col(Instance.state) == current)
        .values(state=target)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def used(session: Session, instance_id: str, at: datetime) -> None:
    """Note that somebody used it at `at`; never moves backwards."""
    session.exec(
        update(Instance)
        .where(col(Instance.id) == instance_id, or_(col(Instance.last_used_at).is_(None), col(Instance.last_used_at) < at))
        .values(last_used_at=at)
        .execution_options(synchronize_session="fetch")
    )


def blank_addresses(session: Session, organization_id: str) -> None:
    """Forget where the instances of an organization answered: its name stands in there."""
    session.exec(update(Instance).where(col(Instance.organization_id) == organization_id).values(address="", host=""))
