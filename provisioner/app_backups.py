"""Backups of one app in the cluster: its parts read as streams by its own programs, and given back to them in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from models.domain.errors import Invalid
from provisioner import bundle, stillness
from provisioner.catalogue.schema import Template
from provisioner.cluster.commands import Commands, Place
from provisioner.cluster.port import Cluster
from provisioner.labels import COMPONENT, INSTANCE, Object
from provisioner.wanted import Wanted
from provisioner.workloads import in_shell

_PACK = """cd "$1" || exit 2
set --
for one in ..?* .[!.]* *; do
  if [ -e "$one" ] || [ -L "$one" ]; then [ "$one" = lost+found ] || set -- "$@" "./$one"; fi
done
if [ $# -eq 0 ]; then exec head -c 1024 /dev/zero; fi
tar -cf - "$@"
status=$?
if [ $status -eq 1 ] && tar --version 2>/dev/null | grep -q GNU; then exit 0; fi
exit $status
"""
"""All but the directory itself, whose mode and time belong to the node. Status 1 of GNU tar: a file changed while it was read."""
_UNPACK = """cd "$1" || exit 2
find . -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf -- {} + || exit 2
exec tar -xf -
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One stream of a backup. `what`: dump, or the volume whose files it has; `save` and `restore` are commands for its container."""

    of: str
    what: str
    save: tuple[str, ...]
    restore: tuple[str, ...]

    @property
    def head(self) -> dict[str, str]:
        return {"of": self.of, "what": self.what}


@dataclass(slots=True)
class Measured:
    """How much went through, by part; filled while the stream is read."""

    parts: list[tuple[str, str, int]] = field(default_factory=list)


class NotThere(Exception):
    """A pod that is needed does not run; it may come."""


def parts(template: Template) -> tuple[Part, ...]:
    """What a backup of the template consists of, in the order in which it is read and given back; none: there is nothing to keep."""
    found: list[Part] = []
    for entry in template.backup:
        if entry.dump:
            found.append(Part(entry.of, "dump", entry.dump, entry.restore))
        component = next(one for one in template.components if one.name == entry.of)
        for volume in component.volumes:
            if volume.name in entry.files:
                pack, unpack = (in_shell(component, script, "sh", volume.path) for script in (_PACK, _UNPACK))
                found.append(Part(entry.of, volume.name, pack, unpack))
    return tuple(found)


def places(cluster: Cluster, wanted: Wanted) -> Mapping[str, Place]:
    """By component the container that its commands run in. Raises NotThere when one does not run."""
    found: dict[str, Place] = {}
    for name in dict.fromkeys(part.of for part in parts(wanted.template)):
        carrier = stillness.keeper_of(name) if wanted.still and not wanted.runs(name) else name
        pods = cluster.find("Pod", wanted.namespace, {INSTANCE: wanted.instance_id, COMPONENT: carrier})
        ready = next((pod for pod in pods if _ready(pod)), None)
        if ready is None:
            raise NotThere(f"The part {carrier} does not run yet.")
        found[name] = Place(wanted.namespace, ready["metadata"]["name"], carrier)
    return found


def at_rest(cluster: Cluster, wanted: Wanted, *, lost: str = "") -> bool:
    """Whether nothing of the app is left that could write while it is saved or brought back: neither its parts nor a setup step.

    With `lost`, a time as the API writes it: what was to end before and still has not, as on a node that is gone, does not count.
    """
    may_run = {one.name for one in wanted.template.components if wanted.runs(one.name)}
    may_run |= {stillness.keeper_of(name) for name in stillness.kept(wanted.template)}
    for pod in cluster.find("Pod", wanted.namespace, {INSTANCE: wanted.instance_id}):
        over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        over = over or (bool(lost) and pod["metadata"].get("deletionTimestamp", lost) < lost)
        if not over and (pod["metadata"].get("labels") or {}).get(COMPONENT) not in may_run:
            return False
    return True


def read(commands: Commands, wanted: Wanted, where: Mapping[str, Place], measured: Measured) -> Iterator[bytes]:
    """The whole backup as one bundle; raises what a command raises, and then it is none."""

    def each() -> Iterator[tuple[bundle.Head, Iterable[bytes]]]:
        for part in parts(wanted.template):
            yield part.head, _counted(part, commands.run(where[part.of], part.save), measured)

    return bundle.pack(each())


def check(content: Iterable[bytes], template: Template, expected: Sequence[tuple[str, str]]) -> None:
    """Read it to its end: Invalid unless it is whole, has the `expected` parts (component, what), and the template knows each."""
    found = []
    for head, pieces in bundle.unpack(content):
        for _ in pieces:
            pass
        part = _known(head, template)
        found.append((part.of, part.what))
    if found != list(expected):
        raise Invalid(bundle.BROKEN)


def write(
    commands: Commands, wanted: Wanted, where: Mapping[str, Place], content: Iterable[bytes], sizes: Mapping[tuple[str, str], int]
) -> None:
    """Give every part, whose bytes are in `sizes`, back to its own program, in the place of what is there."""
    for head, pieces in bundle.unpack(content):
        part = _known(head, wanted.template)
        for _ in commands.run(where[part.of], part.restore, pieces, sizes[part.of, part.what]):
            pass


def _known(head: bundle.Head, template: Template) -> Part:
    found = next((part for part in parts(template) if part.head == dict(head)), None)
    if found is None:
        raise Invalid("The backup has a part that this app does not know, so it is not brought back.")
    return found


def _counted(part: Part, pieces: Iterable[bytes], measured: Measured) -> Iterator[bytes]:
    length = 0
    for piece in pieces:
        length += len(piece)
        yield piece
    measured.parts.append((part.of, part.what, length))


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")
