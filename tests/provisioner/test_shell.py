"""Programs for an image without a shell: put into the pod by an image that has them, and used for the files of its backup."""

from __future__ import annotations

from dataclasses import replace

from provisioner.app_backups import parts
from provisioner.desired import desired
from provisioner.labels import Object
from provisioner.pinning import loose, pinned
from provisioner.wanted import Wanted
from provisioner.workloads import SHELL_FOLDER
from tests.provisioner.orders import TEMPLATES, an_instance

MATTERMOST = TEMPLATES["mattermost"]
DIGEST = "sha256:" + "ab" * 32


def pods(wanted: Wanted) -> dict[str, Object]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for step in desired(wanted)
        for one in step.objects
        if one["kind"] == "Deployment"
    }


def test_its_programs_are_there_before_it_starts_and_it_cannot_change_them() -> None:
    pod = pods(an_instance(MATTERMOST))["web"]
    (first,), (main,) = pod["initContainers"], pod["containers"]
    assert first["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert first["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert {"name": "shell", "mountPath": SHELL_FOLDER} in first["volumeMounts"]
    assert {"name": "shell", "mountPath": SHELL_FOLDER, "readOnly": True} in main["volumeMounts"]
    assert "initContainers" not in pods(an_instance(MATTERMOST))["database"]


def test_its_files_are_saved_by_them_also_while_it_stands_still() -> None:
    (data,) = [part for part in parts(MATTERMOST) if part.what == "data"]
    for command in (data.save, data.restore):
        assert command[:2] == (f"{SHELL_FOLDER}/sh", "-c")
        assert command[2].startswith(f"PATH={SHELL_FOLDER}\n")
    keeper = pods(replace(an_instance(MATTERMOST), still=True))["keeper-web"]
    assert keeper["initContainers"][0]["name"] == "shell"
    assert keeper["containers"][0]["command"][0] == f"{SHELL_FOLDER}/sh"
    assert pods(replace(an_instance(TEMPLATES["n8n"]), still=True))["keeper-web"]["containers"][0]["command"][0] == "sh"


def test_its_image_is_pinned_like_the_others() -> None:
    shell = MATTERMOST.components[0].shell
    assert shell in loose(MATTERMOST)
    known = pinned(MATTERMOST, dict.fromkeys(loose(MATTERMOST), DIGEST))
    assert loose(known) == ()
    assert pods(an_instance(known))["web"]["initContainers"][0]["image"] == f"{shell}@{DIGEST}"
