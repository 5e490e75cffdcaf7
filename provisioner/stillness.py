"""An app that stands still: only what a backup or restore needs runs, so that nothing writes while data is brought back.

Components that are dumped run, because their own programs do it. All others have no pods; where files of theirs are saved, a keeper
with their image, user and volumes runs instead and does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.catalogue.schema import Setup, Template
from provisioner.labels import Object
from provisioner.wanted import Wanted
from provisioner.workloads import in_shell, keeper

_IDLE = "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done"
"""What a keeper does."""


def kept(template: Template) -> frozenset[str]:
    """Components for whose files a keeper runs: those that do not run themselves."""
    dumped = {entry.of for entry in template.backup if entry.dump}
    return frozenset(entry.of for entry in template.backup if entry.files) - dumped


def keeper_of(component: str) -> str:
    """Name of its keeper's Deployment and container, and value of the label by which its pod is found."""
    return f"keeper-{component}"


def is_keeper(kind: str, name: str) -> bool:
    return kind == "Deployment" and name.startswith("keeper-")


def keepers(wanted: Wanted) -> Iterator[Object]:
    """None but while the app is to stand still."""
    if wanted.still:
        keeping = kept(wanted.template)
        for component in sorted((one for one in wanted.template.components if one.name in keeping), key=lambda one: one.name):
            name = keeper_of(component.name)
            yield keeper(wanted, name, Setup(name=name, of=component.name, command=in_shell(component, _IDLE)))
