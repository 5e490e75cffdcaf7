"""Subscriptions: how they stand, their timeline, cancelling; the board of dunning and holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.context import Context
from app.services import cancellations, conversions, holds, standings
from app.services.cancellations import SubscriptionView
from app.services.holds import HoldView
from models.domain.subscriptions import CancelWhen

router = APIRouter(tags=["money"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the subscription.", examples=["sub_0123456789abcdef0123"])]
OrganizationId = Annotated[str, Path(max_length=100, description="Id of the organization.", examples=["org_0123456789abcdef0123"])]


class CancellationWanted(BaseModel):
    """When a subscription is to end."""

    when: CancelWhen = Field(description="`now`, or `at_period_end`: when what was paid runs out.", examples=["at_period_end"])


class ConversionWanted(BaseModel):
    """What a tried app becomes."""

    plan: str = Field(max_length=100, description="Name of a paid plan of its template.", examples=["starter"])


class HoldWanted(BaseModel):
    """Until when a customer is left in peace, and why."""

    until: AwareDatetime = Field(examples=["2026-12-31T00:00:00Z"])
    reason: str = Field(max_length=holds.MOST_REASON, description="For staff.", examples=["Promised to pay on the 30th"])


class HoldLifted(BaseModel):
    """That a hold is over since `at`."""

    organization_id: str
    at: datetime


@router.get(
    "/subscriptions",
    operation_id="list_subscriptions",
    summary="Subscriptions that you may see, those that are over too",
    responses=answers(400),
)
def list_subscriptions(
    caller: Calling,
    organization: Annotated[str, Query(max_length=200, description="An organization's id.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[SubscriptionView]:
    found = caller.read(cancellations.list_, organization_id=organization or None)
    return cut(found, key=lambda one: one.id, limit=limit, cursor=cursor)


@router.get("/subscriptions/{id}", operation_id="get_subscription", summary="One subscription")
def get_subscription(caller: Calling, id: Id) -> SubscriptionView:
    return caller.read(cancellations.get, subscription_id=id)


@router.get(
    "/subscriptions/{id}/timeline",
    operation_id="list_subscription_moments",
    summary="What happened to a subscription: moves, invoices, payments, reminders; the oldest first",
    responses=answers(400),
)
def list_subscription_moments(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[standings.MomentView]:
    found = caller.read(standings.timeline, subscription_id=id)
    return cut(found, key=lambda one: f"{one.at.isoformat()} {one.what} {one.number} {one.after}", limit=limit, cursor=cursor)


@router.post(
    "/subscriptions/{id}/cancellation",
    operation_id="cancel_subscription",
    summary="Let a subscription end; by a signed-in person who may pay",
    responses=answers(400, 409),
)
def cancel_subscription(caller: Calling, id: Id, wanted: CancellationWanted, key: IdempotencyKey) -> SubscriptionView:
    return caller.write(key, SubscriptionView, lambda ctx: cancellations.cancel(ctx, subscription_id=id, when=wanted.when))


@router.post(
    "/subscriptions/{id}/continuation",
    operation_id="keep_subscription",
    summary="Take a cancellation back before its end; by a signed-in person who may pay",
    responses=answers(400, 409),
)
def keep_subscription(caller: Calling, id: Id, key: IdempotencyKey) -> SubscriptionView:
    return caller.write(key, SubscriptionView, lambda ctx: cancellations.keep(ctx, subscription_id=id))


@router.post(
    "/subscriptions/{id}/conversion",
    operation_id="convert_subscription",
    summary="Choose the plan that a tried app has after its trial; its first month is invoiced at once",
    responses=answers(400, 409),
)
def convert_subscription(caller: Calling, id: Id, wanted: ConversionWanted, key: IdempotencyKey) -> SubscriptionView:
    return caller.write(key, SubscriptionView, lambda ctx: conversions.convert(ctx, subscription_id=id, plan=wanted.plan))


@router.get(
    "/dunning",
    operation_id="list_dunning",
    summary="Subscriptions in dunning: their step, what is open, and what comes next; for staff",
    responses=answers(400),
)
def list_dunning(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[standings.StandingView]:
    return cut(caller.read(standings.board), key=lambda one: one.subscription_id, limit=limit, cursor=cursor)


@router.post(
    "/organizations/{id}/hold",
    operation_id="hold_dunning",
    summary="Leave a customer in peace until a date; by staff who may bill",
    status_code=201,
    responses=answers(400),
)
def hold_dunning(caller: Calling, id: OrganizationId, wanted: HoldWanted, key: IdempotencyKey) -> HoldView:
    return caller.write(key, HoldView, lambda ctx: holds.put(ctx, organization_id=id, until=wanted.until, reason=wanted.reason))


@router.post(
    "/organizations/{id}/hold/end",
    operation_id="lift_dunning",
    summary="End the hold of a customer; by staff who may bill",
    responses=answers(400, 409),
)
def lift_dunning(caller: Calling, id: OrganizationId, key: IdempotencyKey) -> HoldLifted:
    def lifted(ctx: Context) -> HoldLifted:
        holds.lift(ctx, organization_id=id)
        return HoldLifted(organization_id=id, at=ctx.now)

    return caller.write(key, HoldLifted, lifted)
