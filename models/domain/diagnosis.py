"""What is wrong with one app: pure rules from what the cluster says and what was measured to causes in words, with evidence.

Only when no pod explains anything the change that stopped is told, and the address last of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from models.domain.changesets import ChangeState
from models.domain.diagnosis_pods import MOST_EVIDENCE, finding, of_pod
from models.domain.diagnosis_shapes import Cause, End, Facts, Finding, Reached, Remedy, Value, Work, shown
from models.domain.trouble import NEAR_LIMIT, VOLUME_WARNING, amount
from models.domain.trouble_shapes import Kind, Severity, percent

__all__ = ["Cause", "End", "Facts", "Finding", "Reached", "Remedy", "Value", "Work", "diagnose", "shown"]

ENDING = timedelta(days=7)
"""A certificate that is renewed at all was renewed by then: issuers begin at a third of its life."""
HELD_BACK = 0.5
"""Share of the time in which the processor limit holds a container back, from which it is slow by that."""


def diagnose(facts: Facts, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong at `now`, the surest cause first, each once for a part. Nothing of a cluster that is silent."""
    if facts.snapshot.stale_since is not None:
        return ()
    if not facts.running:
        return tuple(_stopped(facts))
    found = [one for pod in facts.pods if (one := of_pod(facts, pod, now)) is not None]
    if not found:
        found += _of_workloads(facts)
    if not found or (facts.work is not None and facts.work.lost):
        found += _of_work(facts)
    if not found:
        found += _of_address(facts)
    out = {one.part for one in found if one.cause is Cause.OUT_OF_MEMORY}
    near = (one for one in _near(facts) if one.part not in out)
    found += [*_certificate(facts, now), *_full(facts), *near, *_answers(facts)]
    order = tuple(Cause)
    once: dict[tuple[Cause, str], Finding] = {}
    for one in found:
        once.setdefault((one.cause, one.part), one)
    return tuple(sorted(once.values(), key=lambda f: (order.index(f.cause), f.part)))


_QUOTA = re.compile(r"exceeded quota: .*?requested: ([\w./-]+)")
_WITHIN = re.compile(r"not ready within \d+ s")


def _of_workloads(facts: Facts) -> Iterator[Finding]:
    """Pods that the cluster does not even make, and those that were given up."""
    for one in facts.snapshot.workloads:
        if one.namespace not in facts.namespaces or not one.desired:
            continue
        name = one.labels.get("app.kubernetes.io/component") or one.name
        if one.reason == "FailedCreate":
            told = [e for e in facts.events("FailedCreate") if e.name.startswith(one.name)]
            found = _refused_pod(name, [e.message for e in told], min((e.first_at for e in told), default=None))
            if found is not None:
                yield found


def _refused_pod(part: str, said: Sequence[str], since: datetime | None) -> Finding | None:
    """Why the API does not take a pod, from its own sentence."""
    text = " ".join(said)
    quota = _QUOTA.search(text)
    values: dict[str, Value] = {"part": part}
    if since is not None:
        values["since"] = since
    evidence = tuple(dict.fromkeys(said))[:MOST_EVIDENCE]
    if quota is not None:
        kinds = ("memory", "cpu", "storage")
        kind = next((one for one in kinds if one in quota[1]), "other")
        return Finding(Cause.QUOTA, f"quota_{kind}", Severity.CRITICAL, part, since, values, evidence)
    if "violates PodSecurity" in text:
        return Finding(Cause.SECURITY, "security", Severity.CRITICAL, part, since, values, evidence)
    return Finding(Cause.REFUSED, "refused", Severity.CRITICAL, part, since, values, evidence) if said else None


def _of_work(facts: Facts) -> Iterator[Finding]:
    """Where the change stopped, when no pod says why."""
    work = facts.work
    if work is None:
        return
    part, _, told = work.reason.partition(": ")
    if work.state is not ChangeState.BLOCKED:
        if "exceeded quota" in work.reason and (waits := _refused_pod(part if told else "", [work.reason], work.since)):
            yield waits
        return

    def stopped(cause: Cause) -> Finding:
        return Finding(cause, cause.value, Severity.CRITICAL, since=work.since, values={}, evidence=(work.reason,))

    if work.lost:
        yield stopped(Cause.DATA_LOST)
    elif "exceeded quota" in work.reason or "violates PodSecurity" in work.reason:
        found = _refused_pod(part if told else "app", [work.reason], work.since)
        yield from (found,) if found is not None else ()
    elif work.phase == "setup":
        yield stopped(Cause.SETUP)
    elif "does not answer" in work.reason:
        yield stopped(Cause.ADDRESS)
    elif _WITHIN.search(work.reason):
        yield stopped(Cause.DEADLINE)
    else:
        yield stopped(Cause.REFUSED)


def _of_address(facts: Facts) -> Iterator[Finding]:
    reached = facts.reached
    if reached is not None and reached.outcome == "down" and facts.work is None:
        yield Finding(Cause.ADDRESS, "address", Severity.CRITICAL, since=reached.at, evidence=("The last probe failed.",))


def _certificate(facts: Facts, now: datetime) -> Iterator[Finding]:
    end = facts.reached.certificate_ends_at if facts.reached is not None else None
    if end is not None and end - now <= ENDING:
        over = end <= now
        code, severity = ("certificate_ended", Severity.CRITICAL) if over else ("certificate_ending", Severity.WARNING)
        yield Finding(Cause.CERTIFICATE, code, severity, values={"ends_at": end}, evidence=(f"notAfter {end:%Y-%m-%dT%H:%M:%SZ}",))


def _full(facts: Facts) -> Iterator[Finding]:
    for one in facts.volumes:
        if one.namespace in facts.namespaces and one.used_bytes is not None and one.capacity_bytes and not one.shared:
            share = one.used_bytes / one.capacity_bytes
            if 1 - share < VOLUME_WARNING:
                said = f"{one.claim}: {amount(one.used_bytes)} of {amount(one.capacity_bytes)}"
                yield Finding(Cause.VOLUME_FULL, "volume_full", Severity.WARNING, values={"share": share}, evidence=(said,))


def _near(facts: Facts) -> Iterator[Finding]:
    pods = {pod.uid: pod for pod in facts.pods}
    for one in facts.memory:
        pod = pods.get(one.uid)
        if pod is not None and one.limit_bytes > 0 and one.used_bytes >= NEAR_LIMIT * one.limit_bytes:
            yield finding(
                Cause.MEMORY_NEAR, "memory_near", pod, Severity.WARNING, used_bytes=one.used_bytes, limit_bytes=one.limit_bytes,
                evidence=[f"{one.container}: working set {amount(one.used_bytes)} of {amount(one.limit_bytes)}"],
            )  # fmt: skip


def _answers(facts: Facts) -> Iterator[Finding]:
    held = [
        (pod, c, share)
        for pod in facts.pods
        for c in pod.containers
        if (share := facts.held_back.get((pod.uid, c.name), 0)) >= HELD_BACK
    ]
    for pod, container, share in held:
        said = f"{container.name}: throttled in {percent(share)} of its periods at a limit of {container.limit.cpu:g}"
        yield finding(Cause.SLOW, "slow_held", pod, Severity.WARNING, evidence=[said], share=share)
    for one in facts.answers:
        if one.namespace not in facts.namespaces or (one.kind is Kind.ANSWERS_SLOW and held):
            continue
        cause = {Kind.ANSWERS_FAIL: Cause.FAILING, Kind.ANSWERS_SLOW: Cause.SLOW}.get(one.kind)
        if cause is not None:
            code = cause.value if one.since is not None else f"{cause.value}_begun"
            values: dict[str, Value] = {}
            if one.since is not None:
                values["since"] = one.since
            yield Finding(cause, code, one.severity, "", one.since, values, (one.reason,))


def _stopped(facts: Facts) -> Iterator[Finding]:
    yield Finding(Cause.STOPPED, "stopped", Severity.INFO, evidence=("It is wanted with no containers.",))
    yield from _of_work(facts)
