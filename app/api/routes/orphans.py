"""Orphans: what stands in the cluster for no app, and what is on record and stands nowhere."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.services import orphans

router = APIRouter(tags=["instances"], responses=answers(400, 401, 403, 422, 503))


@router.get(
    "/orphans",
    operation_id="list_orphans",
    summary="Namespaces without an app, apps without a namespace, subscriptions without either",
)
def list_orphans(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[orphans.OrphanView]:
    found = caller.read(orphans.list_)
    return cut(found, key=lambda one: f"{one.orphan.kind} {one.orphan.id}", limit=limit, cursor=cursor)
