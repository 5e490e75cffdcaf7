"""Specifications: how an instance should be, in generations; nothing that was ever wanted is overwritten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain import components
from models.domain.components import Added
from models.store.types import UtcDateTime

SUSPENDED = "suspended: "
"""How the reason of a generation begins that suspends the app; the rest is what its visitors read."""
UPGRADES = "upgrade "
"""How the reason of a generation begins that brings the app to another version."""


class Specification(SQLModel, table=True):
    """One generation of the wish for one instance. `edition`: digest of the template's document from which it is rendered."""

    instance_id: str = Field(foreign_key="instance.id", primary_key=True)
    generation: int = Field(primary_key=True)
    edition: str = Field(foreign_key="edition.digest")
    plan_id: str = Field(foreign_key="plan.id")
    parameters: str = Field(default="{}", sa_type=Text)
    """What the customer said, as JSON."""
    email: str
    """For the first sign-in and the app's own mails."""
    running: bool = True
    restarts: int = 0
    """Goes up when its containers are to begin anew."""
    components: str = Field(default="[]", sa_type=Text)
    """What was added beside the template's own, as JSON."""
    reason: str = ""
    """Why it was wanted, in few words."""
    by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def suspended(self) -> str:
        """Why it is suspended; empty when it is not."""
        return self.reason.removeprefix(SUSPENDED) if self.reason.startswith(SUSPENDED) and not self.running else ""

    @property
    def upgrades(self) -> bool:
        """Whether it brings the app to another version."""
        return self.reason.startswith(UPGRADES)

    @property
    def given(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.parameters)
        return found

    @property
    def added(self) -> tuple[Added, ...]:
        return components.read(self.components)


class Credentials(SQLModel, table=True):
    """The drawn values of an instance's secrets, sealed: what a restore needs, and what `reveal` shows."""

    instance_id: str = Field(foreign_key="instance.id", primary_key=True)
    sealed: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


def newest(session: Session, instance_id: str) -> Specification | None:
    """The generation that is wanted now; None for an app that Moorage did not make."""
    query = select(Specification).where(Specification.instance_id == instance_id)
    return session.exec(query.order_by(col(Specification.generation).desc())).first()


def generation(session: Session, instance_id: str, number: int) -> Specification | None:
    return session.get(Specification, (instance_id, number))


def history(session: Session, instance_id: str) -> Sequence[Specification]:
    """All generations, the newest first."""
    query = select(Specification).where(Specification.instance_id == instance_id)
    return session.exec(query.order_by(col(Specification.generation).desc())).all()


def credentials(session: Session, instance_id: str, *, locked: bool = False) -> Credentials | None:
    """`locked`: nobody else writes them until this transaction ends."""
    return session.get(Credentials, instance_id, with_for_update=locked or None, populate_existing=locked)


def blank(session: Session, instance_ids: Sequence[str]) -> None:
    """Forget what people wrote for these instances: addresses of mail, variables, secrets."""
    session.exec(
        update(Specification)
        .where(col(Specification.instance_id).in_(instance_ids))
        .values(email="", parameters="{}", by_name="")
        .execution_options(synchronize_session="fetch")
    )
    for instance_id in instance_ids:
        row = credentials(session, instance_id)
        if row is not None:
            session.delete(row)
