"""Failures as `application/problem+json` (RFC 9457): one table from stable code to status."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from models.domain.access import Permission
from models.domain.errors import Invalid, Misconfigured, PlatformError, TooManyAttempts, Unavailable

log = structlog.get_logger(__name__)

STATUS: Mapping[str, int] = {
    "invalid": 400,
    "unauthenticated": 401,
    "not_permitted": 403,
    "not_found": 404,
    "conflict": 409,
    "illegal_transition": 409,
    "too_many_attempts": 429,
    "misconfigured": 503,
    "unavailable": 503,
    "platform_error": 500,
}


class Problem(BaseModel):
    """What every failure looks like."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    code: str = Field(description="Stable: compare this one.", examples=["not_found"])
    detail: str = Field(
        description="A sentence for a person.", examples=["There is nothing here under that name, or it is not yours."]
    )
    field: str | None = Field(default=None, description="The part of the request that is wrong.", examples=[None])


TITLES = {
    400: "Invalid",
    401: "Not signed in",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Unprocessable",
    429: "Too many attempts",
    500: "Internal error",
    503: "Unavailable",
}


EXAMPLES: Mapping[int, tuple[str, str, str | None]] = {
    400: ("invalid", "The range must begin before it ends.", "since"),
    401: ("unauthenticated", "Send “Authorization: Bearer TOKEN”, or sign in first.", None),
    403: ("not_permitted", "This needs the right nodes.see.", None),
    404: ("not_found", "There is nothing here under that name, or it is not yours.", None),
    409: ("conflict", "This was changed meanwhile. Look again and repeat what still fits.", None),
    413: ("too_large", "A request may have 1 MiB.", None),
    422: ("malformed", "query.limit: Input should be less than or equal to 1000", "limit"),
    429: ("too_many_attempts", "Too many attempts. Try again in 60 seconds.", None),
    500: ("internal", "Something went wrong on our side; it is in the log with the time of this request.", None),
    503: ("unavailable", "The cluster is not known yet. Try again in a few seconds.", None),
}
"""Code, sentence and field of one failure of each status, as callers may meet it."""


def example(status: int) -> Problem:
    """What the description shows for a status."""
    code, detail, field = EXAMPLES[status]
    return Problem(type="about:blank", title=TITLES[status], status=status, code=code, detail=detail, field=field)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented failures of a route."""
    schema = Problem.model_json_schema()
    return {
        status: {
            "description": TITLES[status],
            "content": {"application/problem+json": {"schema": schema, "example": example(status).model_dump()}},
        }
        for status in statuses
    }


def problem(
    status: int, code: str, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = Problem(type="about:blank", title=TITLES.get(status, "Error"), status=status, code=code, detail=detail, field=field)
    return JSONResponse(body.model_dump(), status, headers=dict(headers or {}), media_type="application/problem+json")


def status_of(kind: type[PlatformError]) -> int:
    """The status of the nearest kind of error that has one: those of single parts have codes of their own."""
    return next(STATUS[one.code] for one in kind.__mro__ if issubclass(one, PlatformError) and one.code in STATUS)


def _expected(request: Request, caught: Exception) -> JSONResponse:
    error = cast(PlatformError, caught)
    status = status_of(type(error))
    headers = {"WWW-Authenticate": 'Bearer realm="moorage"'} if status == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return problem(
        status, error.code, _sentence(request, error), field=error.field if isinstance(error, Invalid) else None, headers=headers
    )


def _sentence(request: Request, error: PlatformError) -> str:
    """Its own words; addresses and files of the installation only for those who may see the cluster."""
    actor = getattr(request.state, "actor", None)
    if not isinstance(error, Unavailable | Misconfigured) or (actor is not None and Permission.SEE_CLUSTER in actor.everywhere):
        return str(error)
    reference = secrets.token_hex(4)
    log.warning("api_answer_unavailable", reference=reference, path=request.url.path, code=error.code, error=str(error))
    return f"This cannot be answered right now. Try again in a few minutes. If it stays, tell us the reference {reference}."


def _malformed(_request: Request, caught: Exception) -> JSONResponse:
    error = cast(RequestValidationError, caught)
    findings: Sequence[Any] = error.errors()
    where = (
        ".".join(str(part) for part in findings[0]["loc"] if part not in ("query", "path", "body", "header")) if findings else ""
    )
    detail = "; ".join(f"{'.'.join(str(p) for p in finding['loc'])}: {finding['msg']}" for finding in findings)
    return problem(422, "malformed", detail or "The request does not fit the schema.", field=where or None)


def _http(_request: Request, caught: Exception) -> JSONResponse:
    error = cast(HTTPException, caught)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("api_request_failed", path=request.url.path, method=request.method, exc_info=error)
    return problem(500, "internal", "Something went wrong on our side; it is in the log with the time of this request.")


def install(api: FastAPI) -> None:
    api.add_exception_handler(PlatformError, _expected)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _bug)
