"""How full it is, when it will be full, and what would happen if."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from app.api.edge import Calling
from app.api.problems import answers
from app.api.ranges import Between, Step, step_of
from app.services import capacity, history, overview
from app.services.figures import Series

router = APIRouter(tags=["capacity"], responses=answers(401, 403, 422, 503))


@router.get("/overview", operation_id="get_overview", summary="Is anything wrong, for whom, how full, how old is the data")
def get_overview(caller: Calling, consumers: Annotated[int, Query(ge=1, le=100)] = 10) -> overview.Overview:
    return caller.read(overview.state, consumers=consumers)


@router.get("/capacity", operation_id="get_capacity", summary="Requests, use and headroom now, by placement")
def get_capacity(caller: Calling) -> capacity.CapacityState:
    return caller.read(capacity.state)


@router.get("/capacity/forecast", operation_id="get_forecast", summary="When requests cross a line", responses=answers(400))
def get_forecast(
    caller: Calling,
    resource: Literal["memory", "cpu", "pods"] = "memory",
    line: Literal["full", "sale", "safe"] = "full",
) -> capacity.Outlook:
    return caller.read(capacity.forecast, resource=resource, line=line)


@router.get(
    "/capacity/what-if",
    operation_id="get_what_if",
    summary="Lose a node, add nodes, run more of a plan",
    responses=answers(400, 404),
)
def get_what_if(
    caller: Calling,
    lose: Annotated[str, Query(max_length=253, description="Name of the node that dies.", examples=["node-2"])] = "",
    add: Annotated[int, Query(ge=0, le=100, description="Nodes like the largest one.")] = 0,
    plan_id: Annotated[str, Query(max_length=100)] = "",
    copies: Annotated[int, Query(ge=0, le=1000)] = 0,
    trials: Annotated[bool, Query(description="Count every open trial as converted.")] = False,
) -> capacity.WhatIf:
    return caller.read(capacity.what_if, lose=lose or None, add=add, plan_id=plan_id or None, copies=copies, trials=trials)


@router.get("/capacity/rightsizing", operation_id="get_rightsizing", summary="Requests far from what is used, with evidence")
def get_rightsizing(
    caller: Calling,
    days: Annotated[int, Query(ge=1, le=90)] = 14,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> capacity.RightSizing:
    return caller.read(capacity.rightsizing, days=days, limit=limit)


@router.get("/samples", operation_id="get_cluster_samples", summary="Curves over the whole cluster", responses=answers(400))
def get_cluster_samples(caller: Calling, between: Between, step: Step = None) -> Series:
    return caller.read(history.cluster_series, since=between.since, until=between.until, step=step_of(step, between))
