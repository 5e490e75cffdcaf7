"""Schemathesis throws everything that the description allows, and what it does not, at every operation: never a server error."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from starlette.testclient import TestClient

from app.api.main import api
from tests.api.conftest import Party, Program

SCHEMA = schemathesis.openapi.from_dict(api.openapi())
EXAMPLES = 3


@pytest.fixture(scope="module")
def callers(program: Program) -> tuple[TestClient, Party, Party]:
    """A client that keeps failures as answers, an owner of the platform, and a customer."""
    return TestClient(api, raise_server_exceptions=False), program.owner, program.mine


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_makes_the_server_fail(case, callers):
    client, owner, customer = callers
    for who in (owner, customer):
        sent = case.as_transport_kwargs(base_url="http://testserver")
        headers = {**(sent.pop("headers", None) or {}), **who.headers}
        sent.pop("cookies", None)
        if isinstance(sent.get("data"), bytes | str):
            sent["content"] = sent.pop("data")
        made = client.request(sent.pop("method"), sent.pop("url"), headers=headers, **sent)
        assert made.status_code < 500, f"{case.method} {case.path}: {made.text}"
        if made.status_code >= 400:
            assert made.headers["content-type"] == "application/problem+json"
            assert made.json()["code"]
