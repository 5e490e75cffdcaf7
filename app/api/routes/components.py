"""Components beside an app: what can be added, adding it, taking it away. Data is deleted on the app's page only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.services import components
from app.services.changesets import ChangeSetView

router = APIRouter(tags=["components"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]
Component = Annotated[str, Path(max_length=63, description="Short name of the component.", examples=["valkey"])]


class NewComponent(BaseModel):
    """What is to stand beside the app."""

    component: str = Field(max_length=63, description="Short name of the component.", examples=["postgresql"])


@router.get(
    "/instances/{id}/components",
    operation_id="list_components",
    summary="What can stand beside an app, with price and variables",
    responses=answers(400),
)
def list_components(caller: Calling, id: Id, limit: Limit = 100, cursor: Cursor = "") -> Page[components.ComponentView]:
    found = caller.read(components.list_, instance_id=id)
    return cut(found, key=lambda one: one.id, limit=limit, cursor=cursor)


@router.post(
    "/instances/{id}/components",
    operation_id="add_component",
    summary="Run a component beside an app and tell the app by variables where it is",
    responses=answers(400, 409),
)
def add_component(caller: Calling, id: Id, wanted: NewComponent, key: IdempotencyKey) -> ChangeSetView:
    return caller.write(key, ChangeSetView, lambda ctx: components.add(ctx, instance_id=id, component=wanted.component))


@router.delete(
    "/instances/{id}/components/{component}",
    operation_id="remove_component",
    summary="End a component and its price; its volume is kept until the app is deleted",
    responses=answers(400, 409),
)
def remove_component(caller: Calling, id: Id, component: Component) -> ChangeSetView:
    return caller.change(components.remove, instance_id=id, component=component)
