"""Upgrades: which version an app can have, asking for it, what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, cut, of_service
from app.api.problems import answers
from app.services import upgrades

router = APIRouter(tags=["upgrades"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


class Version(BaseModel):
    """Where the app is to go."""

    version: str = Field(
        default="", max_length=100, description="Only when this one is the next; without it the one that is.", examples=["7.2.0"]
    )


@router.get(
    "/instances/{id}/upgrades",
    operation_id="get_app_version",
    summary="The version of an app, the one that it can have, and its upgrades; null for what Moorage did not make",
)
def get_app_version(caller: Calling, id: Id) -> upgrades.Offered | None:
    return caller.read(upgrades.of_app, instance_id=id)


@router.post(
    "/instances/{id}/upgrades",
    operation_id="upgrade_app",
    summary="Bring an app to its next version: saved before, tried, and back when it does not work",
    status_code=201,
    responses=answers(400, 409),
)
def upgrade_app(caller: Calling, id: Id, wanted: Version, key: IdempotencyKey) -> upgrades.UpgradeView:
    return caller.write(key, upgrades.UpgradeView, lambda ctx: upgrades.ask(ctx, instance_id=id, version=wanted.version))


@router.get(
    "/upgrades", operation_id="list_upgrades", summary="Upgrades that you may see, the newest first", responses=answers(400)
)
def list_upgrades(
    caller: Calling,
    instance: Annotated[str, Query(max_length=200, description="An instance's id.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[upgrades.UpgradeView]:
    return of_service(caller.read(upgrades.list_, instance_id=instance or None, limit=limit, after=after(cursor)))


@router.get(
    "/versions-behind",
    operation_id="list_versions_behind",
    summary="Apps that do not have the newest version of their template",
    responses=answers(400),
)
def list_versions_behind(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[upgrades.Behind]:
    return cut(caller.read(upgrades.behind), key=lambda one: one.instance_id, limit=limit, cursor=cursor)
