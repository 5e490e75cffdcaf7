"""Staff with an organization as support."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.services import support

router = APIRouter(tags=["organizations"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the organization.", examples=["org_0123456789abcdef0123"])]
StayId = Annotated[str, Path(max_length=100, description="Id of the stay.", examples=["sup_0123456789abcdef0123"])]


class SupportWanted(BaseModel):
    """Why and for how long somebody of the staff looks at an organization as its people do."""

    reason: str = Field(max_length=500, description="The customer reads it.", examples=["Ticket 812: the shop answers slowly"])
    minutes: int = Field(default=30, ge=support.SHORTEST, le=support.LONGEST)
    acts: bool = Field(default=False, description="Also operate its apps; wants a right of its own.")


@router.get(
    "/organizations/{id}/support",
    operation_id="list_support",
    summary="Who of the staff looked at the organization as support, when and why",
    responses=answers(400),
)
def list_support(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[support.StayView]:
    return cut(caller.read(support.of_organization, organization_id=id), key=lambda one: one.id, limit=limit, cursor=cursor)


@router.post(
    "/organizations/{id}/support",
    operation_id="begin_support",
    summary="Look at the organization as support; by a signed-in person of the staff, whose other rights rest meanwhile",
    status_code=201,
    responses=answers(400, 409),
)
def begin_support(caller: Calling, id: Id, wanted: SupportWanted, key: IdempotencyKey) -> support.StayView:
    return caller.write(key, support.StayView, lambda ctx: support.begin(ctx, organization_id=id, **dict(wanted)))


@router.post("/support/{stay}/end", operation_id="end_support", summary="End a look as support", responses=answers(400, 409))
def end_support(caller: Calling, stay: StayId, key: IdempotencyKey) -> support.StayView:
    return caller.write(key, support.StayView, lambda ctx: support.end(ctx, stay_id=stay))
