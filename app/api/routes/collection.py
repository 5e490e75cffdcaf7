"""Whether the collection can be trusted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, cut
from app.api.problems import answers
from app.api.ranges import Between
from app.services import collection
from app.services.figures import Gap

router = APIRouter(tags=["collection"], responses=answers(401, 403, 422, 503))


@router.get("/collection", operation_id="get_collection", summary="Age, gaps, coverage and findings of every source")
def get_collection(caller: Calling) -> collection.Health:
    return caller.read(collection.health)


@router.get("/gaps", operation_id="list_gaps", summary="Times without data, oldest first", responses=answers(400))
def list_gaps(
    caller: Calling,
    between: Between,
    source: Annotated[str, Query(max_length=100)] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[Gap]:
    found = caller.read(collection.gaps, since=between.since, until=between.until, source=source or None)
    return cut(found, key=lambda gap: f"{gap.start.isoformat()} {gap.source}", limit=limit, cursor=cursor)
