"""Nodes of the cluster."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.api.ranges import Between, Step, step_of
from app.services import cluster, emptying, history
from app.services.figures import Series

router = APIRouter(tags=["nodes"], responses=answers(401, 403, 422, 503))

Name = Annotated[str, Path(max_length=253, description="Name of the node.", examples=["node-1"])]


@router.get("/nodes", operation_id="list_nodes", summary="Every node with its state, requests and use", responses=answers(400))
def list_nodes(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[cluster.NodeRow]:
    return cut(caller.read(cluster.nodes).rows, key=lambda row: row.name, limit=limit, cursor=cursor)


@router.get("/nodes/{name}", operation_id="get_node", summary="One node with its pods, events and changes", responses=answers(404))
def get_node(caller: Calling, name: Name) -> cluster.NodeDetail:
    return caller.read(cluster.node, name=name)


@router.get(
    "/nodes/{name}/emptying",
    operation_id="preview_emptying",
    summary="What emptying the node would mean, pod by pod, and to whom; nothing is done",
    responses=answers(404),
)
def preview_emptying(caller: Calling, name: Name) -> emptying.Emptying:
    return caller.read(emptying.preview, name=name)


@router.get("/nodes/{name}/samples", operation_id="get_node_samples", summary="Curves of one node", responses=answers(400, 404))
def get_node_samples(caller: Calling, name: Name, between: Between, step: Step = None) -> Series:
    return caller.read(history.node_series, name=name, since=between.since, until=between.until, step=step_of(step, between))
