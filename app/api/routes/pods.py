"""Pods of the cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, by_offset, offset
from app.api.problems import answers
from app.api.ranges import Between, Step, step_of
from app.services import cluster, history
from app.services.figures import Series

router = APIRouter(tags=["pods"], responses=answers(401, 403, 422, 503))

Uid = Annotated[str, Path(max_length=100, description="uid of the pod.", examples=["0f0c8a2e-5d0a-4c58-9d5e-0e6a5f3b2a11"])]
Text = Annotated[str, Query(max_length=200)]
Sort = Literal[
    "badness", "name", "namespace", "node", "organization", "restarts", "age", "cpu", "memory", "cpu_share", "memory_share"
]


@router.get("/pods", operation_id="list_pods", summary="Pods that match all filters, worst first", responses=answers(400))
def list_pods(
    caller: Calling,
    search: Annotated[Text, Query(description="Part of a name, namespace, organization or image.")] = "",
    namespace: Text = "",
    node: Text = "",
    organization: Annotated[Text, Query(description="An organization's id, or “unowned”.")] = "",
    template: Text = "",
    state: Annotated[Text, Query(description="healthy, starting, crashing, pending ...")] = "",
    sort: Sort = "badness",
    descending: bool = False,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[cluster.PodRow]:
    start = offset(cursor)
    found = caller.read(
        cluster.pods,
        search=search,
        namespace=namespace or None,
        node=node or None,
        organization=organization or None,
        template=template or None,
        state=state or None,
        sort=sort,
        descending=descending,
        limit=limit,
        offset=start,
    )
    return by_offset(found.rows, start=start, total=found.total)


@router.get(
    "/pods/{uid}", operation_id="get_pod", summary="One pod with containers, events, changes and neighbours", responses=answers(404)
)
def get_pod(caller: Calling, uid: Uid) -> cluster.PodDetail:
    return caller.read(cluster.pod, uid=uid)


@router.get("/pods/{uid}/samples", operation_id="get_pod_samples", summary="Curves of one pod", responses=answers(400, 404))
def get_pod_samples(
    caller: Calling,
    uid: Uid,
    between: Between,
    container: Annotated[Text, Query(description="One container only.")] = "",
    step: Step = None,
) -> Series:
    return caller.read(
        history.pod_series,
        uid=uid,
        since=between.since,
        until=between.until,
        container=container or None,
        step=step_of(step, between),
    )
