"""Change sets: what is done in the cluster for an app, and asking for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, of_service
from app.api.problems import answers
from app.context import Context
from app.services import changesets, operations
from models.domain.changesets import ChangeState

router = APIRouter(tags=["change sets"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the change set.", examples=["chs_0123456789abcdef0123"])]
InstanceId = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


@dataclass(frozen=True, slots=True)
class Opened:
    """One change set with what was done so far."""

    change_set: changesets.ChangeSetView
    steps: tuple[changesets.StepView, ...]


class Operation(BaseModel):
    """What is to be done with an app that Moorage made."""

    operation: Literal["stop", "start", "restart", "plan", "settings", "back", "delete"] = Field(
        description="`delete` takes the data with it and is done by a signed-in person, never by a token."
    )
    plan: str = Field(default="", max_length=63, description="For `plan`: the plan's name.", examples=["standard"])
    parameters: dict[str, Any] = Field(default={}, max_length=50, description="For `settings`: what changes; the rest stays.")
    generation: int = Field(default=0, ge=0, le=10**9, description="For `back`: whose settings are wanted again.")
    typed_name: str = Field(default="", max_length=63, description="For `delete`: the app's name once more.", examples=["blog"])


@router.get(
    "/change-sets",
    operation_id="list_change_sets",
    summary="Work on the cluster that you may see, the newest first",
    responses=answers(400),
)
def list_change_sets(
    caller: Calling,
    instance: Annotated[str, Query(max_length=200, description="An instance's id.")] = "",
    state: Annotated[ChangeState | None, Query(description="Only work that stands so.")] = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[changesets.ChangeSetView]:
    found = caller.read(
        changesets.parts,
        instance_id=instance or None,
        states=None if state is None else (state,),
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)


@router.get("/change-sets/{id}", operation_id="get_change_set", summary="One piece of work, step by step")
def get_change_set(caller: Calling, id: Id) -> Opened:
    def both(ctx: Context) -> Opened:
        return Opened(changesets.get(ctx, change_set_id=id), changesets.steps(ctx, change_set_id=id))

    return caller.read(both)


@router.post(
    "/change-sets/{id}/retry",
    operation_id="retry_change_set",
    summary="Try it again now",
    responses=answers(400, 409),
)
def retry_change_set(caller: Calling, id: Id, key: IdempotencyKey) -> changesets.ChangeSetView:
    return caller.write(key, changesets.ChangeSetView, lambda ctx: changesets.retry(ctx, change_set_id=id))


@router.post(
    "/instances/{id}/operations",
    operation_id="operate_instance",
    summary="Stop, start, restart or delete an app, or give it another plan or other settings",
    responses=answers(400, 409),
)
def operate_instance(caller: Calling, id: InstanceId, wanted: Operation, key: IdempotencyKey) -> changesets.ChangeSetView:
    def operate(ctx: Context) -> changesets.ChangeSetView:
        match wanted.operation:
            case "stop":
                return operations.stop(ctx, instance_id=id)
            case "start":
                return operations.start(ctx, instance_id=id)
            case "restart":
                return operations.restart(ctx, instance_id=id)
            case "plan":
                return operations.change_plan(ctx, instance_id=id, plan=wanted.plan)
            case "settings":
                return operations.change_settings(ctx, instance_id=id, parameters=wanted.parameters)
            case "back":
                return operations.roll_back(ctx, instance_id=id, generation=wanted.generation)
            case "delete":
                return operations.remove(ctx, instance_id=id, typed_name=wanted.typed_name)

    return caller.write(key, changesets.ChangeSetView, operate)
