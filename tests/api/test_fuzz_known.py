"""Schemathesis with ids that exist, so that it comes past “not found”: never a server error, and every answer is as described."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from starlette.testclient import TestClient

from app.api.main import api
from models.domain.access import MemberRole, StaffRole
from models.store import members, organizations
from tests.api.conftest import NOW, Party, Program
from tests.api.paths import a_pod, an_occurrence
from tests.stories import Customer, an_instance

SCHEMA = schemathesis.openapi.from_dict(api.openapi())
EXAMPLES = 3
SPACE = "kube-system"
LOOKED_AT = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
KNOWN: dict[str, str] = {}
"""What exists in the test that runs now, by the words that stand before it in a path, or by its name in a query or a body."""
OWN_NAMES = {"organization": "organizations", "organization_id": "organizations", "instance_id": "instances", "node": "nodes",
             "lose": "nodes", "namespace": "mapping", "plan_id": "plan", "user_id": "members"}  # fmt: skip

TIMES = {"since": "2026-11-22T06:00:00Z", "until": "2026-11-22T12:00:00Z"}
"""A range that has data; invented ones, and cursors, are refused before anything is looked up."""


@SCHEMA.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    parts = context.operation.path.split("/")
    for before, part in pairwise(parts):
        if part.startswith("{") and path_parameters is not None:
            path_parameters[part.strip("{}")] = KNOWN[before]
    return path_parameters


@SCHEMA.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    if query is None:
        return None
    found = {name: KNOWN[OWN_NAMES[name]] if name in OWN_NAMES else value for name, value in query.items() if name != "cursor"}
    return found | {name: at for name, at in TIMES.items() if name in query}


@SCHEMA.hook
def map_body(context: Any, body: Any) -> Any:
    if isinstance(body, dict):
        return body | {name: KNOWN[OWN_NAMES[name]] for name in set(body) & set(OWN_NAMES)}
    return body


@pytest.fixture
def callers(program: Program) -> Iterator[tuple[TestClient, Party, Party]]:
    """A client that keeps failures as answers, an owner of the platform, and the owner of an organization of this test alone."""
    mark = secrets.token_hex(4)
    with program.live.store.transaction() as session:
        home = organizations.add(session, name=f"Fuzz {mark}", now=NOW)
        owner = members.add_user(session, email=f"fuzz-{mark}@example.com", name="Fuzz", now=NOW)
        members.join(session, user_id=owner.id, organization_id=home.id, role=MemberRole.OWNER, now=NOW)
        colleague = members.add_user(session, email=f"other-{mark}@example.com", name="Other", now=NOW)
        members.join(session, user_id=colleague.id, organization_id=home.id, role=MemberRole.VIEWER, now=NOW)
        app = an_instance(session, Customer(home, owner), f"app-{mark}", now=NOW)
        KNOWN.update(organizations=home.id, members=colleague.id, instances=app.id)
    boss = program.person(StaffRole.OWNER)
    customer = program.person(organization_id=KNOWN["organizations"], as_=MemberRole.OWNER)
    invited = program.send(
        "POST",
        f"/organizations/{KNOWN['organizations']}/invitations",
        boss,
        key=mark,
        email=f"in-{mark}@example.com",
        role="viewer",
    )
    plan = program.get("/plans", boss).json()["items"]
    KNOWN.update(
        invitations=invited.json().get("id", "inv_none"),
        nodes="node-1",
        pods=a_pod(program),
        jobs="rollup",
        occurrences=an_occurrence(program),
        mapping=SPACE,
        tokens="tok_none",
        plan=plan[0]["id"] if plan else "pln_none",
    )
    yield TestClient(api, raise_server_exceptions=False), boss, customer
    for row in program.get("/instances", boss, organization=KNOWN["organizations"]).json()["items"]:
        program.send("DELETE", f"/instances/{row['id']}", boss)
    program.send("DELETE", f"/mapping/{SPACE}", boss)


def test_what_stands_in_the_paths_exists(program: Program, callers: tuple[TestClient, Party, Party]) -> None:
    """Else the test below would fuzz nothing but “not found”."""
    _, boss, customer = callers
    for path in (
        "/organizations/{organizations}", "/organizations/{organizations}/members", "/instances/{instances}", "/nodes/{nodes}",
        "/pods/{pods}", "/jobs/{jobs}/preview", "/occurrences/{occurrences}", "/instances/{instances}/app",
    ):  # fmt: skip
        assert program.get(path.format(**KNOWN), boss).status_code == 200, path
    assert program.get("/instances/{instances}/app".format(**KNOWN), customer).status_code == 200
    assert KNOWN["invitations"].startswith("inv_")
    assert KNOWN["plan"].startswith("pln_")


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_about_what_exists_is_as_described(case: Any, callers: tuple[TestClient, Party, Party]) -> None:
    client, boss, customer = callers
    for who in (boss, customer):
        answer = client.request(**_request(case, who))
        case.validate_response(answer, checks=[CHECKS.get_one(name) for name in LOOKED_AT])


def _request(case: Any, who: Party) -> Mapping[str, Any]:
    sent = case.as_transport_kwargs(base_url="http://testserver")
    sent["headers"] = {**(sent.get("headers") or {}), **who.headers}
    sent.pop("cookies", None)
    if isinstance(sent.get("data"), bytes | str):
        sent["content"] = sent.pop("data")
    return dict(sent)
