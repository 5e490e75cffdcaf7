"""Commands in the simulated cluster: no program runs, but what was given to a volume is what it gives again.

A command that is given something writes the volume that it names by its path, or the container's first one; any other reads it.
`false` fails as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from models.domain.errors import Unavailable
from models.world.contents import Contents
from provisioner.cluster.commands import CommandFailed, Place
from provisioner.cluster.port import Cluster, Rejected, Rejection
from provisioner.labels import Object


class SimulatedCommands:
    """`provisioner.cluster.commands.Commands` on the pods of a simulated cluster."""

    def __init__(self, cluster: Cluster, contents: Contents) -> None:
        self._cluster = cluster
        self._contents = contents

    def run(self, place: Place, command: Sequence[str], given: Iterable[bytes] | None = None, length: int = 0) -> Iterator[bytes]:
        uid = self._volume(self._container(place), place, command)
        if command[:1] == ["false"] or tuple(command[:1]) == ("false",):
            raise CommandFailed(1, "")
        if given is None:
            yield from self._contents.read(uid)
        else:
            self._contents.write(uid, given)

    def _container(self, place: Place) -> Object:
        pod = self._cluster.read("Pod", place.namespace, place.pod)
        if pod is None:
            raise Rejected(Rejection.ABSENT, f'pods "{place.pod}" not found')
        running = {one["name"] for one in pod["status"].get("containerStatuses", ()) if "running" in one["state"]}
        found = [one for one in pod["spec"]["containers"] if one["name"] == place.container]
        if not found:
            raise Rejected(Rejection.INVALID, f"container {place.container} is not valid for pod {place.pod}")
        if place.container not in running:
            raise Unavailable(f"The container {place.container} of {place.pod} does not run now.")
        claims = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in _claimed(pod)}
        return {**found[0], "claims": claims, "uid": pod["metadata"]["uid"]}

    def _volume(self, container: Object, place: Place, command: Sequence[str]) -> str:
        mounts = [one for one in container.get("volumeMounts", ()) if one["name"] in container["claims"]]
        if not mounts:
            return str(container["uid"])
        text = "\n".join(command)
        chosen = next((one for one in mounts if one["mountPath"] in text), mounts[0])
        claim = self._cluster.read("PersistentVolumeClaim", place.namespace, container["claims"][chosen["name"]])
        return str(claim["metadata"]["uid"]) if claim is not None else str(container["uid"])


def _claimed(pod: Object) -> Iterator[Object]:
    return (one for one in pod["spec"].get("volumes", ()) if "persistentVolumeClaim" in one)
