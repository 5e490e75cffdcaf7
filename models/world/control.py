"""The controllers of the simulated cluster: what was ordered through its API becomes pods, as Deployments and Jobs do it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from models.world import view
from models.world.apps import Role, ordered
from models.world.orders import Order, Wish, amounts
from models.world.timeline import Binding, Home, Incarnation, Run, Slot, Turn, Work

if TYPE_CHECKING:
    from models.world.course import Course

ENDS = 2.0
"""Seconds that a namespace takes to go at least; it goes when its last pod has gone."""
BACKED_OFF = 15.0
SHOWN = {"pull": ("ErrImagePull", "ImagePullBackOff"), "config": ("CreateContainerConfigError",) * 2}


class Control:
    """Acts on the timeline of a course. Every method is a happening at `x`."""

    def __init__(self, course: Course) -> None:
        self._course, self._timeline = course, course.timeline
        self._homes: dict[str, Home] = {}

    # orders

    def take(self, order: Order, x: float) -> None:
        """Let the order be noticed."""
        home = self._homes.get(order.namespace)
        if order.kind == "Node":
            self._cordon(order, x)
            return
        if order.kind == "Pod" and home is None:
            for pod in self._course.living():
                if pod.uid == order.uid:
                    self._course.stop(pod, x)
            return
        if order.kind == "Namespace":
            self._namespace(home, order, x)
            return
        if home is None:
            return
        match order.kind:
            case "Deployment" | "Job":
                self._work(home, order, x)
            case "PersistentVolumeClaim":
                self._claim(order, x)
            case "Pod" if order.value is None:
                for pod in self._inside(home):
                    if pod.uid == order.uid:
                        self._course.stop(pod, x)
                for work in list(home.works.values()):
                    self.settle(work, x)
            case "ResourceQuota":
                hard = None if order.value is None else dict(order.value["hard"])
                home.said.append((x, "quota", order.name, hard))
                self._again(home, x)
            case "Ingress":
                addresses = None if order.value is None else tuple(order.value["addresses"])
                home.said.append((x, "addresses", order.name, addresses))

    def _cordon(self, order: Order, x: float) -> None:
        machine = self._timeline.machines.get(order.name)
        if machine is not None and order.value is not None:
            machine.cordons.append((x, bool(order.value["unschedulable"])))
            self._course.retry(x)

    def _namespace(self, home: Home | None, order: Order, x: float) -> None:
        if order.value is None:
            if home is not None and home.uid == order.uid and home.deleted is None:
                self._end(home, x)
            return
        if home is None:
            home = self._homes[order.namespace] = Home(order.namespace, order.uid, x)
            self._timeline.homes.append(home)
        home.said.append((x, "labels", "", dict(order.value["labels"])))

    def _end(self, home: Home, x: float) -> None:
        home.deleted = x
        for work in home.works.values():
            self._leave(work, x)
        self._course.at(x + ENDS, partial(self._ended, home))

    def _ended(self, home: Home, x: float) -> None:
        """When the last pod has gone, everything else goes."""
        if home.ended is None and home.deleted is not None and x >= home.deleted + ENDS and not self._inside(home):
            home.ended = x
            for (namespace, _), binding in self._timeline.bindings.items():
                if namespace == home.name and binding.ended is None:
                    binding.ended = x
            if self._homes.get(home.name) is home:
                del self._homes[home.name]

    def _inside(self, home: Home) -> list[Incarnation]:
        return [pod for work in home.works.values() for slot in work.slots for pod in slot.pods if pod.gone is None]

    def _claim(self, order: Order, x: float) -> None:
        key = (order.namespace, order.name)
        there = self._timeline.bindings.get(key)
        if order.value is None:
            if there is not None and there.ended is None:
                there.ended = x
        elif there is not None and there.ended is None:
            there.requested = order.value["storage"]
        else:
            value = order.value
            self._timeline.bindings[key] = Binding(*key, value["class"], value["storage"], x, uid=order.uid, binds=value["binds"])

    # workloads

    def _work(self, home: Home, order: Order, x: float) -> None:
        key = (order.kind, order.name)
        work = home.works.get(key)
        if order.value is None:
            if work is not None and work.uid == order.uid:
                self._leave(work, x)
            return
        if home.deleted is not None:
            return
        wish, value = order.wish, order.value
        if work is None or work.uid != order.uid:
            work = home.works[key] = Work(order.kind, home.name, order.name, order.uid, x, value.get("retries", 0))
            self._timeline.works.append(work)
        before = work.turns[-1] if work.turns else None
        revision = 1 if before is None else before.revision + (before.wish.digest != wish.digest)
        copies = value.get("copies", 1)
        turn = Turn(x, order.generation, copies, revision, wish, value.get("recreate", False), float(value["deadline"]))
        if before is not None and (before.revision, before.copies) == (revision, copies):
            turn.complete = before.complete
        work.turns.append(turn)
        if order.kind == "Job" and before is None and turn.deadline:
            late = "Job was active longer than specified deadline"
            self._course.at(x + turn.deadline, partial(self._failed, work, late))
        self.settle(work, x)

    def _leave(self, work: Work, x: float) -> None:
        if work.ended is None:
            work.ended = x
            for slot in work.slots:
                self._retire(slot, x)

    def _retire(self, slot: Slot, x: float) -> None:
        slot.ended = x if slot.ended is None else slot.ended
        for pod in slot.pods:
            self._course.stop(pod, x)

    def settle(self, work: Work, x: float) -> None:
        """Bring its pods a step nearer to its newest turn: replaced ones first when it recreates, else one more and then one less."""
        if work.ended is not None or work.outcomes:
            return
        turn = work.turns[-1]
        for slot in _active(work):
            if slot.version == turn.revision and slot.replica >= turn.copies:
                self._retire(slot, x)
        if turn.recreate or not turn.copies:
            for slot in self._old(work):
                self._retire(slot, x)
            left = [slot for slot in work.slots if slot.version != turn.revision]
            if any(pod.gone is None for slot in left for pod in slot.pods):
                return
        self._fill(work, turn, x)
        old, ready = self._old(work), self._ready(work, turn.revision, x)
        for slot in sorted(old, key=lambda one: (self._stands(one, x), one.replica))[: max(0, len(old) + ready - turn.copies)]:
            self._retire(slot, x)
        if turn.complete is None and ready >= turn.copies and not self._old(work):
            turn.complete = x

    def _fill(self, work: Work, turn: Turn, x: float) -> None:
        new = {slot.replica: slot for slot in _active(work) if slot.version == turn.revision}
        room = turn.copies + 1 - len(_active(work)) if self._old(work) else turn.copies
        for replica in range(turn.copies):
            if replica not in new and room > 0:
                new[replica] = self._slot(work, turn, replica)
                room -= 1
        for slot in _active(work):
            if not slot.pods or slot.pods[-1].deleted is not None or slot.pods[-1].gone is not None:
                self._pod(work, slot, x)

    def _slot(self, work: Work, turn: Turn, replica: int) -> Slot:
        part = ordered(work.name, turn.wish)
        # the mind of a replica stays what it is through its versions
        mind = self._course.mind(f"{work.namespace}/{work.name}/{replica}@{work.uid}", part)
        slot = Slot(work.namespace, part, replica, mind, dict(turn.wish.labels), version=turn.revision, work=work)
        work.slots.append(slot)
        self._course.enlist(slot)
        return slot

    def _pod(self, work: Work, slot: Slot, x: float) -> None:
        refused = self._refusal(work, slot.component.wish, x)
        known = work.refusals[-1][1] if work.refusals else ""
        if refused != known:
            work.refusals.append((x, refused))
            if refused:
                self._course.speech.work(x, work, "Warning", "FailedCreate", f"Error creating: {refused}")
        if not refused:
            self._course.create(slot, x)
            home = self._homes[work.namespace]
            if slot.component.role is Role.WEB and slot not in home.web:
                home.web.append(slot)

    def _refusal(self, work: Work, wish: Wish | None, x: float) -> str:
        """Why no pod is made: Pod Security, or more than the quota leaves."""
        home = self._homes.get(work.namespace)
        if wish is None or home is None:
            return ""
        if wish.refused:
            return f'pods "{work.name}" is forbidden: {wish.refused}'
        used = usage([pod.slot.component.wish for pod in self._inside(home) if _counts(pod, x)])
        asked = usage([wish])
        for name, hard in sorted(home.known("quota", x).items()):
            for what, most in amounts(hard).items():
                if what in asked and used[what] + asked[what] > most + 1e-9:
                    told = ", ".join(
                        f"{word}: {what}={_told(what, amount)}"
                        for word, amount in (("requested", asked[what]), ("used", used[what]), ("limited", most))
                    )
                    return f'pods "{work.name}" is forbidden: exceeded quota: {name}, {told}'
        return ""

    def _old(self, work: Work) -> list[Slot]:
        return [slot for slot in _active(work) if slot.version != work.turns[-1].revision]

    def _ready(self, work: Work, revision: int, x: float) -> int:
        return sum(self._stands(slot, x) for slot in _active(work) if slot.version == revision)

    def _stands(self, slot: Slot, x: float) -> bool:
        pod = slot.pods[-1] if slot.pods else None
        if pod is None or pod.deleted is not None or pod.gone is not None or pod.node is None:
            return False
        node_ready = self._timeline.machines[pod.node].condition_at(x)[1] is True
        return view.ready_run(pod, x, node_ready) is not None

    # pods

    def stuck(self, pod: Incarnation, x: float) -> bool:
        """Whether its container cannot be made at all."""
        fault = pod.slot.component.wish.fault if pod.slot.component.wish is not None else ""
        if fault not in SHOWN:
            return False
        first, then = SHOWN[fault]
        pod.waits.append((x, first))
        image = pod.slot.component.image
        said = (
            f'Failed to pull image "{image}": not found' if fault == "pull" else "Error: secret or key of the container not found"
        )
        self._course.speech.pod(x, pod, "Warning", "Failed", said)
        if then != first:
            self._course.at(x + BACKED_OFF, partial(self._backed_off, pod, then))
        return True

    def _backed_off(self, pod: Incarnation, reason: str, x: float) -> None:
        if pod.deleted is None:
            pod.waits.append((x, reason))
            self._course.speech.pod(x, pod, "Normal", "BackOff", f'Back-off pulling image "{pod.slot.component.image}"')

    def began(self, pod: Incarnation, run: Run, x: float) -> None:
        """What an ordered container does after its start."""
        wish, number = pod.slot.component.wish, len(pod.runs)
        assert wish is not None  # noqa: S101  ordered ones have one
        course = self._course
        if wish.fault == "crash":
            run.ready = math.inf
            course.at(x + course.draw(3, 9, pod.uid, "crash", number), partial(course.ended, pod, run, "Error", 1))
        elif wish.fault == "oom":
            run.ready = math.inf
            run.leak_from, run.leak_full = x, x + course.draw(6, 14, pod.uid, "oom", number)
            course.at(run.leak_full, partial(course.ended, pod, run, "OOMKilled", 137))
        elif wish.kind == "Job":
            run.ready = x
            course.at(x + wish.job_seconds, partial(self._done, pod, run))
        elif run.ready < math.inf:
            run.ready += wish.start_delay
            course.at(run.ready, partial(self._readied, pod, run))
            if wish.leak_per_hour and wish.memory_limit:
                run.leak_from = run.ready
                run.leak_full = run.ready + 3600.0 * 0.4 * wish.memory_limit / wish.leak_per_hour
                course.at(run.leak_full, partial(course.ended, pod, run, "OOMKilled", 137))

    def _readied(self, pod: Incarnation, run: Run, x: float) -> None:
        if run.running(x) and pod.slot.work is not None:
            self.settle(pod.slot.work, x)

    def _done(self, pod: Incarnation, run: Run, x: float) -> None:
        work = pod.slot.work
        if work is None or work.ended is not None or work.outcomes or not run.running(x):
            return
        run.end, run.reason, run.code = x, "Completed", 0
        self._over(work, "Complete", "", x)

    def _over(self, work: Work, outcome: str, why: str, x: float) -> None:
        work.outcomes.append((x, outcome, why))
        for slot in work.slots:
            slot.ended = x
            for pod in slot.pods:
                if pod.gone is None:
                    pod.finished = x
        self._freed(work.namespace, x)

    def _failed(self, work: Work, why: str, x: float) -> None:
        if work.ended is None and not work.outcomes:
            for slot in work.slots:
                self._retire(slot, x)
            self._over(work, "Failed", why, x)

    def given_up(self, pod: Incarnation, x: float) -> bool:
        """Whether a Job's container that ended is not started again."""
        work = pod.slot.work
        if work is None or work.kind != "Job" or len(pod.runs) <= work.retries:
            return False
        self._failed(work, "Job has reached the specified backoff limit", x)
        return True

    def evicted(self, pod: Incarnation, x: float) -> None:
        """An ordered pod was deleted on a node that cannot end it."""
        work, wish = pod.slot.work, pod.slot.component.wish
        assert work is not None  # noqa: S101  ordered ones have one
        assert wish is not None  # noqa: S101  and a wish
        self.settle(work, x)
        self._course.at(x + wish.grace, partial(self._freed, work.namespace))

    def gone(self, pod: Incarnation, x: float) -> None:
        """An ordered pod has gone: its place may be filled again, and its namespace may end."""
        work = pod.slot.work
        assert work is not None  # noqa: S101  ordered ones have one
        self.settle(work, x)
        self._freed(work.namespace, x)

    def _freed(self, namespace: str, x: float) -> None:
        home = self._homes.get(namespace)
        if home is not None:
            self._again(home, x)
            self._ended(home, x)

    def _again(self, home: Home, x: float) -> None:
        """Workloads that were refused pods try again."""
        for work in list(home.works.values()):
            if work.refusals and work.refusals[-1][1]:
                self.settle(work, x)


def _active(work: Work) -> list[Slot]:
    return [slot for slot in work.slots if slot.ended is None]


def _counts(pod: Incarnation, x: float) -> bool:
    """Whether a quota counts it: not when it has finished, nor when it should have ended by now."""
    grace = pod.slot.component.wish.grace if pod.slot.component.wish is not None else 0.0
    return pod.finished is None and (pod.deleted is None or x < pod.deleted + grace)


def usage(wishes: list[Wish | None]) -> dict[str, float]:
    """What pods take of a quota."""
    known = [wish for wish in wishes if wish is not None]
    return {
        "requests.cpu": sum(wish.cpu for wish in known),
        "requests.memory": float(sum(wish.memory for wish in known)),
        "limits.cpu": sum(wish.cpu_limit for wish in known),
        "limits.memory": float(sum(wish.memory_limit for wish in known)),
        "pods": float(len(known)),
    }


def _told(what: str, amount: float) -> str:
    if what.endswith("cpu"):
        return f"{round(amount * 1000)}m"
    return f"{round(amount / 2**20)}Mi" if what.endswith("memory") else f"{round(amount)}"
