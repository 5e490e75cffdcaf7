"""Every cause has its own sentence in both languages, evidence, and what the platform's people do about it; and is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.ui.messages import CATALOGUES
from models.domain.changesets import ChangeState
from models.domain.cluster import Claim, Container, Event, Node, Phase, Pod, Resources, Snapshot, Workload
from models.domain.diagnosis import Cause, End, Facts, Finding, Reached, Work, diagnose
from models.domain.diagnosis_words import ADVICE, MEND, SENTENCES
from models.domain.trouble import MemoryUse, VolumeUse
from models.domain.trouble_shapes import Kind, Severity, Trouble
from tests.stories import NOW

MIB = 1 << 20
BEFORE = NOW - timedelta(hours=2)
SPACE = "c-kopi"


def a_container(**facts: Any) -> Container:
    size = Resources(0.5, 256 * MIB)
    return replace(Container("web", "ghcr.io/kopi/shop:1.4", size, size, ready=True, state="running"), **facts)


def a_pod(*containers: Container, **facts: Any) -> Pod:
    size = Resources(0.5, 256 * MIB, 1)
    made = Pod(
        SPACE, "web-1", "uid-web", Phase.RUNNING, "node-1", BEFORE, containers or (a_container(),), size, size, started_at=BEFORE,
        ready=True, ready_since=BEFORE, owner_kind="Deployment", owner_name="web",
    )  # fmt: skip
    return replace(made, **facts)


def a_node(name: str = "node-1", **facts: Any) -> Node:
    return replace(Node(name, name, Resources(4, 8192 * MIB, 110), Resources(4, 8192 * MIB, 110), True, BEFORE, BEFORE), **facts)


def said(reason: str, message: str, name: str = "web-1", *, at: datetime = NOW - timedelta(minutes=2)) -> Event:
    return Event(f"{reason}{message}", SPACE, "Pod", name, "", "Warning", reason, message, 3, BEFORE, at)


def facts(
    *pods: Pod,
    nodes: tuple[Node, ...] | None = None,
    claims: tuple[Claim, ...] = (),
    events: tuple[Event, ...] = (),
    workloads: tuple[Workload, ...] = (),
    **more: Any,
) -> Facts:
    those = nodes if nodes is not None else (a_node(),)
    snapshot = Snapshot(
        "default", NOW, {one.name: one for one in those}, {pod.uid: pod for pod in pods}, workloads,
        {(one.namespace, one.name): one for one in claims}, events=events,
    )  # fmt: skip
    return Facts(snapshot, pods, frozenset({SPACE}), **more)


def waits(message: str = "", **facts: Any) -> Pod:
    return a_pod(
        a_container(ready=False, state=""), phase=Phase.PENDING, node=None, ready=False, ready_since=None, started_at=None,
        reason="Unschedulable", message=message, **facts,
    )  # fmt: skip


def crashed(reason: str, code: int | None, **facts: Any) -> Container:
    return a_container(
        ready=False, restarts=4, state="waiting", reason="CrashLoopBackOff", last_reason=reason, last_exit_code=code,
        last_finished_at=NOW - timedelta(minutes=1), **facts,
    )  # fmt: skip


def unready(*containers: Container) -> Pod:
    return a_pod(*containers, ready=False, ready_since=None)


def a_claim(**facts: Any) -> Claim:
    return replace(Claim(SPACE, "site", "claim", "Bound", "local-path", 1 << 30, "pv", "node-1", BEFORE), **facts)


def a_workload(reason: str) -> Workload:
    return Workload("Deployment", SPACE, "web", "w", 1, 0, 0, 1, 1, BEFORE, reason=reason)


def stopped(reason: str, phase: str = "app", state: ChangeState = ChangeState.BLOCKED, *, lost: bool = False) -> Work:
    return Work(state, phase, reason, BEFORE, lost)


def bad(kind: Kind, since: datetime | None = BEFORE) -> Trouble:
    return Trouble(kind, Severity.WARNING, "n", "n", since, "5 % of 200 answers", "", namespace=SPACE)


NO_MEMORY = "0/1 nodes are available: 1 Insufficient memory."
QUOTA = 'pods "web-1" is forbidden: exceeded quota: plan, requested: limits.{}=1, used: 1, limited: 1'
BOUND = waits("0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity", claims=("site",))
SILENT = a_node(ready=None, ready_since=BEFORE)
CASES: Mapping[str, Facts] = {
    "data_lost": facts(work=stopped("Namespace c-kopi is gone, and with it the data of the app.", lost=True)),
    "out_of_memory": facts(unready(crashed("OOMKilled", 137))),
    "image": facts(
        unready(a_container(ready=False, state="waiting", reason="ImagePullBackOff")),
        events=(said("Failed", "Failed to pull image: not found"),),
    ),
    "configuration": facts(
        unready(a_container(ready=False, state="waiting", reason="CreateContainerConfigError")),
        events=(said("Failed", 'Error: secret "mail" not found'),),
    ),
    "configuration_unnamed": facts(unready(a_container(ready=False, state="waiting", reason="CreateContainerConfigError"))),
    "command": facts(
        unready(a_container(ready=False, state="waiting", reason="CreateContainerError")),
        events=(said("Failed", 'exec: "serve": executable file not found in $PATH'),),
    ),
    "crashing": facts(unready(crashed("Error", 1))),
    "crashing_unsaid": facts(unready(crashed("Error", None))),
    "volume_node": facts(a_pod(claims=("site",)), nodes=(SILENT,), claims=(a_claim(),)),
    "volume_cordoned": facts(BOUND, nodes=(a_node(unschedulable=True),), claims=(a_claim(),)),
    "node_down": facts(a_pod(), nodes=(SILENT,)),
    "no_memory": facts(waits(NO_MEMORY)),
    "no_cpu": facts(waits("0/1 nodes are available: 1 Insufficient cpu.")),
    "no_node": facts(waits("0/1 nodes are available: 1 node(s) had untolerated taint(s).")),
    "storage": facts(
        waits("running PreBind plugin: pod has unbound immediate PersistentVolumeClaims", claims=("site",)),
        claims=(a_claim(phase="Pending", node=None),),
    ),
    **{
        f"quota_{kind}": facts(
            workloads=(a_workload("FailedCreate"),), events=(said("FailedCreate", QUOTA.format(name), "web-5d8"),)
        )
        for kind, name in (("memory", "memory"), ("cpu", "cpu"), ("storage", "ephemeral-storage"), ("other", "gpu"))
    },
    "security": facts(
        workloads=(a_workload("FailedCreate"),), events=(said("FailedCreate", 'violates PodSecurity "restricted:v1.36"', "web-5d8"),)
    ),
    "refused": facts(work=stopped("the policy denies it")),
    "setup": facts(work=stopped("install: Job has reached the specified backoff limit", "setup")),
    "probe": facts(unready(a_container(ready=False)), nodes=(a_node(),)),
    "probe_path": facts(
        unready(a_container(ready=False)),
        events=(said("Unhealthy", 'Readiness probe failed: Get "http://10.44.0.5:8080/healthz": connection refused'),),
    ),
    "volume_full": facts(a_pod(), volumes=(VolumeUse(SPACE, "site", 95.0, 100.0),)),
    "memory_near": facts(a_pod(), memory=(MemoryUse("uid-web", "web", 250.0 * MIB, 256.0 * MIB),)),
    "deadline": facts(work=stopped("web: not ready within 300 s")),
    "address": facts(a_pod(), reached=Reached("down", NOW)),
    "certificate_ended": facts(a_pod(), reached=Reached("up", NOW, NOW - timedelta(hours=1))),
    "certificate_ending": facts(a_pod(), reached=Reached("up", NOW, NOW + timedelta(days=3))),
    "failing": facts(a_pod(), answers=(bad(Kind.ANSWERS_FAIL),)),
    "failing_begun": facts(a_pod(), answers=(bad(Kind.ANSWERS_FAIL, None),)),
    "slow": facts(a_pod(), answers=(bad(Kind.ANSWERS_SLOW),)),
    "slow_begun": facts(a_pod(), answers=(bad(Kind.ANSWERS_SLOW, None),)),
    "slow_held": facts(a_pod(), held_back={("uid-web", "web"): 0.8}, answers=(bad(Kind.ANSWERS_SLOW),)),
    "stopped": facts(running=False),
}  # fmt: skip


def only(known: Facts) -> Finding:
    (found,) = diagnose(known, NOW)
    return found


def test_every_sentence_has_a_case_and_every_cause_a_sentence() -> None:
    assert CASES.keys() == SENTENCES.keys()
    assert {only(known).cause for known in CASES.values()} == set(Cause)
    assert len({str(sentence) for sentence in SENTENCES.values()}) == len(SENTENCES)


@pytest.mark.parametrize("code", CASES)
def test_it_is_told_by_its_own_sentence_with_evidence_and_a_way_to_mend_it(code: str) -> None:
    found = only(CASES[code])
    assert found.code == code
    assert found.evidence
    assert "{" not in found.sentence
    assert "None" not in found.sentence
    assert MEND.get(found.cause.value) or found.cause is Cause.COMMAND
    english, indonesian = (CATALOGUES[language][f"diagnosis.{code}"] for language in ("en", "id"))
    assert english == SENTENCES[code]
    for text in indonesian if isinstance(indonesian, tuple) else (indonesian,):
        assert "{" not in text.format(**dict.fromkeys([*found.values, "n"], "x"))
    assert indonesian != english


def test_what_mends_it_is_said_in_both_languages() -> None:
    assert all(CATALOGUES["id"][f"advice.{code}"] != text for code, text in ADVICE.items())


def test_restarts_are_counted_since_the_first_of_them() -> None:
    ends = [End("uid-web", "web", NOW - timedelta(minutes=m), "OOMKilled") for m in (108, 60, 20)]
    old = a_pod(crashed("OOMKilled", 137), created_at=NOW - timedelta(days=30), ready=False)
    found = only(facts(old, ends=ends))
    assert found.sentence == "web ran out of its 256 MiB of memory, 4 restarts since 10:12 UTC."
    young = only(
        facts(
            unready(
                crashed(
                    "OOMKilled",
                    137,
                )
            )
        )
    )
    assert young.values["n"] == 4


def test_a_kill_of_yesterday_is_a_warning_and_one_of_last_week_nothing() -> None:
    calm = a_container(restarts=1, last_reason="OOMKilled", last_exit_code=137, last_finished_at=NOW - timedelta(hours=5))
    assert only(facts(a_pod(calm))).severity is Severity.WARNING
    assert diagnose(facts(a_pod(replace(calm, last_finished_at=NOW - timedelta(days=7)))), NOW) == ()


def test_what_the_kubelet_ended_for_its_check_is_no_crash_of_its_own() -> None:
    killed = crashed("Error", 137)
    events = (
        said("Killing", "Container web failed liveness probe, will be restarted"),
        said("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500"),
    )
    assert only(facts(unready(killed), events=events)).cause is Cause.PROBE
    assert only(facts(unready(killed), events=events[1:])).cause is Cause.CRASHING


def test_a_command_that_is_not_there_is_no_crash() -> None:
    assert only(facts(unready(crashed("Error", 127)))).cause is Cause.COMMAND
    assert only(facts(unready(crashed("StartError", 128)))).cause is Cause.COMMAND


def test_the_pod_explains_before_the_change_that_waited_for_it() -> None:
    found = only(facts(unready(crashed("Error", 1)), work=stopped("web: not ready within 300 s")))
    assert found.cause is Cause.CRASHING


def test_room_is_computed_where_the_scheduler_says_nothing() -> None:
    big = waits(request=Resources(0.5, 64 << 30, 1), limit=Resources(0.5, 64 << 30, 1))
    assert only(facts(big)).code == "no_memory"
    assert diagnose(facts(replace(big, created_at=NOW - timedelta(seconds=20))), NOW) == ()


def test_an_app_with_its_volume_on_a_dead_node_waits_for_that_node() -> None:
    assert only(facts(BOUND, nodes=(SILENT, a_node("node-2")), claims=(a_claim(),))).code == "volume_node"
    full = waits("0/2 nodes are available: 1 Insufficient memory, 1 node(s) had volume node affinity conflict", claims=("site",))
    assert only(facts(full, nodes=(a_node(), a_node("node-2")), claims=(a_claim(),))).code == "no_memory"


def test_nothing_is_said_of_what_is_well_or_cannot_be_seen() -> None:
    assert diagnose(facts(a_pod()), NOW) == ()
    silent = facts(unready(crashed("Error", 1)))
    assert diagnose(replace(silent, snapshot=replace(silent.snapshot, stale_since=BEFORE)), NOW) == ()
    gone = a_pod(crashed("Error", 1), ready=False, deleted_at=NOW)
    assert diagnose(facts(gone), NOW) == ()


def test_two_copies_with_one_cause_are_one_finding() -> None:
    one = unready(crashed("Error", 1))
    assert len(diagnose(facts(one, replace(one, uid="b", name="web-2")), NOW)) == 1
