"""Background work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.edge import Calling, IdempotencyKey
from app.api.paging import Cursor, Limit, Page, cut, decode, encode
from app.api.problems import answers
from app.services import jobs
from models.domain.jobs import OccurrenceState

router = APIRouter(tags=["jobs"], responses=answers(401, 403, 422, 503))

Name = Annotated[str, Path(max_length=100, examples=["rollup"])]


@router.get(
    "/jobs", operation_id="list_jobs", summary="Declared jobs with their newest run and next due time", responses=answers(400)
)
def list_jobs(caller: Calling, limit: Limit = 100, cursor: Cursor = "") -> Page[jobs.JobRow]:
    return cut(caller.read(jobs.list_).jobs, key=lambda job: job.name, limit=limit, cursor=cursor)


@router.get(
    "/jobs/{name}/preview", operation_id="preview_job", summary="What the next run would do; writes nothing", responses=answers(404)
)
def preview_job(caller: Calling, name: Name) -> jobs.Preview:
    return caller.read(jobs.preview, name=name)


@router.post("/jobs/{name}/runs", operation_id="run_job", summary="Ask for a run now", status_code=202, responses=answers(404, 409))
def run_job(caller: Calling, name: Name, key: IdempotencyKey) -> jobs.OccurrenceRow:
    return caller.write(key, jobs.OccurrenceRow, lambda ctx: jobs.run_now(ctx, name=name))


@router.get("/occurrences", operation_id="list_occurrences", summary="Runs, newest first; kept 90 days", responses=answers(400))
def list_occurrences(
    caller: Calling,
    name: Annotated[str, Query(max_length=100)] = "",
    state: OccurrenceState | None = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[jobs.OccurrenceRow]:
    after = decode(cursor) if cursor else ""
    rows = caller.read(jobs.history, name=name, state=state or "", after=after, limit=limit + 1)
    return Page(tuple(rows[:limit]), encode(rows[limit - 1].id) if len(rows) > limit else "")


@router.get("/occurrences/{id}", operation_id="get_occurrence", summary="One run", responses=answers(404))
def get_occurrence(
    caller: Calling, id: Annotated[str, Path(max_length=100, examples=["occ_0123456789abcdef0123"])]
) -> jobs.OccurrenceRow:
    return caller.read(jobs.get, id=id)
