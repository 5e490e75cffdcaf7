"""Nodes of the cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.api.ranges import Between, Step, step_of
from app.context import Context
from app.provisioning import node_hands
from app.services import cluster, emptying, history, nodes
from app.services.figures import Series

router = APIRouter(tags=["nodes"], responses=answers(401, 403, 422, 503))

Name = Annotated[str, Path(max_length=253, description="Name of the node.", examples=["node-1"])]


class NodeService(BaseModel):
    """What is to be done with a node. Draining moves away all that can be moved, and cannot be asked for by a token."""

    do: Literal["cordon", "uncordon", "drain", "stop"] = Field(description="`stop` ends a drain that runs.", examples=["cordon"])
    typed_name: str = Field(default="", max_length=253, description="For `drain`: the node's name, typed.")


class NodeServed(BaseModel):
    """What was done, and the node's newest drain."""

    node: str
    done: str
    drain: nodes.DrainView | None


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
    return caller.read(emptying.preview, name=name, nodes=node_hands(caller.container))


@router.get(
    "/nodes/{name}/service",
    operation_id="get_node_service",
    summary="Whether the node takes pods, and how far its newest drain is, pod by pod",
    responses=answers(404),
)
def get_node_service(caller: Calling, name: Name) -> nodes.InService:
    return caller.read(nodes.in_service, name=name)


@router.get("/drains", operation_id="list_drains", summary="Drains of nodes, pod by pod, the newest first", responses=answers(400))
def list_drains(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[nodes.DrainView]:
    return cut(caller.read(nodes.list_drains), key=lambda one: one.id, limit=limit, cursor=cursor)


@router.post(
    "/nodes/{name}/service",
    operation_id="serve_node",
    summary="Cordon a node, uncordon it, drain it, or stop its drain; needs an optional right in the cluster",
    responses=answers(400, 404, 409),
)
def serve_node(caller: Calling, name: Name, wanted: NodeService, key: IdempotencyKey) -> NodeServed:
    hands = node_hands(caller.container)

    def do(ctx: Context) -> NodeServed:
        match wanted.do:
            case "cordon":
                nodes.cordon(ctx, name=name, nodes=hands)
            case "uncordon":
                nodes.uncordon(ctx, name=name, nodes=hands)
            case "drain":
                nodes.drain(ctx, name=name, typed_name=wanted.typed_name, nodes=hands)
            case "stop":
                nodes.stop(ctx, name=name)
        return NodeServed(node=name, done=wanted.do, drain=nodes.drained(ctx, name=name))

    return caller.write(key, NodeServed, do)


@router.get("/nodes/{name}/samples", operation_id="get_node_samples", summary="Curves of one node", responses=answers(400, 404))
def get_node_samples(caller: Calling, name: Name, between: Between, step: Step = None) -> Series:
    return caller.read(history.node_series, name=name, since=between.since, until=between.until, step=step_of(step, between))
