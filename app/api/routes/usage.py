"""What was used over a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.edge import Calling
from app.api.problems import answers
from app.api.ranges import Between
from app.services import usage

router = APIRouter(tags=["usage"], responses=answers(400, 401, 403, 422, 503))

Id = Annotated[str, Path(max_length=100)]


@router.get("/usage", operation_id="get_usage", summary="Use of every organization, largest memory first")
def get_usage(caller: Calling, between: Between) -> usage.UsageReport:
    return caller.read(usage.organizations, since=between.since, until=between.until)


@router.get("/organizations/{id}/usage", operation_id="get_organization_usage", summary="Use by instance", responses=answers(404))
def get_organization_usage(caller: Calling, id: Id, between: Between) -> usage.UsageReport:
    return caller.read(usage.organization, organization_id=id, since=between.since, until=between.until)


@router.get("/instances/{id}/usage", operation_id="get_instance_usage", summary="Use of one instance", responses=answers(404))
def get_instance_usage(caller: Calling, id: Id, between: Between) -> usage.UsageReport:
    return caller.read(usage.instance, instance_id=id, since=between.since, until=between.until)
