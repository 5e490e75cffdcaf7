"""What the API refuses or does not answer: whether it is waited for or a person has to look, and with which words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.domain.errors import Unavailable
from provisioner import reconcile
from provisioner.cluster import Rejection
from provisioner.cluster.live import LiveCluster
from provisioner.reconcile import PATIENT, Blocked, Outcome, Waiting
from tests.provisioner.orders import TEMPLATES, an_instance

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WANTED = an_instance(TEMPLATES["wordpress"])


@dataclass
class Api:
    """Has nothing yet, and answers every write in one way."""

    status: int
    body: bytes
    found: Mapping[str, Any] | None = None

    def exchange(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: Mapping[str, Any] | None, content_type: str
    ) -> tuple[int, bytes]:
        if method != "GET":
            return self.status, self.body
        if self.found is not None and path.endswith(f"/namespaces/{WANTED.namespace}"):
            return 200, json.dumps(self.found).encode()
        return 404, b'{"kind":"Status","reason":"NotFound","code":404}'


def said(message: str, **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message, "details": details}).encode()


def outcome(status: int, body: bytes, attempts: int = 0) -> Outcome:
    return reconcile.advance(LiveCluster(Api(status, body)), WANTED, drawn=dict, now=NOW, attempts=attempts)


PASSES = {
    "conflict": (409, said("Operation cannot be fulfilled on namespaces: the object has been modified; please apply your changes")),
    "busy in words": (429, b"Too many requests, please try again later."),
    "failed": (500, said("Internal error occurred: etcdserver: leader changed")),
    "unavailable": (503, said("the server is currently unable to handle the request")),
    "a proxy's page": (502, b"<html><h1>502 Bad Gateway</h1></html>"),
    "ends": (403, said('quotas "plan" is forbidden: unable to create new content in namespace c-x because it is being terminated')),
    "no namespace": (404, said('namespaces "c-x" not found')),
}


@pytest.mark.parametrize("case", PASSES)
def test_what_passes_by_itself_is_waited_for_longer_and_longer(case: str) -> None:
    pauses = []
    for attempts in range(12):
        found = outcome(*PASSES[case], attempts=attempts)
        assert isinstance(found, Waiting), found
        assert found.reason
        pauses.append(found.again_at - NOW)
    assert pauses[:4] == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert pauses[-1] == timedelta(minutes=5)


def test_who_says_when_to_come_again_is_obeyed() -> None:
    found = outcome(429, said("too many requests", retryAfterSeconds=7), attempts=9)
    assert isinstance(found, Waiting)
    assert found.again_at - NOW == timedelta(seconds=7)


STAYS: dict[str, tuple[int, bytes, Rejection]] = {
    "quota": (
        403,
        said('pods "x" is forbidden: exceeded quota: plan, requested: limits.cpu=2, used: 1, limited: 2'),
        Rejection.QUOTA,
    ),
    "security": (403, said('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged'), Rejection.SECURITY),
    "limit": (403, said("pods is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi"), Rejection.LIMIT),
    "policy": (
        422,
        said("ValidatingAdmissionPolicy 'corp' with binding 'corp' denied request: no apps on Sundays"),
        Rejection.ADMISSION,
    ),
    "webhook": (403, said('admission webhook "corp.example" denied the request: no apps on Sundays'), Rejection.ADMISSION),
    "immutable": (422, said("Deployment.apps is invalid: spec.selector: Invalid value: field is immutable"), Rejection.IMMUTABLE),
    "invalid": (422, said("Ingress is invalid: spec.rules[0].host: Invalid value"), Rejection.INVALID),
    # the API answers a field that it does not know with 500; repeating would never help
    "unknown field": (
        500,
        said("failed to create typed patch object: .spec.colour: field not declared in schema"),
        Rejection.INVALID,
    ),
    "nonsense": (400, said("the body of the request was in an unknown format"), Rejection.INVALID),
}


@pytest.mark.parametrize("case", STAYS)
def test_what_does_not_pass_stops_at_once_with_the_clusters_own_words(case: str) -> None:
    status, body, rejection = STAYS[case]
    found = outcome(status, body)
    assert isinstance(found, Blocked), found
    assert found.rejection is rejection
    assert json.loads(body)["message"] in found.reason


def test_a_missing_right_may_be_one_that_is_not_known_yet() -> None:
    body = said('namespaces is forbidden: User "system:serviceaccount:moorage:moorage-provisioner" cannot create resource')
    for attempts in range(PATIENT):
        assert isinstance(outcome(403, body, attempts), Waiting)
    found = outcome(403, body, PATIENT)
    assert isinstance(found, Blocked)
    assert found.rejection is Rejection.FORBIDDEN


def test_refused_credentials_say_what_to_renew() -> None:
    found = outcome(401, said("Unauthorized"))
    assert isinstance(found, Blocked)
    assert "Renew its token" in found.reason


def test_nobody_answers() -> None:
    class Silent(Api):
        def exchange(self, *_: object, **__: object) -> tuple[int, bytes]:
            raise Unavailable("The Kubernetes API at 10.0.0.1 does not answer.")

    found = reconcile.advance(LiveCluster(Silent(0, b"")), WANTED, drawn=dict, now=NOW, attempts=3)
    assert isinstance(found, Waiting)
    assert "does not answer" in found.reason
    assert found.again_at - NOW == timedelta(seconds=16)


STUCK = {
    "kind": "Namespace",
    "metadata": {
        "name": WANTED.namespace,
        "deletionTimestamp": "2026-11-25T11:00:00Z",
        "labels": {"app.kubernetes.io/managed-by": "moorage-provisioner", "moorage.dev/instance": WANTED.instance_id},
    },
    "status": {
        "conditions": [
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "example.com/hold in 1 resource instances"},
        ]
    },
}
ASKS: dict[str, Callable[[LiveCluster], Outcome]] = {
    "made anew": lambda cluster: reconcile.advance(cluster, WANTED, drawn=dict, now=NOW),
    "deleted": lambda cluster: reconcile.remove(cluster, WANTED, now=NOW),
}


@pytest.mark.parametrize("way", ASKS)
def test_a_namespace_that_does_not_go_says_what_holds_it(way: str) -> None:
    found = ASKS[way](LiveCluster(Api(200, b"{}", STUCK)))
    assert isinstance(found, Waiting), found
    assert "example.com/hold in 1 resource instances" in found.reason
    assert "successfully" not in found.reason
