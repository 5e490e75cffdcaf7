"""The HTTP API under /api/v1: one thin router a noun over the same services that pages use."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.api import problems
from app.api.bodies import BoundedBodies
from app.api.routes import (
    app_backups,
    audit,
    capacity,
    catalogue,
    change_sets,
    collection,
    components,
    credits,
    diagnosis,
    documents,
    domains,
    drift,
    instances,
    invoices,
    jobs,
    logs,
    mapping,
    me,
    nodes,
    orders,
    organizations,
    orphans,
    payments,
    pods,
    repairs,
    subscriptions,
    support,
    upgrades,
    usage,
    warehouse,
)

ABOUT = """
The same figures as on the pages, from the same services.

Sign in with `Authorization: Bearer TOKEN`; tokens are made under “Account” and carry scopes. Times are UTC (RFC 3339), CPU is in
cores, memory and storage in bytes, durations are ISO 8601. Failures are `application/problem+json` with a stable `code`. Lists are
cut by `limit`; `next` of one page is the `cursor` of the following one. Every POST wants an `Idempotency-Key`; PUT, PATCH and
DELETE may be sent again.
"""
EXAMPLES = Path(__file__).with_name("examples.json")
ROUTERS = (
    nodes,
    pods,
    capacity,
    collection,
    organizations,
    instances,
    diagnosis,
    drift,
    orphans,
    logs,
    catalogue,
    orders,
    invoices,
    payments,
    credits,
    documents,
    change_sets,
    components,
    domains,
    app_backups,
    upgrades,
    usage,
    mapping,
    jobs,
    audit,
    me,
    warehouse,
    repairs,
    subscriptions,
    support,
)


def build() -> FastAPI:
    """The application that the server mounts at /api; its own lifespan does not run there."""
    api = FastAPI(
        title="Moorage",
        version="1.0.0",
        description=ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the stock page loads its scripts from elsewhere
        redoc_url=None,
        servers=[{"url": "/api"}],
        separate_input_output_schemas=False,
    )
    problems.install(api)
    api.add_middleware(BoundedBodies)
    for module in ROUTERS:
        api.include_router(module.router, prefix="/v1")
    described = api.openapi

    @cache
    def openapi() -> dict[str, Any]:
        return with_examples(described())

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    return api


def with_examples(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with a real answer beside each operation that has one and with the two ways to sign in."""
    examples = json.loads(EXAMPLES.read_text())
    schema.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "session": {"type": "apiKey", "in": "cookie", "name": "sid", "description": "The sign-in cookie of the portal."},
    }
    schema["security"] = [{"token": []}, {"session": []}]
    for operations in schema["paths"].values():
        for operation in operations.values():
            example = examples.get(operation.get("operationId"))
            if example is None:
                continue
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    content = answer.setdefault("content", {})
                    content.setdefault(next(iter(content), "application/json"), {})["example"] = example
    return schema


api = build()
