"""What is outside: the cluster's API, what its account may do, Prometheus and what it scrapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from app import container
from app.config import Settings
from app.doctor.checks import Check, good, problem, warning
from collectors import windows
from collectors.sources.port import Severity
from models.domain.clock import Clock, stopwatch

if TYPE_CHECKING:
    from collectors.sources.kubernetes import KubernetesInventory

SKEW = timedelta(seconds=5)
"""Clocks that differ by more put samples into wrong ticks."""
LATENESS = timedelta(seconds=30)
INVENTORY_SECONDS = 20.0
"""How long reading the cluster may take, with which Prometheus is compared."""


def settings_together(settings: Settings, _clock: Clock) -> Iterator[Check]:
    container.check_live(settings)
    yield good("settings", f"kubeconfig and prometheus_url are both set: live data of the cluster “{settings.cluster}”.")


def cluster(settings: Settings, clock: Clock) -> Iterator[Check]:
    from collectors.sources import kubernetes_review
    from collectors.sources.kubernetes_connection import Connection

    connection = Connection(settings.kubeconfig, settings.kube_context)
    try:
        found = kubernetes_review.server(connection)
        yield good("cluster", f"The Kubernetes API of {connection.source} answers ({found.version}).")
        if connection.unverified:
            yield warning("cluster", "The kubeconfig says not to check the API's certificate: anybody on the way can read along.")
        if found.at is not None:
            yield _skew("the Kubernetes API's", (clock.now() - found.at).total_seconds())
    finally:
        connection.close()


def _skew(whose: str, seconds: float) -> Check:
    if abs(seconds) > SKEW.total_seconds() + 1:  # the header has whole seconds
        return problem(
            "clock",
            f"This machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {whose}. "
            "Synchronise both (NTP): ticks and trials count by it.",
        )
    return good("clock", f"This machine's clock agrees with {whose}.")


def rights(settings: Settings, _clock: Clock) -> Iterator[Check]:
    from collectors.sources import kubernetes_review
    from collectors.sources.kubernetes_connection import Connection

    connection = Connection(settings.kubeconfig, settings.kube_context)
    try:
        missing: dict[str, list[kubernetes_review.Right]] = defaultdict(list)
        count = 0
        for right in kubernetes_review.rights(connection):
            count += 1
            if not right.allowed:
                missing[right.resource].append(right)
    finally:
        connection.close()
    for resource, lost in missing.items():
        group = f" of the API group {lost[0].group}" if lost[0].group else ""
        sentence = (
            f"The account of {connection.source} may not {' and '.join(r.verb for r in lost)} {resource}{group}. "
            f"Apply deploy/collector-rbac.yaml, or allow it: kubectl auth can-i {lost[0].verb} {resource} --all-namespaces."
        )
        yield problem("rights", sentence) if lost[0].essential else warning("rights", sentence)
    if not missing:
        yield good("rights", f"The account may do all that collection needs ({count} rights).")


def prometheus(settings: Settings, clock: Clock) -> Iterator[Check]:
    """As the collector reads it: its own questions for the newest window, and what it finds missing in the answers."""
    from collectors.sources.kubernetes import KubernetesInventory

    inventory = None
    if settings.live:
        inventory = KubernetesInventory(settings.kubeconfig, clock=clock, context=settings.kube_context, cluster=settings.cluster)
    source = container.prometheus(settings, inventory)
    try:
        oldest = source.oldest()
        if oldest is None:
            yield problem(
                "prometheus", f"Prometheus at {settings.prometheus_url} scrapes nothing at all. Look at its targets page."
            )
            return
        if inventory is not None:
            _read(inventory)
        now = clock.now()
        yield good("prometheus", f"Prometheus answers and has samples since {oldest:%Y-%m-%d %H:%M} UTC.")
        reading = source.read(windows.newest_closed(now, timedelta(minutes=1), LATENESS))
    finally:
        source.close()
        if inventory is not None:
            inventory.stop()
    for report in reading.queries:
        if report.problem:
            yield problem("prometheus", f"The question {report.name} failed: {report.problem}")
    for finding in reading.findings:
        said = problem if finding.severity is Severity.ERROR else warning if finding.severity is Severity.WARNING else good
        yield said("prometheus", finding.message)
    yield good("prometheus", f"{sum(frame.height for frame in reading.frames.values())} rows were read for the newest minute.")


def _read(inventory: KubernetesInventory) -> None:
    """Until the cluster is known, or known not to answer: then Prometheus is looked at alone, and the cluster's own check says why."""
    inventory.start()
    until = stopwatch() + INVENTORY_SECONDS
    while not inventory.wait(0.2) and stopwatch() < until:
        if any(finding.code.startswith("failing_") for finding in inventory.findings()):
            return
