"""Instances: the running copies of apps. Members see those of their organizations, staff see all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, after, of_service
from app.api.problems import answers
from app.api.ranges import Between
from app.services import adoption, apps, instances
from app.services.figures import Series
from models.domain.instances import State

router = APIRouter(tags=["instances"], responses=answers(401, 403, 404, 422, 503))

Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]
Text = Annotated[str, Query(max_length=200)]


class NewInstance(BaseModel):
    """An app that runs in the cluster already and is to be put on record."""

    organization_id: str = Field(max_length=100, examples=["org_0123456789abcdef0123"])
    name: str = Field(max_length=63, description="A DNS label, unique among the organization's.", examples=["n8n"])
    namespace: str = Field(max_length=63, description="Of the watched cluster.", examples=["kopi-senja-n8n"])
    template: str = Field(default="", max_length=63, description="Short name of the kind of app.", examples=["n8n"])
    address: str = Field(default="", max_length=300, description="Where it answers.", examples=["https://kopi.n8n.example.com"])
    plan_id: str | None = Field(default=None, max_length=100)
    trial_until: AwareDatetime | None = Field(default=None, description="End of its trial.")


class InstanceChange(BaseModel):
    """What is to be changed; what is left out stays."""

    template: str = Field(default="", max_length=63)
    address: str = Field(default="", max_length=300, examples=["https://kopi.n8n.example.com"])
    plan_id: str | None = Field(default=None, max_length=100, description="null: none.")
    trial_until: AwareDatetime | None = Field(default=None, description="null: no trial.")


@router.get("/instances", operation_id="list_instances", summary="Instances that you may see, by name", responses=answers(400))
def list_instances(
    caller: Calling,
    organization: Annotated[Text, Query(description="An organization's id.")] = "",
    state: Annotated[State | None, Query(description="Without it: all but those that are gone.")] = None,
    on_trial: Annotated[bool, Query(description="Only running trials.")] = False,
    search: Annotated[Text, Query(description="Part of a name, namespace, address or template.")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[instances.InstanceView]:
    found = caller.read(
        instances.list_,
        organization_id=organization or None,
        states=None if state is None else (state,),
        on_trial=on_trial,
        search=search,
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)


@router.post(
    "/instances",
    operation_id="adopt_instance",
    summary="Put an app on record that runs in the cluster",
    status_code=201,
    responses=answers(400, 409),
)
def adopt_instance(caller: Calling, wanted: NewInstance, key: IdempotencyKey) -> instances.InstanceView:
    return caller.write(key, instances.InstanceView, lambda ctx: adoption.adopt(ctx, **dict(wanted)))


@router.get("/instances/{id}", operation_id="get_instance", summary="What is on record about one instance")
def get_instance(caller: Calling, id: Id) -> instances.InstanceView:
    return caller.read(instances.get, instance_id=id)


@router.patch(
    "/instances/{id}",
    operation_id="change_instance",
    summary="Another address, template, plan or end of the trial",
    responses=answers(400, 409),
)
def change_instance(caller: Calling, id: Id, wanted: InstanceChange) -> instances.InstanceView:
    said = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    return caller.change(adoption.change, instance_id=id, **said)


@router.delete(
    "/instances/{id}",
    operation_id="release_instance",
    summary="Take an app off the record; the cluster stays as it is",
    status_code=204,
    responses=answers(409),
)
def release_instance(caller: Calling, id: Id) -> None:
    caller.change(adoption.release, instance_id=id)


@router.get("/instances/{id}/app", operation_id="get_app", summary="How it runs now: state, use, parts, events, availability")
def get_app(caller: Calling, id: Id) -> apps.AppDetail:
    return caller.read(apps.app, instance_id=id)


@router.get("/instances/{id}/samples", operation_id="get_app_samples", summary="Curves of one app", responses=answers(400))
def get_app_samples(caller: Calling, id: Id, between: Between) -> Series:
    return caller.read(apps.app_series, instance_id=id, since=between.since, until=between.until)
