"""Who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.edge import Calling
from app.api.paging import Cursor, Limit, Page, after, of_service
from app.api.problems import answers
from app.api.ranges import Instant, possible
from app.services import audit

router = APIRouter(tags=["audit"], responses=answers(401, 403, 422, 503))

Text = Annotated[str, Query(max_length=200)]


@router.get("/audit", operation_id="list_audit", summary="Changes, newest first", responses=answers(400))
def list_audit(
    caller: Calling,
    organization: Annotated[Text, Query(description="An organization's id.")] = "",
    actor: Annotated[Text, Query(description="Id of a person or job.")] = "",
    action: Annotated[Text, Query(description="Beginning of an action.", examples=["members."])] = "",
    subject: Annotated[Text, Query(description="Id of what was changed.")] = "",
    since: Instant = None,
    until: Instant = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[audit.AuditView]:
    possible(since=since, until=until)
    found = caller.read(
        audit.list_,
        organization=organization or None,
        actor=actor or None,
        action=action,
        subject=subject or None,
        since=since,
        until=until,
        limit=limit,
        after=after(cursor),
    )
    return of_service(found)
