"""Backups of apps: made now, listed, brought back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.problems import answers
from app.services import app_backups, app_copies, orders

router = APIRouter(tags=["backups of apps"], responses=answers(400, 401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the backup.", examples=["bak_0123456789abcdef0123"])]
InstanceId = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


class Typed(BaseModel):
    """A name that was typed to confirm."""

    typed_name: str = Field(max_length=100, description="The app's name: what it has now is overwritten.", examples=["blog"])


@router.get("/instances/{id}/backups", operation_id="get_app_backups", summary="Backups of an app, the newest first")
def get_app_backups(caller: Calling, id: InstanceId) -> app_backups.Kept:
    return caller.read(app_backups.of_app, instance_id=id)


@router.post(
    "/instances/{id}/backups",
    operation_id="make_app_backup",
    summary="Save an app now; the answer comes before it is done",
    status_code=201,
    responses=answers(409),
)
def make_app_backup(caller: Calling, id: InstanceId, key: IdempotencyKey) -> app_backups.BackupView:
    return caller.write(key, app_backups.BackupView, lambda ctx: app_backups.ask(ctx, instance_id=id))


@router.get("/app-backups/{id}", operation_id="get_app_backup", summary="One backup of an app")
def get_app_backup(caller: Calling, id: Id) -> app_backups.BackupView:
    return caller.read(app_backups.get, backup_id=id)


@router.post(
    "/app-backups/{id}/restore",
    operation_id="restore_app_backup",
    summary="Bring a backup back in the place of what its app has now; not with a token",
    responses=answers(409),
)
def restore_app_backup(caller: Calling, id: Id, wanted: Typed, key: IdempotencyKey) -> app_backups.RestoreView:
    return caller.write(
        key, app_backups.RestoreView, lambda ctx: app_backups.restore(ctx, backup_id=id, typed_name=wanted.typed_name)
    )


class Copy(BaseModel):
    """A new app that begins with a backup."""

    plan: str = Field(default="", max_length=63, description="Name of a plan; without it the one that the app had.")
    name: str = Field(default="", max_length=63, description="Its name; without it one that is free.", examples=["blog-copy"])
    label: str = Field(default="", max_length=63, description="First part of its address.", examples=["blog-copy"])


@router.post(
    "/app-backups/{id}/copy",
    operation_id="copy_app_backup",
    summary="Order a new app that begins with a backup's content",
    status_code=201,
    responses=answers(409),
)
def copy_app_backup(caller: Calling, id: Id, wanted: Copy, key: IdempotencyKey) -> orders.OrderView:
    seal = caller.container.seal
    return caller.write(key, orders.OrderView, lambda ctx: app_copies.copy(ctx, backup_id=id, seal=seal, **wanted.model_dump()))


@router.get(
    "/organizations/{id}/deleted-app-backups",
    operation_id="get_deleted_app_backups",
    summary="Backups of deleted apps that can still be brought back",
)
def get_deleted_app_backups(
    caller: Calling,
    id: Annotated[str, Path(max_length=100, description="Id of the organization.", examples=["org_0123456789abcdef0123"])],
) -> tuple[app_backups.BackupView, ...]:
    return caller.read(app_copies.of_deleted, organization_id=id)
