"""What a cluster promises the provisioner: the simulated one always, the test bed's real API server with the least rights."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner import reconcile
from provisioner.changes import Verb
from provisioner.check import check, clear
from provisioner.cluster import Rejected, Rejection
from provisioner.desired import desired
from provisioner.guards import Danger
from provisioner.reconcile import Blocked, Done, Waiting
from provisioner.secrets import sealed
from provisioner.wanted import Wanted
from tests.provisioner.grounds import Site, live, simulated
from tests.provisioner.orders import GROUND, TEMPLATES, an_instance

LIVE = pytest.param("live", marks=pytest.mark.cluster)


@pytest.fixture(scope="module", params=["simulated", "simulated-file", LIVE])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if request.param == "simulated":
        yield simulated()
    elif request.param == "simulated-file":
        yield simulated(tmp_path_factory.mktemp("world") / "world.json")
    else:
        with live(Path(tmp_path_factory.mktemp("provisioner"))) as made:
            yield made


@pytest.fixture
def wanted(request: pytest.FixtureRequest, site: Site) -> Iterator[Wanted]:
    """A WordPress, or the template that the test names; cleared away afterwards."""
    made = _unique(getattr(request, "param", "wordpress"))
    yield made
    reconcile.remove(site.cluster, made, now=site.now())  # that it goes to its end has a test of its own


def _unique(template: str, **facts: Any) -> Wanted:
    number = secrets.token_hex(4)
    return an_instance(TEMPLATES[template], instance_id=f"ins_{number}", namespace=f"c-test-{number}", **facts)


@pytest.mark.parametrize("wanted", ["container", "ghost", "mattermost", "n8n", "wordpress"], indirect=True)
def test_a_template_comes_to_stand(site: Site, wanted: Wanted) -> None:
    outcome = site.converge(wanted)
    assert isinstance(outcome, Done), outcome
    for step in desired(wanted):
        for one in step.objects:
            assert site.cluster.read(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) is not None
    held = reconcile.credentials(site.cluster, wanted)
    assert held.keys() == wanted.template.secrets.keys()
    assert reconcile.plan(site.cluster, wanted) == ((), ())
    again = reconcile.advance(site.cluster, wanted, drawn=dict, now=site.now())
    assert again == Done()
    assert reconcile.credentials(site.cluster, wanted) == held


def test_what_somebody_changed_is_repaired(site: Site, wanted: Wanted) -> None:
    assert isinstance(site.converge(wanted), Done)
    (web,) = (one for step in desired(wanted) for one in step.objects if one["kind"] == "Deployment" and _name(one) == "web")
    changed = {**web, "spec": {**web["spec"], "replicas": 0}}
    site.somebody(changed)
    todo, against = reconcile.plan(site.cluster, wanted)
    assert [(one.verb, one.kind, [d.path for d in one.differences]) for one in todo] == [
        (Verb.UPDATE, "Deployment", ["spec.replicas"])
    ]
    assert against == ()
    outcome = site.converge(wanted)
    assert isinstance(outcome, Done)
    found = site.cluster.read("Deployment", wanted.namespace, "web")
    assert found is not None
    assert found["spec"]["replicas"] == 1


def test_stopping_and_starting_keeps_what_is_on_the_volumes(site: Site, wanted: Wanted) -> None:
    site.converge(wanted)
    held = reconcile.credentials(site.cluster, wanted)
    claim = site.cluster.read("PersistentVolumeClaim", wanted.namespace, "site")
    assert claim is not None
    assert isinstance(site.converge(replace(wanted, running=False)), Done)
    stopped = site.cluster.read("Deployment", wanted.namespace, "web")
    assert stopped is not None
    assert stopped["spec"]["replicas"] == 0
    assert isinstance(site.converge(wanted), Done)
    after = site.cluster.read("PersistentVolumeClaim", wanted.namespace, "site")
    assert after is not None
    assert after["metadata"]["uid"] == claim["metadata"]["uid"]
    assert reconcile.credentials(site.cluster, wanted) == held


def test_a_smaller_volume_is_refused_before_anything_is_written(site: Site, wanted: Wanted) -> None:
    bigger = replace(wanted, plan=wanted.template.plans[1])
    site.converge(bigger)
    outcome = reconcile.advance(site.cluster, wanted, drawn=dict, now=site.now())
    assert isinstance(outcome, Blocked)
    assert {one.danger for one in outcome.objections} == {Danger.SHRINK}
    quota = site.cluster.read("ResourceQuota", wanted.namespace, "plan")
    assert quota is not None
    assert quota["spec"]["hard"]["requests.storage"] == bigger.plan.storage


def test_somebody_elses_namespace_is_not_touched(site: Site, wanted: Wanted) -> None:
    site.converge(wanted)
    other = replace(wanted, instance_id="ins_other")
    outcome = reconcile.advance(site.cluster, other, drawn=dict, now=site.now())
    assert isinstance(outcome, Blocked)
    assert outcome.objections[0].danger is Danger.FOREIGN
    assert isinstance(reconcile.remove(site.cluster, other, now=site.now()), Blocked)
    assert reconcile.credentials(site.cluster, other) == {}


def test_a_secret_is_made_once_and_cannot_be_changed(site: Site, wanted: Wanted) -> None:
    site.cluster.apply(desired(wanted)[0].objects[0])
    site.cluster.apply(desired(wanted)[0].objects[1])
    assert _eventually_create(site, sealed(wanted, {"database-password": "one"}))
    assert not site.cluster.create(sealed(wanted, {"database-password": "two"}))
    assert reconcile.credentials(site.cluster, wanted) == {"database-password": "one"}


def test_what_is_more_than_the_quota_is_refused_with_that_reason(site: Site, wanted: Wanted) -> None:
    site.converge(wanted)
    (claim,) = (one for step in desired(wanted) for one in step.objects if _name(one) == "site")
    more = {**claim, "metadata": {**claim["metadata"], "name": "more"}}
    with pytest.raises(Rejected) as refused:
        site.cluster.apply(more)
    assert refused.value.rejection is Rejection.QUOTA
    assert not refused.value.retryable


def test_pods_that_are_not_restricted_are_refused_and_said(site: Site, wanted: Wanted) -> None:
    site.converge(wanted)
    (web,) = (one for step in desired(wanted) for one in step.objects if one["kind"] == "Deployment" and _name(one) == "web")
    spec = web["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    loose = {**container, "securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}
    template = {**web["spec"]["template"], "spec": {**spec, "containers": [loose]}}
    site.cluster.apply({**web, "spec": {**web["spec"], "template": template}})
    for _ in range(40):
        found = site.cluster.read("Deployment", wanted.namespace, "web")
        assert found is not None
        said = [one["message"] for one in found["status"].get("conditions", ()) if one["type"] == "ReplicaFailure"]
        if said:
            break
        site.wait(reconcile.POLL / 4)
    assert "violates PodSecurity" in said[0]
    assert isinstance(site.converge(wanted), Done)


def test_a_crashing_app_is_waited_for_and_then_blocked(site: Site) -> None:
    wanted = _unique("container", parameters={"image": "example/app:sim-fault-crash-1"})
    short = replace(wanted, template=wanted.template.model_copy(update={"ready_within_seconds": 30}))
    try:
        outcome = site.converge(short)
        assert isinstance(outcome, Blocked), outcome
        assert "not ready within" in outcome.reason
    finally:
        reconcile.remove(site.cluster, wanted, now=site.now())


def test_an_absent_namespace_and_an_ending_one(site: Site) -> None:
    wanted = _unique("wordpress")
    steps = desired(wanted)
    with pytest.raises(Rejected) as refused:
        site.cluster.apply(steps[1].objects[0])
    assert refused.value.rejection in (Rejection.ABSENT, Rejection.FORBIDDEN)
    assert reconcile.remove(site.cluster, wanted, now=site.now()) == Done()
    site.converge(wanted)
    assert isinstance(reconcile.remove(site.cluster, wanted, now=site.now()), Waiting)
    outcome = reconcile.advance(site.cluster, wanted, drawn=dict, now=site.now())
    if not isinstance(outcome, Done):
        assert isinstance(outcome, Waiting)
        assert "deleted" in outcome.reason
    site.clear(wanted)
    assert site.cluster.read("Namespace", None, wanted.namespace) is None


def test_the_account_may_do_nothing_outside_of_apps(site: Site, request: pytest.FixtureRequest) -> None:
    if "simulated" in request.node.name:
        wanted = an_instance(TEMPLATES["container"], namespace="c-none")
        assert site.cluster.read("Namespace", None, wanted.namespace) is None
        return
    outside = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine", "labels": {}}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c-open", "labels": {"app.kubernetes.io/managed-by": "x"}}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "labels": {"a": "b"}}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "mine", "namespace": "kube-system"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "moorage-provisioner-inside"},
            "subjects": [{"kind": "ServiceAccount", "name": "moorage-provisioner", "namespace": "moorage"}],
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "mine", "namespace": "default"}, "spec": {}},
    ]
    for one in outside:
        with pytest.raises(Rejected) as refused:
            site.cluster.apply(one)
        assert refused.value.rejection in (Rejection.FORBIDDEN, Rejection.ADMISSION), one
    for ask in (lambda: site.cluster.read("Secret", "kube-system", "x"), lambda: site.cluster.delete("Namespace", None, "default")):
        with pytest.raises(Rejected):
            ask()


def _name(one: dict[str, Any]) -> str:
    return str(one["metadata"]["name"])


def _eventually_create(site: Site, one: dict[str, Any]) -> bool:
    """Rights in a new namespace take a moment to be known to every part of the API server."""
    for _ in range(40):
        try:
            return site.cluster.create(one)
        except Rejected:
            site.wait(reconcile.POLL / 8)
    return False


def test_every_template_is_taken_by_the_cluster(site: Site) -> None:
    """`moorage catalogue check`: nothing but the namespace of the check is written, and it goes again."""
    number = secrets.token_hex(4)
    for template in TEMPLATES.values():
        namespace = f"c-check-{number}-{template.id}"
        found = list(check(template, ground=GROUND, cluster=site.cluster, namespace=namespace, pause=moment(site)))
        assert [one.plan for one in found] == [plan.name for plan in template.plans]
        assert [one.refused for one in found] == [()] * len(found)
        assert site.cluster.read("Deployment", namespace, "web") is None
        clear(site.cluster, namespace)
    clear(site.cluster, "kube-system")
    assert "simulated" in type(site.cluster).__module__ or site.cluster.read("Namespace", None, "kube-system") is not None


def test_what_a_cluster_would_refuse_is_said(site: Site) -> None:
    namespace = f"c-check-{secrets.token_hex(4)}"
    container = TEMPLATES["container"]
    wrong = container.model_copy(update={"exposes": "no_label"})
    (component,) = container.components
    wrong = wrong.model_copy(update={"components": (component.model_copy(update={"name": "no_label"}),)})
    try:
        (first, *_) = check(wrong, ground=GROUND, cluster=site.cluster, namespace=namespace, pause=moment(site))
        if "simulated" not in type(site.cluster).__module__:  # names are the API server's business
            assert {what for what, _ in first.refused} >= {"Service no_label", "Deployment no_label"}
    finally:
        clear(site.cluster, namespace)


def moment(site: Site) -> Callable[[], None]:
    return lambda: site.wait(reconcile.POLL / 8)
