"""What can be ordered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.services import catalogue, readiness
from models.domain.readiness import Readiness

router = APIRouter(tags=["catalogue"], responses=answers(400, 401, 403, 422, 503))


@router.get("/templates", operation_id="list_templates", summary="Kinds of apps")
def list_templates(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[catalogue.TemplateView]:
    return cut(caller.read(catalogue.templates), key=lambda one: one.id, limit=limit, cursor=cursor)


@router.get(
    "/templates/{template}/readiness",
    operation_id="list_template_readiness",
    summary="How long apps of a kind took to be ready, by plan and step",
    responses=answers(404),
)
def list_template_readiness(
    caller: Calling,
    template: Annotated[str, Path(max_length=63, examples=["wordpress"])],
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[Readiness]:
    found = caller.read(readiness.of_template, template=template)
    return cut(found, key=lambda one: one.plan, limit=limit, cursor=cursor)


@router.get("/plans", operation_id="list_plans", summary="Plans on sale, with resources and price")
def list_plans(
    caller: Calling,
    template: Annotated[str, Query(max_length=100, examples=["n8n"])] = "",
    retired: Annotated[bool, Query(description="Also plans that nobody new can order.")] = False,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[catalogue.PlanView]:
    found = caller.read(catalogue.plans, template=template or None, retired=retired)
    return cut(found, key=lambda one: f"{one.template}\n{one.name}\n{one.version:09d}", limit=limit, cursor=cursor)
