"""What recurring revenue is made of: every subscription with its moves, and every item with its app and plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models.store.catalogue import Plan
from models.store.instances import Instance
from models.store.lifecycle import SubscriptionEdge
from models.store.organizations import Organization
from models.store.subscriptions import ItemKind, Subscription, SubscriptionItem


@dataclass(frozen=True, slots=True)
class Line:
    """One item as reports name it; `plan` is a name, or the component of an add-on."""

    item_id: str
    subscription_id: str
    instance_id: str | None
    app: str
    template: str
    plan: str
    price_minor: int
    since: datetime
    until: datetime | None


def subscriptions(session: Session, currency: str | None = None) -> Sequence[tuple[Subscription, Organization]]:
    """All of them with their organizations, by id."""
    query = select(Subscription, Organization).join(Organization, col(Organization.id) == col(Subscription.organization_id))
    if currency is not None:
        query = query.where(Subscription.currency == currency)
    return [(row, organization) for row, organization in session.exec(query.order_by(col(Subscription.id))).all()]


def moves(session: Session) -> Mapping[str, Sequence[SubscriptionEdge]]:
    """Every move by subscription, in order."""
    found: dict[str, list[SubscriptionEdge]] = {}
    query = select(SubscriptionEdge).order_by(col(SubscriptionEdge.subscription_id), col(SubscriptionEdge.number))
    for row in session.exec(query).all():
        found.setdefault(row.subscription_id, []).append(row)
    return found


def lines(session: Session) -> Mapping[str, Sequence[Line]]:
    """Every item by subscription, in order of time."""
    query = (
        select(SubscriptionItem, Instance, Plan)
        .outerjoin(Instance, col(Instance.id) == col(SubscriptionItem.instance_id))
        .outerjoin(Plan, col(Plan.id) == col(SubscriptionItem.plan_id))
        .order_by(col(SubscriptionItem.since), col(SubscriptionItem.id))
    )
    found: dict[str, list[Line]] = {}
    for item, app, plan in session.exec(query).all():
        named = item.component if item.kind is ItemKind.ADD_ON else plan.name if plan is not None else ""
        template = app.template if app is not None else plan.template if plan is not None else ""
        made = Line(
            item.id, item.subscription_id, item.instance_id, app.name if app is not None else "", template, named,
            item.price_minor, item.since, item.until,
        )  # fmt: skip
        found.setdefault(item.subscription_id, []).append(made)
    return found
