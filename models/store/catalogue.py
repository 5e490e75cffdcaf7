"""The catalogue: templates, and plans in versions. A plan is never edited in place: a change is a new version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, UniqueConstraint, event, inspect
from sqlmodel import Field, Session, SQLModel, col, func, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime


class Template(SQLModel, table=True):
    """A kind of app that customers can order; `id` is its short name, such as `n8n`."""

    id: str = Field(primary_key=True)
    name: str
    description: str = ""
    edition: str = ""
    """Digest of the document from which new apps are made; empty for a kind that Moorage cannot make."""
    agreed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When somebody confirmed that its maker agrees to its being hosted for money, where the licence asks for that."""
    agreed_by: str = ""
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_reason: str = ""
    """Why it is off sale for the time being, although it is in the catalogue."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Plan(SQLModel, table=True):
    """Resources, limits and monthly price of a template at a version. `price_minor` counts minor units of `currency`."""

    __table_args__ = (UniqueConstraint("template", "name", "version"),)

    id: str = Field(default_factory=lambda: new_id("pln"), primary_key=True)
    template: str = Field(foreign_key="template.id")
    name: str
    version: int = 1
    cpu_cores: float
    cpu_request: float | None = None
    """The part of `cpu_cores` that is reserved on a node; None: all of it."""
    memory_bytes: int = Field(sa_type=BigInteger)
    storage_bytes: int = Field(sa_type=BigInteger)
    price_minor: int = Field(sa_type=BigInteger)
    currency: str
    people: int | None = None
    """Up to how many people it suits, as far as somebody said."""
    trial_days: int | None = None
    """A plan for a trial: it costs nothing and ends after so many days."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PlanPrice(SQLModel, table=True):
    """What a plan costs a month in a currency, in its minor units. As unchangeable as the plan."""

    __tablename__ = "plan_price"

    plan_id: str = Field(foreign_key="plan.id", primary_key=True)
    currency: str = Field(primary_key=True)
    price_minor: int = Field(sa_type=BigInteger)


@event.listens_for(Plan, "before_update")
def _only_retire(_mapper: Any, _connection: Any, plan: Plan) -> None:
    changed = {a.key for a in inspect(plan).attrs if a.history.has_changes()} - {"retired_at"}
    if changed:
        raise ValueError(f"a plan is never edited in place ({', '.join(sorted(changed))}); add a version")


@event.listens_for(Plan, "before_delete")
def _never_delete(_mapper: Any, _connection: Any, plan: Plan) -> None:
    raise ValueError(f"plan {plan.id} may be on somebody's invoice; retire it instead")


def template_by_id(session: Session, template_id: str) -> Template | None:
    return session.get(Template, template_id)


def templates(session: Session, *, retired: bool = False) -> Sequence[Template]:
    query = select(Template).order_by(col(Template.name), col(Template.id))
    return session.exec(query if retired else query.where(col(Template.retired_at).is_(None))).all()


def plan_by_id(session: Session, plan_id: str) -> Plan | None:
    return session.get(Plan, plan_id)


def plans(session: Session, *, template: str | None = None, retired: bool = False) -> Sequence[Plan]:
    """By template, price and name, newest version first; retired ones (older versions are) only when asked for."""
    query = select(Plan)
    if template is not None:
        query = query.where(Plan.template == template)
    if not retired:
        query = query.where(col(Plan.retired_at).is_(None))
    return session.exec(query.order_by(Plan.template, col(Plan.price_minor), Plan.name, col(Plan.version).desc())).all()


def prices(session: Session, plan: Plan) -> dict[str, int]:
    """By currency; a plan always has the one of its own currency."""
    return prices_of(session, [plan])[plan.id]


def prices_of(session: Session, plans: Sequence[Plan]) -> dict[str, dict[str, int]]:
    """The same of many plans, by plan, in one query."""
    found = {plan.id: {plan.currency: plan.price_minor} for plan in plans}
    for row in session.exec(select(PlanPrice).where(col(PlanPrice.plan_id).in_(found))):
        found[row.plan_id][row.currency] = row.price_minor
    return found


def newest_version(session: Session, template: str, name: str) -> int:
    """0 when there is none."""
    return session.exec(select(func.max(Plan.version)).where(Plan.template == template, Plan.name == name)).one() or 0
