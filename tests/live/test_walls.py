"""Attacks on an app's namespace over the real API: by the cluster's administrator, by the provisioner's account, as the app itself.

The administrator stands for anybody who got further than they should: what the namespace refuses to them, it refuses to all.
"""

from __future__ import annotations

import copy
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collectors.sources.kubernetes_connection import Connection
from provisioner import reconcile
from provisioner.labels import MANAGER
from provisioner.reconcile import Done
from provisioner.wanted import Wanted
from tests.live.conftest import until
from tests.provisioner.grounds import Site, command, kubectl, live
from tests.provisioner.orders import TEMPLATES, an_instance

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
MERGE, JSON = "application/merge-patch+json", "application/json"


@dataclass
class Attacked:
    """An app as it is rendered, and the provisioner's own token to do evil with."""

    site: Site
    wanted: Wanted
    stolen: Connection

    @property
    def space(self) -> str:
        return self.wanted.namespace

    def as_provisioner(self, method: str, path: str, body: Any = None, content_type: str = JSON) -> tuple[int, str]:
        """Nothing stays where an attack comes through: it is a dry run, but for what has none."""
        query = [("dryRun", "All")] if method != "GET" else []
        status, content = self.stolen.exchange(method, path, query, body, content_type)
        return status, content.decode()

    def as_administrator(self, wanted: Any) -> str:
        """What the API answers to a server-side dry run; empty when it would take it."""
        done = subprocess.run(
            [*command(), "create", "--dry-run=server", "-f", "-"],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = Path(tmp_path_factory.mktemp("walls"))
    number = secrets.token_hex(4)
    wanted = an_instance(TEMPLATES["wordpress"], instance_id=f"ins_{number}", namespace=f"c-walls-{number}")
    with live(folder) as site:
        assert isinstance(site.converge(wanted), Done)
        connection = Connection(folder / "kubeconfig")
        yield Attacked(site, wanted, connection)
        connection.close()
        reconcile.remove(site.cluster, wanted, now=site.now())


def a_pod(space: str) -> dict[str, Any]:
    """One that the namespace takes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "evil", "namespace": space},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": "busybox:1.37",
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "16Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def with_spec(**facts: Any) -> Any:
    return lambda pod: pod["spec"].update(facts)


def with_container(**facts: Any) -> Any:
    return lambda pod: pod["spec"]["containers"][0].update(facts)


def with_security(**facts: Any) -> Any:
    return lambda pod: pod["spec"]["containers"][0]["securityContext"].update(facts)


PODS = {
    "privileged": with_security(privileged=True, allowPrivilegeEscalation=True),
    "escalation": with_security(allowPrivilegeEscalation=True),
    "host path": with_spec(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "host network": with_spec(hostNetwork=True),
    "host processes": with_spec(hostPID=True),
    "host memory": with_spec(hostIPC=True),
    "host port": with_container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "root": with_security(runAsUser=0, runAsNonRoot=False),
    "network administrator": with_security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    "raw packets": with_security(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
    "kept capabilities": with_security(capabilities={}),
    "no seccomp": with_security(seccompProfile={"type": "Unconfined"}),
    "unmasked proc": lambda pod: (with_spec(hostUsers=False)(pod), with_security(procMount="Unmasked")(pod)),
    "kernel setting": with_spec(
        securityContext={"runAsNonRoot": True, "runAsUser": 1000, "sysctls": [{"name": "kernel.msgmax", "value": "1"}]}
    ),
    "network storage": with_spec(volumes=[{"name": "far", "nfs": {"server": "10.0.0.1", "path": "/"}}]),
    "probe elsewhere": with_container(livenessProbe={"httpGet": {"host": "169.254.169.254", "path": "/", "port": 80}}),
}


@pytest.mark.parametrize("attack", PODS)
def test_a_pod_that_reaches_for_the_node_is_refused(attacked: Attacked, attack: str) -> None:
    tame = a_pod(attacked.space)
    assert attacked.as_administrator(tame) == ""
    evil = copy.deepcopy(tame)
    PODS[attack](evil)
    assert 'violates PodSecurity "restricted' in attacked.as_administrator(evil)


def test_more_than_the_plan_is_refused(attacked: Attacked) -> None:
    tame = a_pod(attacked.space)
    large = copy.deepcopy(tame)
    large["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "8", "memory": "16Mi"},
        "limits": {"cpu": "8", "memory": "16Mi"},
    }
    assert "maximum cpu usage per Container" in attacked.as_administrator(large)
    full = copy.deepcopy(tame)
    # each within its own limit, together with the app beyond the plan
    whole = {"cpu": "10m", "memory": attacked.wanted.plan.memory}
    full["spec"]["containers"][0]["resources"] = {"requests": whole, "limits": whole}
    assert "exceeded quota: plan" in attacked.as_administrator(full)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "evil", "namespace": attacked.space},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    assert "exceeded quota: plan" in attacked.as_administrator(claim)


def a_service(space: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "evil", "namespace": space},
        "spec": {"ports": ports, "selector": {"a": "b"}} | spec,
    }


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_no_service_opens_a_port_on_the_nodes(attacked: Attacked, kind: str) -> None:
    assert attacked.as_administrator(a_service(attacked.space)) == ""
    assert "exceeded quota: plan" in attacked.as_administrator(a_service(attacked.space, type=kind))
    status, said = attacked.as_provisioner("POST", inside(attacked, "services"), a_service(attacked.space, type=kind))
    assert status in (403, 422), said


def inside(attacked: Attacked, kind: str, group: str = "") -> str:
    return f"{group or '/api/v1'}/namespaces/{attacked.space}/{kind}"


RBAC, APPS = "/apis/rbac.authorization.k8s.io/v1", "/apis/apps/v1"


def a_binding(space: str, role: str, *subjects: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "evil", "namespace": space},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }


ITSELF = {"kind": "ServiceAccount", "name": MANAGER, "namespace": "moorage"}


def test_the_provisioner_widens_no_namespace(attacked: Attacked) -> None:
    """With its token in the wrong hands the walls of an app stay as they are."""
    own = f"/api/v1/namespaces/{attacked.space}"
    level = "pod-security.kubernetes.io/enforce"
    for labels in (
        {level: "privileged"},
        {level: "baseline"},
        {level: None},
        {f"{level}-version": "v1.0"},
        {"app.kubernetes.io/managed-by": None},
        {"app.kubernetes.io/managed-by": "somebody"},
    ):
        refused(attacked.as_provisioner("PATCH", own, {"metadata": {"labels": labels}}, MERGE), labels)
    for name, labels in (("evil", {}), ("c-evil", {level: "privileged"}), ("kube-evil", None)):
        known = {"app.kubernetes.io/managed-by": MANAGER, level: "restricted"} | (labels or {})
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": known}}
        refused(attacked.as_provisioner("POST", "/api/v1/namespaces", space), name)


def test_the_provisioner_gives_no_rights_away(attacked: Attacked) -> None:
    app = {"kind": "ServiceAccount", "name": "app", "namespace": attacked.space}
    everybody = {"kind": "Group", "name": "system:authenticated", "apiGroup": "rbac.authorization.k8s.io"}
    bindings = inside(attacked, "rolebindings", RBAC)
    for role, subjects in (
        ("cluster-admin", (ITSELF,)),
        ("admin", (app,)),
        ("moorage-provisioner-inside", (app,)),
        ("moorage-provisioner-inside", (ITSELF, everybody)),
    ):
        refused(attacked.as_provisioner("POST", bindings, a_binding(attacked.space, role, *subjects)), role, subjects)
    fine = a_binding(attacked.space, "moorage-provisioner-inside", ITSELF)
    assert attacked.as_provisioner("POST", bindings, fine)[0] == 201
    whole = {**a_binding("", "cluster-admin", ITSELF), "kind": "ClusterRoleBinding", "metadata": {"name": "evil"}}
    refused(attacked.as_provisioner("POST", f"{RBAC}/clusterrolebindings", whole), "cluster-admin for all")
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    for name in ("moorage-provisioner", "moorage-provisioner-inside"):
        refused(attacked.as_provisioner("PATCH", f"{RBAC}/clusterroles/{name}", {"rules": [rule]}, MERGE), name)
    policies = "/apis/admissionregistration.k8s.io/v1"
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        refused(attacked.as_provisioner("DELETE", f"{policies}/{kind}/moorage-provisioner"), kind)


def test_the_provisioner_does_nothing_outside_of_apps(attacked: Attacked) -> None:
    service = a_service("default")
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "evil", "namespace": "kube-system"}}
    binding = a_binding("kube-system", "moorage-provisioner-inside", ITSELF)
    for method, path, body in (
        ("GET", "/api/v1/secrets", None),
        ("GET", "/api/v1/namespaces/kube-system/secrets", None),
        ("GET", "/api/v1/namespaces/moorage/secrets", None),
        ("GET", "/api/v1/namespaces/kube-system/pods/any/log", None),
        ("POST", "/api/v1/namespaces/kube-system/pods/any/exec?command=id", None),
        ("GET", "/api/v1/namespaces/moorage/pods/any/exec?command=id", None),
        ("POST", "/api/v1/namespaces/default/services", service),
        ("POST", "/api/v1/namespaces/moorage/services", a_service("moorage")),
        ("POST", f"{APPS}/namespaces/kube-system/deployments", deployment),
        ("POST", f"{RBAC}/namespaces/kube-system/rolebindings", binding),
        ("POST", f"{RBAC}/namespaces/moorage/rolebindings", {**binding, "metadata": {"name": "evil", "namespace": "moorage"}}),
        ("DELETE", "/api/v1/namespaces/default", None),
        ("DELETE", "/api/v1/namespaces/moorage", None),
        ("PATCH", "/api/v1/namespaces/kube-system", {"metadata": {"labels": {"app.kubernetes.io/managed-by": MANAGER}}}),
        ("PATCH", "/api/v1/nodes/node-1", {"metadata": {"labels": {"a": "b"}}}),
        ("POST", "/api/v1/namespaces/kube-system/serviceaccounts/traefik/token", {"spec": {}}),
    ):
        refused(attacked.as_provisioner(method, path, body, MERGE if method == "PATCH" else JSON), method, path)


def test_the_provisioner_goes_into_no_app(attacked: Attacked) -> None:
    """It makes what an app consists of and runs the programs of its backups there; nothing else is its business."""
    pod = a_pod(attacked.space)
    for method, path, body in (
        ("POST", inside(attacked, "pods"), pod),
        ("GET", inside(attacked, "pods/evil/attach"), None),
        ("GET", inside(attacked, "pods/evil/portforward"), None),
        ("GET", inside(attacked, "pods/evil/proxy"), None),
        ("GET", inside(attacked, "services/web/proxy"), None),
        ("POST", inside(attacked, "serviceaccounts/app/token"), {"spec": {}}),
        ("PATCH", inside(attacked, "secrets/secrets"), {"immutable": False}),
        ("DELETE", inside(attacked, "secrets/secrets"), None),
        ("GET", inside(attacked, "secrets"), None),
        ("POST", inside(attacked, "services"), a_service(attacked.space, externalIPs=["203.0.113.9"])),
        ("POST", inside(attacked, "services"), a_service(attacked.space, type="ExternalName", externalName="other.example")),
    ):
        refused(attacked.as_provisioner(method, path, body, MERGE if method == "PATCH" else JSON), method, path)


def test_a_deployment_cannot_bring_in_what_a_pod_may_not_be(attacked: Attacked) -> None:
    web = attacked.site.cluster.read("Deployment", attacked.space, "web")
    assert web is not None
    evil = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "evil", "namespace": attacked.space}}
    template = {"metadata": {"labels": {"evil": "yes"}}, "spec": a_pod(attacked.space)["spec"] | {"hostNetwork": True}}
    attacked.site.cluster.apply(
        evil | {"spec": {"replicas": 1, "selector": {"matchLabels": {"evil": "yes"}}, "template": template}}
    )
    try:

        def refusal() -> str:
            found = attacked.site.cluster.read("Deployment", attacked.space, "evil") or {}
            conditions = (found.get("status") or {}).get("conditions") or ()
            return next((one["message"] for one in conditions if one["type"] == "ReplicaFailure"), "")

        assert "violates PodSecurity" in until(refusal, 60, "the pod is refused")
        pods = json.loads(kubectl("get", "pods", "-n", attacked.space, "-l", "evil=yes", "-o", "json"))["items"]
        assert pods == []
    finally:
        attacked.site.cluster.delete("Deployment", attacked.space, "evil")


def test_the_apps_own_account_may_nothing(attacked: Attacked) -> None:
    """Its token is mounted nowhere; who had one would have got nothing by it."""
    for account in ("app", "default"):
        name = f"system:serviceaccount:{attacked.space}:{account}"
        for verb, what in (("list", "pods"), ("get", "secrets"), ("create", "pods"), ("list", "namespaces"), ("create", "jobs")):
            done = subprocess.run(
                [*command(), "auth", "can-i", verb, what, "-n", attacked.space, "--as", name],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.stdout.strip() == "no", (account, verb, what, done.stderr)
    for pod in attacked.site.cluster.find("Pod", attacked.space, {}):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert not any("projected" in volume for volume in spec.get("volumes", ()))


def refused(answer: tuple[int, str], *what: object) -> None:
    status, said = answer
    assert status in (403, 422), (what, status, said[:300])
