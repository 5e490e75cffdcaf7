"""Diagnosis: what is wrong with an app now, and what mends it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.edge import Calling
from app.api.problems import answers
from app.services import diagnosis

router = APIRouter(tags=["instances"], responses=answers(401, 403, 404, 422, 503))
Id = Annotated[str, Path(max_length=100, description="Id of the instance.", examples=["ins_0123456789abcdef0123"])]


@router.get(
    "/instances/{id}/diagnosis",
    operation_id="diagnose_instance",
    summary="What is wrong with an app now: causes with evidence, and the operation that mends each",
)
def diagnose_instance(caller: Calling, id: Id) -> diagnosis.Diagnosis:
    return caller.read(diagnosis.of_app, instance_id=id, logs=caller.container.logs, seal=caller.container.seal)
