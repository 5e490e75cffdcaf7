"""What staff put right: suspension of apps, and what has no other side."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.problems import answers
from app.context import Context
from app.provisioning import hands
from app.services import orphans, suspension
from app.services.changesets import ChangeSetView

router = APIRouter(tags=["instances"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


class SuspensionWanted(BaseModel):
    """Whether an app is to be suspended or to come back as it was."""

    do: Literal["suspend", "resume"] = Field(examples=["suspend"])
    reason: str = Field(default="", max_length=500, description="For `suspend`: everybody who visits its address reads it.")


class RepairWanted(BaseModel):
    """How one orphan of `GET /orphans` is put right. What costs data wants its name typed."""

    repair: Literal["delete_namespace", "make_again", "give_up", "end_subscription"] = Field(examples=["end_subscription"])
    id: str = Field(max_length=253, description="The orphan's id: a namespace, an instance, a subscription.")
    typed_name: str = Field(default="", max_length=253, description="The orphan's name; not for `end_subscription`.")


class Repaired(BaseModel):
    """What was done; with `make_again` the change set that does it."""

    repair: str
    id: str
    change_set: ChangeSetView | None


@router.get("/instances/{id}/suspension", operation_id="get_suspension", summary="Whether an app is suspended, since when and why")
def get_suspension(caller: Calling, id: Id) -> suspension.Suspension | None:
    return caller.read(suspension.of_app, instance_id=id)


@router.post(
    "/instances/{id}/suspension",
    operation_id="suspend_instance",
    summary="Suspend an app with a reason, or let it come back exactly as it was; by staff",
    responses=answers(400, 409),
)
def suspend_instance(caller: Calling, id: Id, wanted: SuspensionWanted, key: IdempotencyKey) -> ChangeSetView:
    def do(ctx: Context) -> ChangeSetView:
        if wanted.do == "suspend":
            return suspension.suspend(ctx, instance_id=id, reason=wanted.reason)
        return suspension.resume(ctx, instance_id=id)

    return caller.write(key, ChangeSetView, do)


@router.post(
    "/orphans/repairs",
    operation_id="repair_orphan",
    summary="Put one orphan right; by a signed-in person of the staff, for it costs data or money",
    responses=answers(400, 409),
)
def repair_orphan(caller: Calling, wanted: RepairWanted, key: IdempotencyKey) -> Repaired:
    def do(ctx: Context) -> Repaired:
        made = None
        match wanted.repair:
            case "delete_namespace":
                orphans.delete_namespace(ctx, namespace=wanted.id, typed_name=wanted.typed_name, cluster=hands(caller.container))
            case "make_again":
                made = orphans.make_again(ctx, instance_id=wanted.id, typed_name=wanted.typed_name)
            case "give_up":
                orphans.give_up(ctx, instance_id=wanted.id, typed_name=wanted.typed_name)
            case "end_subscription":
                orphans.end_subscription(ctx, subscription_id=wanted.id)
        return Repaired(repair=wanted.repair, id=wanted.id, change_set=made)

    return caller.write(key, Repaired, do)
