"""A suspended app answers with a page that says why: a small pod of ours behind the app's own address, in its namespace and walls.

Its first page says 503, so that search engines come back later, every other path shows the same page. It needs an image with busybox.
"""

from __future__ import annotations

from html import escape

from provisioner.catalogue.quantities import cpu, size
from provisioner.isolation import NOTICE_CPU, NOTICE_MEMORY
from provisioner.labels import COMPONENT, EXPOSED, Object, common, made, selector
from provisioner.wanted import Wanted
from provisioner.workloads import NODE_LOSS_SECONDS

NAME = "notice"
PORT = 8080
USER = 10001
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{host}</title><style>body{{font:1.1rem/1.6 system-ui,sans-serif;margin:12vh auto;
max-width:34rem;padding:0 1.2rem;color:#222;background:#fff}}h1{{font-size:1.5rem}}p{{color:#555}}</style></head>
<body><h1>{host} is suspended at the moment</h1><p>{reason}</p><p lang="id">Untuk sementara {host} ditangguhkan.</p></body></html>
"""


def page(wanted: Wanted) -> str:
    """What visitors read; nothing of it is read as markup that people wrote."""
    return PAGE.format(host=escape(wanted.host), reason=escape(wanted.notice))


def objects(wanted: Wanted) -> tuple[Object, ...]:
    """None but while the app is suspended."""
    if not wanted.notice:
        return ()
    spec = {"type": "ClusterIP", "selector": selector(wanted, NAME), "ports": [_port()]}
    return (
        made(wanted, "Service", "v1", NAME, {"spec": spec}, labels={COMPONENT: NAME}),
        made(wanted, "Deployment", "apps/v1", NAME, {"spec": _deployment(wanted)}, labels={COMPONENT: NAME}),
    )


def _port() -> Object:
    return {"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}


def _deployment(wanted: Wanted) -> Object:
    labels = common(wanted) | selector(wanted, NAME) | {EXPOSED: "http"}
    return {
        "replicas": 1,
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": 120,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": selector(wanted, NAME)},
        "template": {"metadata": {"labels": labels}, "spec": _pod(wanted)},
    }


def _pod(wanted: Wanted) -> Object:
    return {
        "serviceAccountName": "app",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "moorage-trial",
        "terminationGracePeriodSeconds": 2,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{state}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": NODE_LOSS_SECONDS,
            }
            for state in ("not-ready", "unreachable")
        ],
        "containers": [_container(wanted)],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "4Mi"}}],
    }


_START = (
    'mkdir -p /tmp/www/cgi-bin && printf %s "$PAGE" > /tmp/www/notice.html && printf %s "$ANSWER" > /tmp/www/cgi-bin/index.cgi '
    "&& chmod 755 /tmp/www/cgi-bin/index.cgi && echo E404:/tmp/www/notice.html > /tmp/httpd.conf "
    f"&& exec busybox httpd -f -p {PORT} -h /tmp/www -c /tmp/httpd.conf"
)
"""Writes what it was given and serves it."""
_ANSWER = r"""#!/bin/sh
printf 'Status: 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nRetry-After: 3600\r\nCache-Control: no-store\r\n\r\n'
cat /tmp/www/notice.html
"""
"""What busybox runs for the first page, since it has no file for it."""


def _container(wanted: Wanted) -> Object:
    small = {"cpu": "20m", "memory": size(NOTICE_MEMORY), "ephemeral-storage": "16Mi"}
    probe = {"tcpSocket": {"port": "http"}, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3}
    return {
        "name": NAME,
        "image": wanted.ground.notice_image,
        "imagePullPolicy": "IfNotPresent" if "@sha256:" in wanted.ground.notice_image else "Always",
        "command": ["sh", "-c", _START],
        "env": [{"name": "PAGE", "value": page(wanted).replace("$(", "$$(")}, {"name": "ANSWER", "value": _ANSWER}],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108  of the container
        "resources": {"requests": small, "limits": small | {"cpu": cpu(NOTICE_CPU)}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
