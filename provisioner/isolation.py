"""The walls around an instance: namespace with Pod Security restricted, quota, limits, and what the network lets through.

Sources: Kubernetes' Pod Security Standards (restricted), CIS Kubernetes Benchmark 5.1-5.7, and what a control plane of 1.36 was seen to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from models.domain.components import Keeping
from provisioner.catalogue.addons import Beside
from provisioner.catalogue.listed import Listed
from provisioner.catalogue.quantities import bytes_of, cores_of, cpu, size
from provisioner.catalogue.schema import Component
from provisioner.labels import COMPONENT, EXPOSED, INTERNET, MANAGER, Object, common, made
from provisioner.wanted import Wanted, resolved

PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "198.18.0.0/15",
    "127.0.0.0/8",
    "0.0.0.0/8",
)
"""Networks that are nobody's on the internet: pods, services, the machines' own network, cloud metadata (RFC 6890)."""
OPEN_TCP = (80, 443, 465, 587, 993, 995)
"""Where an app may connect on the internet. Port 25 is not among them: whoever sends spam ruins the address for all."""
INSIDE = "moorage-provisioner-inside"
"""Cluster role of what the provisioner may do in an app's namespace."""
SETUP_CPU, SETUP_MEMORY = Decimal("0.5"), 256 << 20
"""Room that setup and backup Jobs have beside the app."""
NOTICE_CPU, NOTICE_MEMORY = Decimal("0.1"), 32 << 20
"""Room of the page of a suspended app, which stands until the app that comes back is set up."""


def walls(wanted: Wanted) -> Iterator[Object]:
    """Everything that must stand before a workload comes in, in the order in which it is applied."""
    yield namespace(wanted)
    yield rights(wanted)
    yield made(wanted, "ServiceAccount", "v1", "app", {"automountServiceAccountToken": False})
    yield quota(wanted)
    yield limits(wanted)
    yield from policies(wanted)


def namespace(wanted: Wanted) -> Object:
    version = wanted.ground.pod_security_version
    security = {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", "restricted"), ("-version", version))
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": wanted.namespace, "labels": common(wanted) | security}}


def rights(wanted: Wanted) -> Object:
    """The provisioner's own rights inside the namespace: it has none in any other (`deploy/provisioner.yaml`)."""
    group = "rbac.authorization.k8s.io"
    body = {
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": INSIDE},
        "subjects": [{"kind": "ServiceAccount", "name": MANAGER, "namespace": wanted.ground.platform_namespace}],
    }
    return made(wanted, "RoleBinding", f"{group}/v1", MANAGER, body)


def quota(wanted: Wanted) -> Object:
    """The plan and what was added as a hard limit, with room for one Job beside the app and for the second pod of a rolling change."""
    copies = max(1, int(wanted.parameters.get("copies", 1)))
    beside = [component for component in wanted.template.components if isinstance(component, Beside)]
    own = [component for component in wanted.template.components if not isinstance(component, Beside)]
    kept = [one.addon.component for one in wanted.additions if one.keeping is Keeping.KEPT]
    listed = [component for component in own if isinstance(component, Listed)]

    def pods_of(one: Component) -> int:
        return int(resolved(wanted, str(one.copies))) if one in listed else copies

    # whoever has no volume is changed by starting the new pod beside the old one
    turning = [(pods_of(one) * (2 if not one.volumes else 1), one) for one in own]
    cores = cores_of(wanted.plan.cpu) * sum(times * Decimal(str(one.cpu_share)) for times, one in turning)
    shares = sum(times * Decimal(str(one.memory_share)) for times, one in turning)
    memory = int(bytes_of(wanted.plan.memory) * shares)
    # also of what was taken away: while its pods end, the app's new ones come
    for one in (placed.addon.component for placed in wanted.additions):
        cores += cores_of(one.cpu) * (1 if one.volumes else 2)
        memory += bytes_of(one.memory) * (1 if one.volumes else 2)
    volumes = sum(len(component.volumes) for component in (*own, *beside, *kept))
    storage = bytes_of(wanted.plan.storage) + sum(bytes_of(one.storage) for one in (*beside, *kept) if one.volumes)
    pods = (sum(map(pods_of, own)) + len(wanted.additions) * copies) * 2 + 4
    # a listed one that was given another name stands beside its successor for a moment
    workloads = len(own) + len(listed) + len(wanted.additions)
    hard = {
        "requests.cpu": cpu(cores + SETUP_CPU + NOTICE_CPU),
        "requests.memory": size(memory + SETUP_MEMORY + NOTICE_MEMORY),
        "limits.cpu": cpu(cores + SETUP_CPU + NOTICE_CPU),
        "limits.memory": size(memory + SETUP_MEMORY + NOTICE_MEMORY),
        "requests.ephemeral-storage": f"{max(8, pods // 4)}Gi",
        "limits.ephemeral-storage": f"{max(16, pods * 2)}Gi",
        "requests.storage": size(storage),
        "persistentvolumeclaims": str(volumes),
        "pods": str(pods),
        "services": str(workloads + 2),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
        "count/secrets": "20",
        "count/configmaps": "20",
        "count/jobs.batch": "20",
        "count/cronjobs.batch": "5",
        "count/deployments.apps": str(workloads + 4),
    }
    return made(wanted, "ResourceQuota", "v1", "plan", {"spec": {"hard": hard}})


def limits(wanted: Wanted) -> Object:
    """Defaults for containers that say nothing (a quota refuses those otherwise), and the largest that one may be."""
    beside = [one for one in wanted.template.components if isinstance(one, Beside)]
    disks = [one.addon.component.storage for one in wanted.additions if one.addon.component.volumes]
    container = {
        "type": "Container",
        "defaultRequest": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
        "default": {"cpu": "250m", "memory": "128Mi", "ephemeral-storage": "1Gi"},
        "max": {
            "cpu": cpu(max(cores_of(wanted.plan.cpu), SETUP_CPU, *(cores_of(one.cpu) for one in beside))),
            "memory": size(max(bytes_of(wanted.plan.memory), SETUP_MEMORY, *(bytes_of(one.memory) for one in beside))),
            "ephemeral-storage": "4Gi",
        },
    }
    largest = max(wanted.plan.storage, *disks, key=bytes_of) if disks else wanted.plan.storage
    claim = {"type": "PersistentVolumeClaim", "min": {"storage": "100Mi"}, "max": {"storage": largest}}
    return made(wanted, "LimitRange", "v1", "plan", {"spec": {"limits": [container, claim]}})


def policies(wanted: Wanted) -> Iterator[Object]:
    """Nothing goes in or out but names, the ingress to what is exposed, the app's own parts, and the internet where it may."""
    ground = wanted.ground
    everything: Object = {}
    both = ["Ingress", "Egress"]
    yield _policy(wanted, "deny-all", {"podSelector": everything, "policyTypes": both})
    names = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    yield _policy(
        wanted, "names", {"podSelector": everything, "policyTypes": ["Egress"], "egress": [{"to": [names], "ports": ports}]}
    )
    entrance = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ground.ingress_namespace}},
        "podSelector": {"matchLabels": dict(ground.ingress_labels)},
    }
    yield _policy(
        wanted,
        "from-ingress",
        {
            "podSelector": {"matchLabels": {EXPOSED: "http"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [entrance], "ports": [{"protocol": "TCP", "port": "http"}]}],
        },
    )
    own = [{"podSelector": everything}]
    yield _policy(
        wanted,
        "inside",
        {"podSelector": everything, "policyTypes": both, "ingress": [{"from": own}], "egress": [{"to": own}]},
    )
    block = {"cidr": "0.0.0.0/0", "except": sorted({*PRIVATE, *ground.forbidden_networks})}
    outside = [{"protocol": "TCP", "port": port} for port in OPEN_TCP]
    outside += [{"protocol": "TCP", "port": 8000, "endPort": 9999}, {"protocol": "UDP", "port": 443}]
    yield _policy(
        wanted,
        "internet",
        {
            "podSelector": {"matchLabels": {INTERNET: "yes"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": block}], "ports": outside}],
        },
    )


def disruption(wanted: Wanted, component: str) -> Object:
    """One pod at a time may be moved away; with `minAvailable: 1` a single one would block every drain of its node."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {COMPONENT: component}},
    }
    return made(wanted, "PodDisruptionBudget", "policy/v1", component, {"spec": spec})


def _policy(wanted: Wanted, name: str, spec: Object) -> Object:
    return made(wanted, "NetworkPolicy", "networking.k8s.io/v1", name, {"spec": spec})
