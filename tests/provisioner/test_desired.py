"""The rendered objects: walls first, entrance last, nothing that Pod Security restricted or the plan's quota would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from models.domain.errors import Invalid
from provisioner.catalogue import Plan, Template
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.desired import Phase, desired, digest
from provisioner.labels import MANAGER, Object
from provisioner.wanted import Wanted
from tests.provisioner.orders import EVERY, NAMES, TEMPLATES, an_instance

every = pytest.mark.parametrize(("template", "plan"), EVERY, ids=NAMES)


def objects(wanted: Wanted) -> list[Object]:
    return [one for step in desired(wanted) for one in step.objects]


def pods(wanted: Wanted) -> Iterator[tuple[Object, Object]]:
    """Object and its pod spec."""
    for one in objects(wanted):
        if one["kind"] in ("Deployment", "Job"):
            yield one, one["spec"]["template"]["spec"]


def environment(container: Object) -> dict[str, object]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


@every
def test_order_and_ownership(template: Template, plan: Plan) -> None:
    wanted = an_instance(template, plan)
    steps = desired(wanted)
    assert [step.phase for step in steps] == sorted((step.phase for step in steps), key=list(Phase).index)
    assert steps[0].objects[0]["kind"] == "Namespace"
    assert steps[-1].objects[0]["kind"] == "Ingress"
    names = [(one["kind"], one["metadata"]["name"]) for one in objects(wanted)]
    assert len(names) == len(set(names))
    for one in objects(wanted):
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == MANAGER
        assert labels["moorage.dev/instance"] == wanted.instance_id
        assert labels["moorage.dev/organization"] == wanted.organization_id
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == wanted.namespace


@every
def test_every_pod_is_restricted(template: Template, plan: Plan) -> None:
    """The conditions of the Pod Security Standard `restricted`, and those of ours beyond it."""
    for _, spec in pods(an_instance(template, plan)):
        security = spec["securityContext"]
        assert security["runAsNonRoot"]
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {one["name"] for one in security.get("sysctls", ())} <= {"net.ipv4.ip_unprivileged_port_start"}
        assert not spec["automountServiceAccountToken"]
        assert not spec["enableServiceLinks"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all(volume.keys() - {"name"} <= {"persistentVolumeClaim", "emptyDir", "secret"} for volume in spec["volumes"])
        assert {(one["key"], one["tolerationSeconds"]) for one in spec["tolerations"]} == {
            ("node.kubernetes.io/not-ready", 30),
            ("node.kubernetes.io/unreachable", 30),
        }
        for container in spec["containers"]:
            context = container["securityContext"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in context
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert "host" not in container.get(probe, {}).get("httpGet", {})


@every
def test_all_of_it_fits_into_the_quota(template: Template, plan: Plan) -> None:
    wanted = an_instance(template, plan)
    hard = next(one for one in objects(wanted) if one["kind"] == "ResourceQuota")["spec"]["hard"]
    limit = next(one for one in objects(wanted) if one["kind"] == "LimitRange")["spec"]["limits"][0]["max"]
    cores, memory, steps = Decimal(0), 0, [(Decimal(0), 0)]
    for one, spec in pods(wanted):
        for container in spec["containers"]:
            most = container["resources"]["limits"]
            assert cores_of(most["cpu"]) <= cores_of(limit["cpu"])
            assert bytes_of(most["memory"]) <= bytes_of(limit["memory"])
            if one["kind"] == "Deployment":
                cores += cores_of(most["cpu"]) * one["spec"]["replicas"]
                memory += bytes_of(most["memory"]) * one["spec"]["replicas"]
            else:
                steps.append((cores_of(most["cpu"]), bytes_of(most["memory"])))
    assert cores > 0
    assert memory > 0
    for cores_beside, memory_beside in steps:
        assert cores + cores_beside <= cores_of(hard["limits.cpu"])
        assert memory + memory_beside <= bytes_of(hard["limits.memory"])
    assert memory <= bytes_of(plan.memory)
    claimed = sum(
        bytes_of(one["spec"]["resources"]["requests"]["storage"])
        for one in objects(wanted)
        if one["kind"] == "PersistentVolumeClaim"
    )
    assert claimed <= bytes_of(hard["requests.storage"]) == bytes_of(plan.storage)
    assert hard["services.nodeports"] == hard["services.loadbalancers"] == "0"


@every
def test_the_same_instance_is_the_same_text(template: Template, plan: Plan) -> None:
    wanted = an_instance(template, plan)
    assert digest(desired(wanted)) == digest(desired(replace(wanted)))
    assert digest(desired(wanted)) != digest(desired(replace(wanted, running=False)))


def test_a_stopped_instance_has_no_copies_and_no_setup() -> None:
    wanted = an_instance(TEMPLATES["wordpress"], running=False)
    assert {one["spec"]["replicas"] for one, _ in pods(wanted)} == {0}
    assert Phase.SETUP not in [step.phase for step in desired(wanted)]
    assert [one["kind"] for one in objects(wanted)].count("PersistentVolumeClaim") == 2


def test_secrets_are_named_and_never_written() -> None:
    for _, spec in pods(an_instance(TEMPLATES["ghost"])):
        for container in spec["containers"]:
            assert "${secret" not in json.dumps(container)
            found = environment(container)
            if container["name"] == "web":
                assert found["database__connection__password"] == {"secretKeyRef": {"name": "secrets", "key": "database-password"}}
            if container["name"] == "database":
                assert found["MYSQL_PASSWORD_FILE"] == "/run/secrets/moorage/database-password"


def test_what_people_wrote_is_not_expanded() -> None:
    """Kubernetes expands `$(NAME)` in values; a name or a variable of a customer's stays as it was written."""
    wanted = an_instance(
        TEMPLATES["container"], parameters={"image": "a/b:1", "environment": {"PORT": "$(HOME)", "KEY": "${secret.x} ${host}"}}
    )
    (_, spec), *_ = pods(wanted)
    found = environment(spec["containers"][0])
    assert found["PORT"] == "$$(HOME)"
    assert found["KEY"] == "${secret.x} ${host}"
    assert found["PUBLIC_URL"] == "https://kopi.container.apps.example"
    assert len(spec["containers"][0]["env"]) == len(found)
    (_, ghost), *_ = [(one, spec) for one, spec in pods(an_instance(TEMPLATES["ghost"])) if one["kind"] == "Job"]
    assert environment(ghost["containers"][0])["MOORAGE_ORGANIZATION"] == "Kopi $$(whoami) Senja"


def test_copies_are_spread_and_paid_for() -> None:
    wanted = an_instance(TEMPLATES["container"], parameters={"image": "a/b:1", "copies": 3})
    (one, spec), *_ = pods(wanted)
    assert one["spec"]["replicas"] == 3
    assert spec["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"


def test_volumes_are_written_by_one_pod() -> None:
    for one, spec in pods(an_instance(TEMPLATES["wordpress"])):
        if one["kind"] == "Deployment":
            assert one["spec"]["strategy"] == {"type": "Recreate"}
        else:
            (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "web"


def test_the_internet_is_without_private_networks_and_nodes() -> None:
    policy = next(one for one in objects(an_instance(TEMPLATES["n8n"])) if one["metadata"]["name"] == "internet")
    (block,) = policy["spec"]["egress"][0]["to"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "203.0.113.11/32"} <= set(block["ipBlock"]["except"])
    assert 25 not in [port["port"] for port in policy["spec"]["egress"][0]["ports"]]


def test_a_changed_step_is_another_job() -> None:
    one = an_instance(TEMPLATES["wordpress"])
    names = [
        found["metadata"]["name"]
        for wanted in (one, replace(one, host="other.example"))
        for found in objects(wanted)
        if found["kind"] == "Job"
    ]
    assert len(set(names)) == 2


def test_only_namespaces_of_apps() -> None:
    with pytest.raises(Invalid, match="c-"):
        desired(an_instance(TEMPLATES["n8n"], namespace="kube-system"))


def test_own_domains_have_an_entrance_and_a_certificate_each() -> None:
    wanted = an_instance(TEMPLATES["container"], domains=("shop.example.com", "kopi.example"))
    entrances = [one for one in objects(wanted) if one["kind"] == "Ingress"]
    assert [one["spec"]["rules"][0]["host"] for one in entrances] == [wanted.host, "shop.example.com", "kopi.example"]
    assert "annotations" not in entrances[1]["metadata"]
    assert entrances[1]["spec"]["tls"] == [{"hosts": ["shop.example.com"]}]
    issued = replace(wanted, ground=replace(wanted.ground, certificate_issuer="letsencrypt"))
    own = [one for one in objects(issued) if one["kind"] == "Ingress"][1:]
    assert [one["metadata"]["annotations"] for one in own] == [{"cert-manager.io/cluster-issuer": "letsencrypt"}] * 2
    assert len({one["spec"]["tls"][0]["secretName"] for one in own}) == 2
