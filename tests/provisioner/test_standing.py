"""Whether a Deployment stands: what passes by itself is waited for, what does not is said."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.standing import Coming, Failed, standing

QUOTA = 'pods "web" is forbidden: exceeded quota: plan, requested: limits.memory=512Mi, used: limits.memory=768Mi'


def a_deployment(*conditions: tuple[str, str, str]) -> dict[str, Any]:
    said = [{"type": kind, "status": "True", "reason": reason, "message": message} for kind, reason, message in conditions]
    status = {"observedGeneration": 1, "conditions": said}
    return {"kind": "Deployment", "metadata": {"name": "web", "generation": 1}, "spec": {"replicas": 1}, "status": status}


@pytest.mark.parametrize(
    ("conditions", "kind", "text"),
    [
        ([("ReplicaFailure", "FailedCreate", QUOTA)], Coming, "exceeded quota"),
        (
            [("ReplicaFailure", "FailedCreate", QUOTA), ("Progressing", "ProgressDeadlineExceeded", "")],
            Failed,
            "exceeded quota",
        ),
        ([("ReplicaFailure", "FailedCreate", 'violates PodSecurity "restricted"')], Failed, "PodSecurity"),
        ([("Progressing", "ProgressDeadlineExceeded", "")], Failed, "not ready within"),
        ([], Coming, "0 of 1 pods started"),
    ],
)
def test_a_quota_is_waited_for_while_an_old_pod_may_still_end(
    conditions: list[tuple[str, str, str]], kind: type[Coming | Failed], text: str
) -> None:
    found = standing(a_deployment(*conditions))
    assert isinstance(found, kind)
    assert text in found.reason
