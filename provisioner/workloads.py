"""Pods of an instance: each component as a Deployment with its volumes and service, and setup steps as Jobs.

A component with a volume is a Deployment with strategy Recreate and one ReadWriteOnce claim, not a StatefulSet: after the loss of a node a
StatefulSet waits for its old pod for ever, a Deployment does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from models.domain.components import Keeping
from provisioner.catalogue.addons import Beside
from provisioner.catalogue.listed import Listed
from provisioner.catalogue.quantities import bytes_of, cores_of, cpu, size
from provisioner.catalogue.schema import REFERENCE, Component, Probe, Setup
from provisioner.connections import given, own_variables
from provisioner.isolation import SETUP_CPU, SETUP_MEMORY
from provisioner.labels import COMPONENT, EXPOSED, INTERNET, RESTARTS, STEP, Object, common, made, selector
from provisioner.wanted import Wanted, resolved

SECRETS = "secrets"
"""Name of the Secret that holds the drawn values of an instance; those of an added component are in one of their own beside it."""
SECRET_FOLDER = "/run/secrets/moorage"
SHELL_FOLDER = "/run/moorage"
"""Where the programs of a component's `shell` are."""
_PROGRAMS = "sh cat find grep head rm sleep tar"
NODE_LOSS_SECONDS = 30
"""How long a pod waits for a lost node before it starts elsewhere; Kubernetes' own default is 300."""


def claims(wanted: Wanted) -> Iterator[Object]:
    """Also those of components that do not run any more: what they hold is kept."""
    kept = [one.addon.placed() for one in wanted.additions if one.keeping is Keeping.KEPT]
    for component in (*wanted.template.components, *kept):
        whole = component.storage if isinstance(component, Beside) else wanted.plan.storage
        for volume in component.volumes:
            amount = size(int(bytes_of(whole) * Decimal(str(volume.share))))
            spec: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": amount}}}
            if wanted.ground.storage_class is not None:
                spec["storageClassName"] = wanted.ground.storage_class
            yield made(wanted, "PersistentVolumeClaim", "v1", volume.name, {"spec": spec}, labels={COMPONENT: component.name})


def service(wanted: Wanted, component: Component) -> Object:
    ports = [{"name": "http", "port": _port(wanted, component), "targetPort": "http", "protocol": "TCP"}]
    ports += [{"name": f"inner-{port}", "port": port, "targetPort": port, "protocol": "TCP"} for port in component.inner_ports]
    spec = {"type": "ClusterIP", "selector": selector(wanted, component.name), "ports": ports}
    return made(wanted, "Service", "v1", component.name, {"spec": spec}, labels={COMPONENT: component.name})


def deployment(wanted: Wanted, component: Component) -> Object:
    copies = int(resolved(wanted, str(component.copies)) or 1)
    strategy: Object = {"type": "Recreate"}
    if not component.volumes:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    labels = common(wanted) | selector(wanted, component.name)
    if component.name == wanted.template.exposes or (isinstance(component, Listed) and component.route):
        labels[EXPOSED] = "http"
    if component.internet:
        labels[INTERNET] = "yes"
    pod = _pod(wanted, component, [_container(wanted, component)])
    if copies > 1:
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": selector(wanted, component.name)},
                "matchLabelKeys": ["pod-template-hash"],
            }
        ]
    spec = {
        "replicas": copies if wanted.runs(component.name) else 0,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": wanted.template.ready_within_seconds,
        "strategy": strategy,
        "selector": {"matchLabels": selector(wanted, component.name)},
        "template": {"metadata": _noted(wanted, labels), "spec": pod},
    }
    return made(wanted, "Deployment", "apps/v1", component.name, {"spec": spec}, labels={COMPONENT: component.name})


def keeper(wanted: Wanted, name: str, idle: Setup) -> Object:
    """A pod beside the app with the image, user and volumes of a component, that does nothing; no Service leads to it."""
    component = next(one for one in wanted.template.components if one.name == idle.of)
    pod = _pod(wanted, component, [_container(wanted, component, setup=idle)]) | {"terminationGracePeriodSeconds": 5}
    spec = {
        "replicas": 1,
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": wanted.template.ready_within_seconds,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector(wanted, name)},
        "template": {"metadata": {"labels": common(wanted) | selector(wanted, name)}, "spec": pod},
    }
    return made(wanted, "Deployment", "apps/v1", name, {"spec": spec}, labels={COMPONENT: name})


def _noted(wanted: Wanted, labels: Mapping[str, str]) -> Object:
    """Labels, and the number of restarts once there was one: as with `kubectl rollout restart`, another note is another pod."""
    return {"labels": labels} | ({"annotations": {RESTARTS: str(wanted.restarts)}} if wanted.restarts else {})


def job(wanted: Wanted, step: Setup) -> Object:
    """A setup step. Its name carries a digest of what it does: Jobs are immutable, so a changed step is another Job."""
    component = next(one for one in wanted.template.components if one.name == step.of)
    container = _container(wanted, component, setup=step)
    pod = _pod(wanted, component, [container]) | {"restartPolicy": "OnFailure"}
    if component.volumes:
        pod["affinity"] = {
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": selector(wanted, component.name)}}
                ]
            }
        }
    labels = common(wanted) | {STEP: step.name} | ({INTERNET: "yes"} if component.internet else {})
    digest = hashlib.sha256(json.dumps(pod, sort_keys=True).encode()).hexdigest()[:8]
    spec = {
        "activeDeadlineSeconds": step.seconds,
        "backoffLimit": 6,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return made(wanted, "Job", "batch/v1", f"setup-{step.name}-{digest}", {"spec": spec}, labels={STEP: step.name})


def _port(wanted: Wanted, component: Component) -> int:
    return int(resolved(wanted, str(component.port)))


def _pod(wanted: Wanted, component: Component, containers: list[Object]) -> Object:
    group = component.group if component.group is not None else component.user
    security: Object = {
        "runAsNonRoot": True,
        "runAsUser": component.user,
        "runAsGroup": group,
        "fsGroup": group,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if component.low_port:
        security["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    trial = wanted.plan.trial_days is not None
    pod: Object = {
        "serviceAccountName": "app",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "moorage-trial" if trial else "moorage-paid",
        "terminationGracePeriodSeconds": component.grace_seconds,
        "securityContext": security,
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{state}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": NODE_LOSS_SECONDS,
            }
            for state in ("not-ready", "unreachable")
        ],
        "containers": containers,
        "volumes": _volumes(wanted, component),
    }
    return pod if component.shell is None else pod | {"initContainers": [_shell(component.shell)]}


def _shell(image: str) -> Object:
    """Puts its programs where the component's container finds them; it is over before that one starts."""
    small = {"cpu": "50m", "memory": "32Mi", "ephemeral-storage": "32Mi"}
    link = f'for name in {_PROGRAMS}; do ln -sf busybox "$name" || exit 1; done'
    return {
        "name": "shell",
        "image": image,
        "imagePullPolicy": _pull(image),
        "command": ["sh", "-c", f"cp /bin/busybox {SHELL_FOLDER}/ && cd {SHELL_FOLDER} && {link}"],
        "volumeMounts": [{"name": "shell", "mountPath": SHELL_FOLDER}],
        "resources": {"requests": small, "limits": small},
        "securityContext": _locked(read_only_root=True),
    }


def _volumes(wanted: Wanted, component: Component) -> list[Object]:
    found: list[Object] = [{"name": v.name, "persistentVolumeClaim": {"claimName": v.name}} for v in component.volumes]
    found += [{"name": f"scratch-{n}", "emptyDir": {"sizeLimit": "1Gi"}} for n, _ in enumerate(component.scratch)]
    if component.shell is not None:
        found.append({"name": "shell", "emptyDir": {"sizeLimit": "16Mi"}})
    if component.secret_files:
        needed = sorted(set(component.secret_files.values()))
        items = [{"key": name, "path": name} for name in needed]
        home = secret_home(wanted, needed[0])  # a component's files are all its own or all the template's
        found.append({"name": "secrets", "secret": {"secretName": home, "defaultMode": 0o440, "items": items}})
    return found


def _mounts(component: Component) -> list[Object]:
    found: list[Object] = [{"name": v.name, "mountPath": v.path} for v in component.volumes]
    found += [{"name": f"scratch-{n}", "mountPath": path} for n, path in enumerate(component.scratch)]
    if component.shell is not None:
        found.append({"name": "shell", "mountPath": SHELL_FOLDER, "readOnly": True})
    if component.secret_files:
        found.append({"name": "secrets", "mountPath": SECRET_FOLDER, "readOnly": True})
    return found


def _container(wanted: Wanted, component: Component, *, setup: Setup | None = None) -> Object:
    # a step that ran is not run again because something was added
    added = given(wanted, component) if setup is None else {}
    environment = added | component.environment | (setup.environment if setup is not None else {})
    own = own_variables(wanted, component)
    image = resolved(wanted, (setup.image if setup else None) or component.image)
    found: Object = {
        "name": component.name if setup is None else setup.name,
        "image": image,
        "imagePullPolicy": _pull(image),
        "env": [
            *_environment(wanted, {name: text for name, text in environment.items() if name not in own}),
            *({"name": name, "value": _literal(text)} for name, text in own.items()),
            *({"name": key, "value": f"{SECRET_FOLDER}/{name}"} for key, name in component.secret_files.items()),
        ],
        "volumeMounts": _mounts(component),
        "resources": _resources(wanted, component) if setup is None else _beside(),
        "securityContext": _locked(read_only_root=component.read_only_root),
    }
    if setup is not None:
        return found | {"command": [resolved(wanted, word) for word in setup.command]}
    if command := _command(wanted, component):
        found["command"] = command
    if component.arguments:
        found["args"] = [resolved(wanted, word) for word in component.arguments]
    found["ports"] = [{"name": "http", "containerPort": _port(wanted, component), "protocol": "TCP"}]
    probes = component.probes
    for name, probe in (("startupProbe", probes.startup), ("readinessProbe", probes.readiness), ("livenessProbe", probes.liveness)):
        if probe is not None:
            found[name] = _probe(wanted, probe)
    return found


def in_shell(component: Component, script: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs `script` in the component's container, whatever shell is there."""
    if component.shell is None:
        return ("sh", "-c", script, *arguments)
    return (f"{SHELL_FOLDER}/sh", "-c", f"PATH={SHELL_FOLDER}\n{script}", *arguments)


def _pull(image: str) -> str:
    """A digest is the same everywhere; a tag may have moved since a node fetched it."""
    return "IfNotPresent" if "@sha256:" in image else "Always"


def _locked(*, read_only_root: bool) -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": read_only_root,
    }


def _command(wanted: Wanted, component: Component) -> list[str]:
    if isinstance(component.command, str):
        name = REFERENCE.fullmatch(component.command)
        return list(wanted.parameters.get(name[2], ())) if name else [component.command]
    return [resolved(wanted, word) for word in component.command]


def _environment(wanted: Wanted, texts: Mapping[str, str]) -> Iterator[Object]:
    """A value that is a secret comes from it; one that contains secrets is put together by the kubelet, so no manifest holds them."""
    inner: dict[str, str] = {}
    values: list[Object] = []

    def part(found: re.Match[str]) -> str:
        if found[1] != "secret":
            return _literal(resolved(wanted, found[0]))
        return f"$({inner.setdefault(found[2], 'MOORAGE_SECRET_' + found[2].replace('-', '_').upper())})"

    for name, text in texts.items():
        whole = REFERENCE.fullmatch(text)
        if whole and whole[1] == "secret":
            values.append(_from_secret(wanted, name, whole[2]))
        else:
            values.append({"name": name, "value": REFERENCE.sub(part, text)})
    yield from (_from_secret(wanted, name, secret) for secret, name in sorted(inner.items()))
    yield from values


def _literal(text: str) -> str:
    """So that the kubelet does not expand what a person wrote as `$(...)`."""
    return text.replace("$(", "$$(")


def _from_secret(wanted: Wanted, name: str, secret: str) -> Object:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret_home(wanted, secret), "key": secret}}}


def secret_home(wanted: Wanted, secret: str) -> str:
    """Name of the Secret in which a drawn value is. They are immutable, so what is added later has its own."""
    owner = next((one.addon.id for one in wanted.additions if secret in one.addon.kept_secrets()), None)
    return f"{SECRETS}-{owner}" if owner else SECRETS


def _resources(wanted: Wanted, component: Component) -> Object:
    own = component if isinstance(component, Beside) else wanted.plan
    cores = cores_of(own.cpu) * Decimal(str(component.cpu_share))
    memory = size(int(bytes_of(own.memory) * Decimal(str(component.memory_share))))
    return {
        "requests": {
            "cpu": cpu(cores * Decimal(str(wanted.template.cpu_reserved))),
            "memory": memory,
            "ephemeral-storage": "128Mi",
        },
        "limits": {"cpu": cpu(cores), "memory": memory, "ephemeral-storage": "2Gi"},
    }


def _beside() -> Object:
    """What a step gets: the room that the quota leaves beside the app."""
    room = {"cpu": cpu(SETUP_CPU), "memory": size(SETUP_MEMORY), "ephemeral-storage": "1Gi"}
    return {"requests": room | {"cpu": cpu(SETUP_CPU / 5), "ephemeral-storage": "128Mi"}, "limits": room}


def _probe(wanted: Wanted, probe: Probe) -> Object:
    found: Object = {
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "failureThreshold": probe.failures,
    }
    if probe.command:
        return found | {"exec": {"command": [resolved(wanted, word) for word in probe.command]}}
    if probe.path is None:
        return found | {"tcpSocket": {"port": "http"}}
    # apps behind a proxy look at these two; a `host` field of the probe itself is refused by Pod Security restricted
    headers = [{"name": "Host", "value": wanted.host}, {"name": "X-Forwarded-Proto", "value": "https"}]
    return found | {"httpGet": {"path": resolved(wanted, probe.path), "port": "http", "httpHeaders": headers}}


def ingress(wanted: Wanted) -> Object:
    """The way in from outside; applied last, when the first sign-in exists."""
    spec: dict[str, Any] = {
        "rules": [{"host": wanted.host, "http": {"paths": _paths(wanted)}}],
        "tls": [{"hosts": [wanted.host]} | ({"secretName": wanted.ground.tls_secret} if wanted.ground.tls_secret else {})],
    }
    return _ingress(wanted, "app", spec)


def own_ingresses(wanted: Wanted) -> Iterator[Object]:
    """One for each domain of the customer's own, so that one without a certificate stands in no other's way."""
    issuer = wanted.ground.certificate_issuer
    for domain in wanted.domains:
        name = f"own-{hashlib.sha256(domain.encode()).hexdigest()[:10]}"
        tls: Object = {"hosts": [domain]} | ({"secretName": f"{name}-tls"} if issuer else {})
        rule = {"host": domain, "http": {"paths": _paths(wanted)}}
        one = _ingress(wanted, name, {"rules": [rule], "tls": [tls]})
        if issuer:
            one["metadata"]["annotations"] = {"cert-manager.io/cluster-issuer": issuer}
        yield one


def _paths(wanted: Wanted) -> list[Object]:
    """Who answers, the longest path first: the app, or for every path the page that says why it does not."""
    routes = {one.route: one.name for one in wanted.template.components if isinstance(one, Listed) and one.route}
    if wanted.notice or not routes:
        routes = {"/": "notice" if wanted.notice else wanted.template.exposes}
    return [
        {"path": route, "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"name": "http"}}}}
        for route, name in sorted(routes.items(), key=lambda one: (-len(one[0]), one[0]))
    ]


def _ingress(wanted: Wanted, name: str, spec: Object) -> Object:
    if wanted.ground.ingress_class is not None:
        spec = spec | {"ingressClassName": wanted.ground.ingress_class}
    return made(wanted, "Ingress", "networking.k8s.io/v1", name, {"spec": spec})
