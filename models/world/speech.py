"""What the cluster says about its objects: the same sentence again within the hour only counts on, as the API's events do."""

from __future__ import annotations

from models.world import chance
from models.world.timeline import Incarnation, Machine, Saying, Timeline, Work

FORGOTTEN = 3600.0


class Speech:
    """Appends to the timeline's sayings."""

    def __init__(self, timeline: Timeline, seed: int) -> None:
        self._said, self._seed = timeline.sayings, seed
        self._last: dict[tuple[str, str, str], Saying] = {}

    def pod(self, x: float, pod: Incarnation, type_: str, reason: str, message: str) -> None:
        who = {"Scheduled": "default-scheduler", "FailedScheduling": "default-scheduler"}.get(reason, "kubelet")
        if reason == "TaintManagerEviction":
            who = "taint-eviction-controller"
        self._say(x, pod.slot.namespace, "Pod", pod.name, pod.uid, type_, reason, message, who)

    def node(self, x: float, machine: Machine, type_: str, reason: str, message: str) -> None:
        who = "kubelet" if reason == "NodeReady" else "node-controller"
        self._say(x, "", "Node", machine.name, machine.uid, type_, reason, message, who)

    def work(self, x: float, work: Work, type_: str, reason: str, message: str) -> None:
        who = "job-controller" if work.kind == "Job" else "replicaset-controller"
        self._say(x, work.namespace, work.kind, work.name, work.uid, type_, reason, message, who)

    def _say(
        self, x: float, namespace: str, kind: str, name: str, uid: str, type_: str, reason: str, message: str, who: str
    ) -> None:
        key = (uid, reason, message)
        before = self._last.get(key)
        again = before is not None and x - before.x <= FORGOTTEN
        saying = Saying(
            x, namespace, kind, name, uid, type_, reason, message, who,
            uid=before.uid if before and again else chance.uid(self._seed, "event", *key, x),
            count=before.count + 1 if before and again else 1,
            first=before.first if before and again else x,
        )  # fmt: skip
        self._last[key] = saying
        self._said.append(saying)
