"""Questions in SQL."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from app.api.edge import Calling, IdempotencyKey
from app.api.problems import answers
from app.services import questions

router = APIRouter(tags=["warehouse"], responses=answers(401, 403, 422, 503))


class Question(BaseModel):
    """One SELECT."""

    sql: str = Field(
        min_length=1,
        max_length=questions.LONGEST_TEXT,
        description="Over the views of `moorage warehouse describe`.",
        examples=["SELECT node, count(*) AS pods FROM pod GROUP BY node"],
    )
    limit: int = Field(default=1000, ge=1, le=questions.MOST_ROWS, description="Rows at most.")


@router.post("/warehouse/query", operation_id="query_warehouse", summary="One SELECT over the warehouse", responses=answers(400))
def query_warehouse(caller: Calling, question: Annotated[Question, Body()], key: IdempotencyKey) -> questions.Answer:
    del key  # a question changes nothing, so there is nothing to be done only once
    return caller.read(questions.ask, sql=question.sql, limit=question.limit)
