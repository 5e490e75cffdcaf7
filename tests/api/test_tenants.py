"""Attacks: a member reaches for what is somebody else's, by every route and parameter."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest

from app.api.main import api
from app.auth import sessions
from models.domain.access import MemberRole, Permission, StaffRole
from models.store import instances, organizations
from models.store import tokens as token_rows
from models.store.members import User
from models.store.sessions import WebSession
from tests.api.conftest import Party, Program, a_token
from tests.api.paths import BODIES, COOKIE_ONLY, filled, operations

OPERATIONS = [(name, method, path) for name, (method, path), _ in operations(api.openapi())]
SCOPED = [
    one
    for one in OPERATIONS
    if one[2].startswith(("/organizations/{id}", "/instances/{id}"))
    or one[0] in ("get_invoice", "get_credit_note", "get_subscription", "list_subscription_moments")
]
STAFF_ONLY = [
    one
    for one in OPERATIONS
    if one[0] not in COOKIE_ONLY
    and one[2].startswith(
        ("/nodes", "/pods", "/overview", "/capacity", "/samples", "/collection", "/gaps", "/mapping", "/jobs", "/occurrences",
         "/audit", "/usage", "/warehouse", "/ledger", "/dunning", "/payment-events", "/transfers", "/transfer-reports")
    )
]  # fmt: skip
_key = itertools.count()


def body_of(name: str) -> dict[str, object]:
    bodies = {"invite_member": {"email": "x@example.com", "role": "viewer"}, "assign_namespace": {"organization_id": "org_x"}}
    wanted = dict(BODIES.get(name, bodies.get(name, {})))
    return {"name": "Stolen"} if name == "change_organization" else wanted


def call(program: Program, name: str, method: str, path: str, who: Party):
    key = f"attack-number-{next(_key)}" if method == "POST" else ""
    return program.send(method, path, who, key=key, **body_of(name))


@pytest.mark.parametrize(("name", "method", "path"), SCOPED, ids=[one[0] for one in SCOPED])
def test_what_is_foreign_sounds_like_what_does_not_exist(program: Program, name: str, method: str, path: str) -> None:
    foreign = call(program, name, method, filled(program, path, program.theirs), program.mine)
    nowhere = call(program, name, method, path.replace("{id}", "org_none").replace("{user_id}", "usr_none"), program.mine)
    assert foreign.status_code == nowhere.status_code == 404, foreign.text
    assert foreign.json() == nowhere.json()
    assert foreign.json()["code"] == "not_found"


@pytest.mark.parametrize(("name", "method", "path"), STAFF_ONLY, ids=[one[0] for one in STAFF_ONLY])
def test_the_platforms_own_is_for_staff(program: Program, name: str, method: str, path: str) -> None:
    made = call(program, name, method, filled(program, path, program.mine), program.mine)
    assert made.status_code == 403, made.text
    assert made.json()["code"] == "not_permitted"


def test_no_list_of_a_member_names_anybody_else(program: Program) -> None:
    with program.live.store.reading() as session:
        foreign = {row.id for row in organizations.everything(session)} - {program.mine.organization_id}
        foreign |= {row.id for row in instances.everything(session) if row.organization_id != program.mine.organization_id}
        foreign |= {row.name for row in organizations.everything(session) if row.id != program.mine.organization_id}
    seen = 0
    for name, method, path in OPERATIONS:
        if method != "GET" or name in COOKIE_ONLY:
            continue
        for query in ({}, {"organization": program.theirs.organization_id}, {"search": "a"}):
            made = program.get(filled(program, path, program.mine), program.mine, **query)
            seen += made.status_code == 200
            assert not [one for one in foreign if json.dumps(one, ensure_ascii=False) in made.text], (name, query)
    assert seen > 20


def test_a_foreign_member_cannot_be_changed_through_ones_own_organization(program: Program) -> None:
    for method, body in (("PATCH", {"role": "viewer"}), ("DELETE", {})):
        path = f"/organizations/{program.mine.organization_id}/members/{program.theirs.user_id}"
        assert program.send(method, path, program.mine, **body).status_code == 404


def test_a_role_decides_inside_ones_own_organization(program: Program) -> None:
    viewer = program.person(organization_id=program.mine.organization_id, as_=MemberRole.VIEWER)
    home = f"/organizations/{viewer.organization_id}"
    assert program.get(home, viewer).status_code == 200
    assert program.send("PATCH", home, viewer, name="Mine now").status_code == 403
    assert program.get(f"{home}/audit", viewer).status_code == 403
    invited = program.send("POST", f"{home}/invitations", viewer, key="viewer-invites", email="a@example.com", role="owner")
    assert invited.status_code == 403


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (StaffRole.ANALYST, "/pods", 200),
        (StaffRole.ANALYST, "/jobs", 403),
        (StaffRole.BILLING, "/pods", 403),
        (StaffRole.BILLING, "/organizations", 200),
        (StaffRole.SUPPORT, "/mapping", 403),
        (StaffRole.OPERATOR, "/mapping", 200),
    ],
)
def test_a_staff_role_decides_on_the_platform(program: Program, role: StaffRole, path: str, status: int) -> None:
    assert program.get(path, program.person(role)).status_code == status


def test_a_token_can_do_no_more_than_its_scopes(program: Program) -> None:
    owner = program.owner
    narrow = Party(owner.user_id, a_token(program.live.store, owner.user_id, frozenset({Permission.SEE_JOBS})))
    assert program.get("/jobs", narrow).status_code == 200
    assert program.get("/pods", narrow).status_code == 403
    assert program.get("/me", narrow).json()["permissions"] == ["jobs.see"]


def test_a_token_for_one_organization_is_blind_elsewhere(program: Program) -> None:
    home = program.theirs.organization_id
    inside = Party(program.owner.user_id, a_token(program.live.store, program.owner.user_id, organization_id=home))
    assert program.get(f"/organizations/{home}/members", inside).status_code == 200
    assert program.get(f"/organizations/{program.mine.organization_id}/members", inside).status_code == 404
    assert program.get("/pods", inside).status_code == 403


def test_a_role_that_is_taken_away_is_gone_at_once(program: Program) -> None:
    guest = program.person(organization_id=program.mine.organization_id)
    home = f"/organizations/{guest.organization_id}"
    assert program.get(home, guest).status_code == 200
    assert program.send("DELETE", f"{home}/members/{guest.user_id}", program.mine).status_code == 204
    assert program.get(home, guest).status_code == 401


def test_a_revoked_token_and_a_disabled_person_are_refused(program: Program) -> None:
    guest = program.person(StaffRole.ANALYST)
    with program.live.store.transaction() as session:
        row = token_rows.of_user(session, guest.user_id)[0]
        token_rows.revoke(session, row.id, program.live.clock.now())
    assert program.get("/me", guest).status_code == 401
    other = program.person(StaffRole.ANALYST)
    with program.live.store.transaction() as session:
        user = session.get(User, other.user_id)
        assert user is not None
        user.disabled_at = program.live.clock.now()
        session.add(user)
    assert program.get("/me", other).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer moorage_wrong"},
        {"Authorization": "Basic cm9vdDpyb290"},
        {"Cookie": "sid=guessed"},
        {"x-portal-user": "usr_x", "x-portal-session": "1"},
        {"x-forwarded-user": "root@example.com"},
    ],
)
def test_without_a_good_token_nobody_is_let_in(program: Program, headers: dict[str, str]) -> None:
    for _, method, path in OPERATIONS:
        made = program.client.request(method, f"/v1{path}", headers=headers)
        assert made.status_code in (401, 422, 429), path
        assert made.headers["content-type"] == "application/problem+json"
    made = program.client.get("/v1/me", headers=headers)
    assert made.headers.get("www-authenticate", "").startswith("Bearer") or made.status_code == 429


def test_wrong_tokens_are_counted_and_right_ones_let_in(program: Program) -> None:
    statuses = [program.client.get("/v1/me", headers={"Authorization": f"Bearer moorage_{n}"}).status_code for n in range(70)]
    assert statuses[-1] == 429
    refused = program.client.get("/v1/me", headers={"Authorization": "Bearer moorage_x"})
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["code"] == "too_many_attempts"
    assert program.get("/me").status_code == 200


def test_a_cookie_changes_things_only_from_our_own_pages(program: Program) -> None:
    secret = "a-session-of-the-owner"
    now = program.live.clock.now()
    with program.live.store.transaction() as session:
        session.add(
            WebSession(
                token_hash=sessions.digest(secret),
                user_id=program.mine.user_id,
                created_at=now,
                proved_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=1),
                idle_seconds=3600,
                strong=True,
            )
        )
    client, name = program.client, sessions.cookie_name(secure=False)
    cookie = {"Cookie": f"{name}={secret}"}
    assert client.get("/v1/me", headers=cookie).status_code == 200
    assert client.get("/v1/me/tokens", headers=cookie).status_code == 200
    path = f"/v1/organizations/{program.mine.organization_id}"
    foreign = {"Origin": "https://evil.example"}
    assert client.patch(path, json={}, headers=cookie | foreign).status_code == 403
    assert client.patch(path, json={}, headers=cookie | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.patch(path, json={}, headers=cookie | {"Origin": "http://testserver"}).status_code == 200


def test_a_member_puts_no_app_on_record_and_changes_none(program: Program) -> None:
    home = program.mine.organization_id
    wanted = {"organization_id": home, "name": "mine", "namespace": "kube-system"}
    path = f"/instances/{program.instance_of(program.mine)}"
    before = program.get(path).json()
    for organization in (home, program.theirs.organization_id):
        made = program.send(
            "POST", "/instances", program.mine, key=f"steals-{organization}", **wanted | {"organization_id": organization}
        )
        assert (made.status_code, made.json()["code"]) == (403, "not_permitted")
    for method, body in (("PATCH", {"address": "https://evil.example.com"}), ("DELETE", {})):
        assert program.send(method, path, program.mine, **body).status_code == 403
    assert program.get(path).json() == before
