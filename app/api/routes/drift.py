"""Drift: what somebody changed in the cluster on apps that Moorage runs."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, after, of_service
from app.api.problems import answers
from app.services import drift

router = APIRouter(tags=["change sets"], responses=answers(400, 401, 403, 422, 503))


@router.get(
    "/drift", operation_id="list_drift", summary="The newest changes by others, with who made them and whether they were put back"
)
def list_drift(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[drift.DriftView]:
    return of_service(caller.read(drift.recent, limit=limit, after=after(cursor)))
