"""Logs of apps, read from the cluster at the moment they are asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from app.api.edge import Calling
from app.api.problems import answers
from app.services import app_logs

router = APIRouter(tags=["instances"], responses=answers(400, 401, 403, 404, 422, 503))
Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


@router.get("/instances/{id}/log-sources", operation_id="get_log_sources", summary="Containers of an app that write a log")
def get_log_sources(caller: Calling, id: Id) -> tuple[app_logs.Source, ...]:
    return caller.read(app_logs.sources, instance_id=id)


@router.get("/instances/{id}/log", operation_id="read_log", summary="The newest lines of one container, secrets blacked out")
def read_log(
    caller: Calling,
    id: Id,
    source: Annotated[str, Query(max_length=400, description="pod/container; without it the first.")] = "",
    previous: Annotated[bool, Query(description="The run before the present one.")] = False,
    lines: Annotated[int, Query(ge=1, le=app_logs.MOST_LINES)] = 500,
    search: Annotated[str, Query(max_length=200, description="Only lines that contain it, in any case.")] = "",
    since: Annotated[AwareDatetime | None, Query(description="Only lines after it: how a log is followed.")] = None,
) -> app_logs.Log:
    return caller.read(
        app_logs.read,
        instance_id=id,
        logs=caller.container.logs,
        seal=caller.container.seal,
        source=source,
        previous=previous,
        lines=lines,
        search=search,
        since=since,
    )
