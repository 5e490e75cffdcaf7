"""Routes: pages of lists, ranges, keys, questions, and failures with a stable code."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from app.api import problems
from app.api.main import api
from app.api.paging import encode
from models.domain import errors
from models.domain.access import Permission
from models.domain.errors import Unavailable
from tests.api.conftest import Party, Program, a_token
from tests.api.paths import BODIES, COOKIE_ONLY, filled, operations

READS = [(name, path) for name, (method, path), _ in operations(api.openapi()) if method == "GET" and name not in COOKIE_ONLY]
LISTS = [(name, path) for name, path in READS if name.startswith("list_") and name not in ("list_my_apps",)]
_key = itertools.count()


def key() -> str:
    return f"route-test-{next(_key):06d}"


@pytest.mark.parametrize(("name", "path"), READS, ids=[name for name, _ in READS])
def test_every_route_answers(program: Program, name: str, path: str) -> None:
    made = program.get(filled(program, path, program.mine))
    assert made.status_code == 200, made.text
    assert made.content


@pytest.mark.parametrize(("name", "path"), LISTS, ids=[name for name, _ in LISTS])
def test_a_list_comes_in_pages_that_lose_and_repeat_nothing(program: Program, name: str, path: str) -> None:
    path = filled(program, path, program.mine)
    whole = program.get(path, limit=500).json()
    assert whole["next"] == ""
    seen, cursor = [], ""
    while True:
        page = program.get(path, limit=max(1, len(whole["items"]) // 3), cursor=cursor).json()
        seen += page["items"]
        cursor = page["next"]
        if not cursor:
            break
    identity = [str(sorted(item.items())) for item in seen]
    assert len(set(identity)) == len(identity)
    assert len(seen) == len(whole["items"])


@pytest.mark.parametrize(
    "cursor", ["x", "%%%", "=", encode("nonsense")[:-1], encode('["\\ud800","x"]'), encode("9" * 30), encode("-1")]
)
@pytest.mark.parametrize(("name", "path"), LISTS, ids=[name for name, _ in LISTS])
def test_a_wrong_cursor_is_refused_or_leads_nowhere(program: Program, name: str, path: str, cursor: str) -> None:
    made = program.get(filled(program, path, program.mine), cursor=cursor)
    assert made.status_code in (200, 400), made.text
    if made.status_code == 400:
        assert made.json()["code"] == "invalid"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/pods", {"limit": 0}, 422),
        ("/pods", {"limit": 10**30}, 422),
        ("/pods", {"limit": "many"}, 422),
        ("/pods", {"sort": "secret"}, 422),
        ("/samples", {"since": "yesterday"}, 422),
        ("/samples", {"since": "2026-11-22T10:00:00"}, 422),
        ("/samples", {"since": "2026-11-22T10:00:00Z", "until": "2026-11-21T10:00:00Z"}, 400),
        ("/samples", {"since": "0001-01-01T00:00:00Z"}, 400),
        ("/samples", {"until": "9999-12-31T23:59:59Z"}, 400),
        ("/capacity/forecast", {"resource": "disk"}, 422),
        ("/capacity/what-if", {"lose": "node-77"}, 404),
        ("/capacity/what-if", {"copies": 3}, 400),
        ("/capacity/what-if", {"add": 10**18}, 422),
        ("/capacity/rightsizing", {"days": 0}, 422),
        ("/pods/none", {}, 404),
        ("/nodes/none", {}, 404),
        ("/instances/ins_none/app", {}, 404),
        ("/nowhere", {}, 404),
        ("/pods", {"search": "a\0b"}, 400),
    ],
)
def test_what_cannot_be_answered_has_a_status_and_a_code(
    program: Program, path: str, query: dict[str, object], status: int
) -> None:
    made = program.get(path, **query)
    assert made.status_code == status, made.text
    assert made.headers["content-type"] == "application/problem+json"
    problem = made.json()
    assert problem["status"] == status
    assert problem["code"]
    assert problem["detail"]


def test_every_expected_error_has_a_status_of_its_own_kind() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.PlatformError)]
    assert len(kinds) > 8
    assert {kind.code: problems.status_of(kind) for kind in kinds} == problems.STATUS

    class Special(errors.Invalid):
        code = "special"

    assert problems.status_of(Special) == 400


def test_a_wrong_method_is_told(program: Program) -> None:
    made = program.send("PUT", "/pods")
    assert (made.status_code, made.json()["code"]) == (405, "method_not_allowed")


def test_the_same_key_again_does_nothing_and_gets_the_first_answer(program: Program) -> None:
    mine = key()
    first = program.send("POST", "/organizations", key=mine, name="Once Only")
    again = program.send("POST", "/organizations", key=mine, name="Once Only")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(program.get("/organizations", search="Once Only").json()["items"]) == 1
    other = program.send("POST", "/organizations", key=mine, name="Another")
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    twice = program.send("POST", "/organizations", key=key(), name="Once Only")
    assert twice.json()["id"] != first.json()["id"]


def test_a_key_belongs_to_its_caller(program: Program) -> None:
    mine = key()
    body = {"email": "someone@example.com", "role": "viewer"}
    paths = [f"/organizations/{who.organization_id}/invitations" for who in (program.mine, program.theirs)]
    first = program.send("POST", paths[0], program.mine, key=mine, **body)
    second = program.send("POST", paths[1], program.theirs, key=mine, **body)
    assert first.status_code == second.status_code == 201
    assert first.json()["organization_id"] != second.json()["organization_id"]


def test_a_weaker_token_of_the_same_person_is_not_told_the_stored_answer(program: Program) -> None:
    once, email = key(), "kept@example.com"
    home = f"/organizations/{program.mine.organization_id}/invitations"
    assert program.send("POST", home, program.mine, key=once, email=email, role="viewer").status_code == 201
    weak = Party(program.mine.user_id, a_token(program.live.store, program.mine.user_id, frozenset({Permission.SEE_OWN_INSTANCES})))
    told = program.send("POST", home, weak, key=once, email=email, role="viewer")
    assert (told.status_code, "kept@example.com" in told.text) == (409, False)
    assert program.send("POST", home, weak, key=key(), email=email, role="viewer").status_code == 403
    assert program.send("POST", home, program.mine, key=once, email=email, role="viewer").json()["email"] == "kept@example.com"


def test_invitations_come_newest_first(program: Program) -> None:
    home = f"/organizations/{program.theirs.organization_id}/invitations"
    for n in range(4):
        program.live.clock.advance(timedelta(milliseconds=1))
        program.send("POST", home, program.theirs, key=key(), email=f"row{n}@example.com", role="viewer")
    shown, cursor = [], ""
    while True:
        page = program.get(home, program.theirs, limit=3, cursor=cursor).json()
        shown += [one["email"] for one in page["items"] if one["email"].startswith("row")]
        cursor = page["next"]
        if not cursor:
            break
    assert shown == [f"row{n}@example.com" for n in (3, 2, 1, 0)]


@pytest.mark.parametrize("wrong", ["", "short", "with space and more", "x" * 300])
def test_a_post_without_a_good_key_is_refused(program: Program, wrong: str) -> None:
    headers = program.owner.headers | ({"Idempotency-Key": wrong} if wrong else {})
    made = program.client.post("/v1/organizations", json={"name": "Never"}, headers=headers)
    assert made.status_code == 422
    assert program.get("/organizations", search="Never").json()["items"] == []


def test_a_refused_request_uses_its_key_up_for_nothing(program: Program) -> None:
    mine = key()
    assert program.send("POST", "/organizations", key=mine, name="").status_code == 400
    assert program.send("POST", "/organizations", key=mine, name="Good Now").status_code == 201


def test_a_change_is_audited_with_its_edge(program: Program) -> None:
    made = program.send("POST", "/organizations", key=key(), name="Audited").json()
    assert program.send("PATCH", f"/organizations/{made['id']}", name="Renamed").json()["name"] == "Renamed"
    held = program.send("PATCH", f"/organizations/{made['id']}", standing="on_hold").json()
    assert held["standing"] == "on_hold"
    rows = program.get("/audit", organization=made["id"]).json()["items"]
    assert [row["action"] for row in rows] == ["organizations.set_standing", "organizations.rename", "organizations.create"]
    assert {row["edge"] for row in rows} == {"api"}


def test_members_and_invitations(program: Program) -> None:
    home = f"/organizations/{program.mine.organization_id}"
    made = program.send("POST", f"{home}/invitations", program.mine, key=key(), email="New@Example.com", role="developer").json()
    assert made["email"] == "new@example.com"
    assert made["id"] in [one["id"] for one in program.get(f"{home}/invitations", program.mine).json()["items"]]
    assert program.send("DELETE", f"/invitations/{made['id']}", program.mine).status_code == 204
    assert program.send("DELETE", f"/invitations/{made['id']}", program.mine).status_code == 404
    guest = program.person(organization_id=program.mine.organization_id)
    changed = program.send("PATCH", f"{home}/members/{guest.user_id}", program.mine, role="developer")
    assert changed.json()["role"] == "developer"
    assert program.send("DELETE", f"{home}/members/{guest.user_id}", guest).status_code == 403, "a token without the right"
    assert program.send("DELETE", f"{home}/members/{guest.user_id}", program.mine).status_code == 204


def test_a_namespace_is_given_and_taken_back(program: Program) -> None:
    namespace = next(n for n in program.live.cluster.snapshot().namespaces if n == "kube-system")
    made = program.send("PUT", f"/mapping/{namespace}", organization_id=program.mine.organization_id)
    assert (made.status_code, made.json()["via"]) == (200, "page")
    assert program.send("DELETE", f"/mapping/{namespace}").status_code == 204
    row = program.get("/mapping", search=namespace).json()["items"][0]
    assert row["via"] == "unowned"
    file = program.get("/mapping-file")
    assert file.headers["content-type"].startswith("text/csv")
    assert program.send("POST", "/mapping-file", key=key(), text=file.text, dry_run=True).json()["problems"] == 0


def test_a_question_is_answered_within_its_bounds(program: Program) -> None:
    made = program.send("POST", "/warehouse/query", key=key(), **BODIES["query_warehouse"]).json()
    assert made["columns"] == ["node", "samples"]
    assert [row[0] for row in made["rows"]] == ["node-1", "node-2", "node-3"]
    cut = program.send("POST", "/warehouse/query", key=key(), sql="SELECT t FROM pod_5m ORDER BY t -- newest last", limit=3).json()
    assert (len(cut["rows"]), cut["cut"]) == (3, True)
    odd = program.send(
        "POST", "/warehouse/query", key=key(),
        sql="SELECT 'NaN'::DOUBLE AS a, 1.5::DECIMAL(9,2) AS b, [1, 2] AS c, INTERVAL 1 HOUR AS d, '\\x01'::BLOB AS e, "
            "{'x': DATE '2026-01-01'} AS f, TIMESTAMP '2026-01-01 10:00' AS g;",
    ).json()  # fmt: skip
    assert odd["rows"] == [[None, 1.5, [1, 2], 3600.0, "01", {"x": "2026-01-01"}, "2026-01-01T10:00:00+00:00"]]


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_times_at_the_edges_of_the_calendar_are_refused(program: Program, since: str) -> None:
    for path in ("/audit", "/gaps", "/samples"):
        made = program.get(path, since=since)
        assert made.status_code == 400, made.text


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM wh.ticks",
        "SELECT 1; SELECT 2",
        "SELECT * FROM nowhere",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SELECT * FROM read_text('/etc/passwd')",
        "ATTACH '/tmp/x.db'",
        "SELECT",
        "SELECT 1) UNION ALL (SELECT 2",
        "PRAGMA version",
        "SELECT getenv('HOME')",
    ],
)
def test_a_question_can_only_read_the_views(program: Program, sql: str) -> None:
    made = program.send("POST", "/warehouse/query", key=key(), sql=sql)
    assert made.status_code == 400, made.text


def test_an_analyst_asks_and_a_supporter_does_not(program: Program) -> None:
    from models.domain.access import StaffRole

    for role, status in ((StaffRole.ANALYST, 200), (StaffRole.SUPPORT, 403)):
        made = program.send("POST", "/warehouse/query", program.person(role), key=key(), sql="SELECT 1 AS one")
        assert made.status_code == status


def test_a_job_is_asked_for_and_looked_at(program: Program) -> None:
    made = program.send("POST", "/jobs/rollup/runs", key=key())
    assert made.status_code == 202
    assert program.get(f"/occurrences/{made.json()['id']}").json()["state"] == "waiting"
    assert program.get("/jobs/rollup/preview").json()["job"] == "rollup"
    assert program.send("POST", "/jobs/nothing/runs", key=key()).status_code == 404


def test_numbers_are_those_of_the_cluster(program: Program) -> None:
    snapshot = program.live.cluster.snapshot()
    active = [pod for pod in snapshot.pods.values() if pod.active]
    state = program.get("/capacity").json()
    memory = next(one for one in state["resources"] if one["resource"] == "memory")
    assert memory["requested"]["value"] == sum(pod.request.memory for pod in active if pod.node)
    assert memory["allocatable"]["value"] == sum(node.allocatable.memory for node in snapshot.nodes.values() if node.schedulable)
    counts = program.get("/overview").json()["counts"]
    assert (counts["nodes"], counts["pods"]) == (len(snapshot.nodes), len(active))


def test_a_warehouse_that_is_away_takes_only_its_own_answers(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = program.get("/overview").json()["counts"]
    program.live.clock.advance(timedelta(minutes=1))  # past what is kept

    def silent(*_: object) -> object:
        raise Unavailable("The catalogue does not answer.")

    monkeypatch.setattr(program.live.warehouse, "query", silent)
    seen = program.get("/overview").json()
    assert {**seen["counts"], "pods_up": counts["pods_up"]} == counts
    assert (seen["history"], program.get("/collection").json()["code"]) == (None, "away")
    assert seen["away_since"] is not None
    for path in ("/gaps", "/samples"):
        answer = program.get(path, since="2026-11-22T09:00:00Z", until="2026-11-22T10:00:00Z")
        assert answer.status_code == 503, answer.text
        assert "The warehouse has not answered since 2026-11-22 12:" in answer.json()["detail"]
        assert answer.json()["code"] == "warehouse_away"


def test_an_app_is_put_on_record_changed_and_taken_off(program: Program) -> None:
    home = program.theirs.organization_id
    wanted = {"organization_id": home, "name": "adopted", "namespace": "kube-system", "address": "https://adopted.example.com"}
    mine = key()
    made = program.send("POST", "/instances", key=mine, **wanted)
    assert made.status_code == 201, made.text
    assert program.send("POST", "/instances", key=mine, **wanted).json() == made.json()
    path = f"/instances/{made.json()['id']}"
    try:
        assert (made.json()["state"], made.json()["organization_id"]) == ("ready", home)
        assert program.get(path, program.theirs).json() == made.json()
        twice = program.send("POST", "/instances", key=key(), **wanted)
        assert (twice.status_code, twice.json()["code"]) == (409, "conflict")
        changed = program.send("PATCH", path, address="")
        assert (changed.status_code, changed.json()) == (200, made.json() | {"address": ""})
        assert program.send("PATCH", path, address="nowhere").json()["field"] == "address"
    finally:
        assert program.send("DELETE", path).status_code == 204
        program.send("DELETE", "/mapping/kube-system")
    assert program.get(path).json()["state"] == "gone"
    assert program.send("DELETE", path).status_code == 409
