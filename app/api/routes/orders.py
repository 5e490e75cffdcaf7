"""Orders of apps, from the offer to the decision."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.context import Context
from app.services import decisions, offers, orders
from models.domain.orders import OrderState

router = APIRouter(tags=["orders"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the order.", examples=["ord_0123456789abcdef0123"])]


class NewOrder(BaseModel):
    """An app that is wanted. What is left out is chosen: a name and an address that are free."""

    organization_id: str = Field(max_length=100, examples=["org_0123456789abcdef0123"])
    template: str = Field(max_length=63, description="Short name of the kind of app.", examples=["wordpress"])
    plan: str = Field(max_length=63, description="Name of one of its plans.", examples=["trial"])
    name: str = Field(default="", max_length=63, description="A DNS label, unique among the organization's.", examples=["blog"])
    label: str = Field(default="", max_length=200, description="First part of the address.", examples=["kopi-senja"])
    parameters: dict[str, Any] = Field(
        default={},
        max_length=50,
        description="What the template asks for. For a stack: `components`, a list of {name, image, port, path, environment, command, "
        "copies, health, size, uses}; path is where visitors reach it, one of them at /; size small, medium or large is its share of the "
        "plan; uses are components of the catalogue, such as postgresql, whose variables it gets.",
        examples=[{}],
    )


class Decision(BaseModel):
    """What is decided about an open order."""

    decision: Literal["confirm", "approve", "refuse", "received", "cancel"] = Field(
        description="Of the customer: confirm, cancel. Of staff: approve, refuse, received (the money came).", examples=["approve"]
    )
    reason: str = Field(default="", max_length=500, description="Why it is refused; the customer reads it.")


@router.get("/offers", operation_id="list_offers", summary="What can be ordered, with plans and prices", responses=answers(400))
def list_offers(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[offers.Offer]:
    return cut(caller.read(offers.list_), key=lambda one: one.id, limit=limit, cursor=cursor)


@router.get("/orders", operation_id="list_orders", summary="Orders that you may see, the newest first", responses=answers(400))
def list_orders(
    caller: Calling,
    organization: Annotated[str, Query(max_length=200, description="An organization's id.")] = "",
    state: Annotated[OrderState | None, Query(description="Only orders that stand so.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[orders.OrderView]:
    found = caller.read(
        orders.list_,
        organization_id=organization or None,
        states=None if state is None else (state,),
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)


@router.post(
    "/orders",
    operation_id="place_order",
    summary="Order an app; its room is held at once",
    status_code=201,
    responses=answers(400, 409),
)
def place_order(caller: Calling, wanted: NewOrder, key: IdempotencyKey) -> orders.OrderView:
    return caller.write(key, orders.OrderView, lambda ctx: orders.place(ctx, **dict(wanted)))


@router.get("/orders/{id}", operation_id="get_order", summary="How one order stands")
def get_order(caller: Calling, id: Id) -> orders.OrderView:
    return caller.read(orders.get, order_id=id)


@router.post(
    "/orders/{id}/decision",
    operation_id="decide_order",
    summary="Confirm, approve, refuse, pay or take back an open order",
    responses=answers(400, 409),
)
def decide_order(caller: Calling, id: Id, wanted: Decision, key: IdempotencyKey) -> orders.OrderView:
    def decide(ctx: Context) -> orders.OrderView:
        match wanted.decision:
            case "confirm":
                return decisions.confirm(ctx, order_id=id)
            case "approve":
                return decisions.approve(ctx, order_id=id)
            case "refuse":
                return decisions.refuse(ctx, order_id=id, reason=wanted.reason)
            case "received":
                return decisions.received(ctx, order_id=id)
            case "cancel":
                return decisions.cancel(ctx, order_id=id)

    return caller.write(key, orders.OrderView, decide)
