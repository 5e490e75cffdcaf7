"""How the world goes on: a queue of happenings in order of time, each of which may bring about later ones.

Nothing looks ahead: what happened up to an instant is the same whatever is ordered to happen after it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count

from models.domain.cluster import Resources
from models.domain.placement import Placed, place
from models.world import chance, view
from models.world.apps import PLANS, READY_AFTER, SYSTEM, TOLERATED, Component, personality
from models.world.control import Control
from models.world.curves import DAY, Office, Personality
from models.world.faults import Fault, Kind
from models.world.orders import LOCAL, NOTICED, Order
from models.world.speech import Speech
from models.world.tenants import IDLE, TENANTS, App, Tenant
from models.world.timeline import Binding, Boot, Incarnation, Machine, Run, Slot, Timeline

BEGAN = -330 * DAY
"""When the machines were switched on."""
CAPACITY = Resources(4.0, 8 * 2**30, 110)
ALLOCATABLE = Resources(3.9, int(7.6 * 2**30), 110)
SILENT = 40.0
"""Seconds after which the control plane notices that a node is silent; later, when they tolerate it no more, it drives pods away."""
BOOT = 25.0
UPDATES = 27 * DAY
"""Mean time between two versions of an app."""


class Course:
    """The simulation; `advance` takes it on, `timeline` is what happened so far."""

    def __init__(
        self, seed: int, midnight: float, faults: Sequence[tuple[Fault, float, float]], fades_at: float, nodes: int = 3
    ) -> None:
        """`faults` with their start and end in seconds since the epoch; an end may be infinite."""
        self.timeline = Timeline()
        self._seed, self._midnight, self._faults, self._fades_at = seed, midnight, faults, fades_at
        self._queue: list[tuple[float, int, int, Callable[[float], None]]] = []
        self._order = count()
        self._reached = -math.inf
        self._waiting: list[Incarnation] = []
        self.speech = Speech(self.timeline, seed)
        self.active: list[Slot] = []
        """Those that have or may get a pod."""
        self._control = Control(self)
        for number in range(1, nodes + 1):
            self._machine(f"node-{number}", f"10.20.{(10 + number) // 250}.{(10 + number) % 250}")
        for namespace, parts in SYSTEM.items():
            self.at(BEGAN + 60, partial(self._begin, namespace, {"kubernetes.io/metadata.name": namespace}, parts))
        for tenant in TENANTS:
            for app in tenant.apps:
                self.at(app.day * DAY + self.draw(0, DAY / 3, tenant.namespace(app), "hour"), partial(self._order_app, tenant, app))
        for fault, start, end in faults:
            self._order_fault(fault, start, end)

    def advance(self, x: float) -> None:
        """Let everything up to and including `x` happen."""
        while self._queue and self._queue[0][0] <= x:
            at, _, _, happens = heapq.heappop(self._queue)
            happens(at)
        self._reached = max(self._reached, x)

    def take(self, order: Order, x: float) -> bool:
        """Let an order that was written at `x` be noticed in time; False when that time has passed already.

        It comes before all that happens at the same instant, so that it makes no difference when it was taken.
        """
        if x + NOTICED <= self._reached:
            return False
        happens: Callable[[float], None] = partial(self._control.take, order)
        heapq.heappush(self._queue, (x + NOTICED, 0, order.number, happens))
        return True

    def at(self, x: float, happens: Callable[[float], None]) -> None:
        """Let something happen at `x`."""
        heapq.heappush(self._queue, (x, 1, next(self._order), happens))

    def mind(self, name: str, part: Component, fades_at: float = math.inf) -> Personality:
        return personality(self._seed, name, part, fades_at=fades_at, midnight=self._midnight)

    def draw(self, low: float, high: float, *names: object) -> float:
        return chance.between(low, high, self._seed, *names)

    # machines

    def _machine(self, name: str, address: str) -> None:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64"}
        if not self.timeline.machines:
            labels["node-role.kubernetes.io/control-plane"] = "true"
        machine = Machine(name, chance.uid(self._seed, "node", name), address, CAPACITY, ALLOCATABLE, labels, BEGAN)
        machine.boots.append(Boot(BEGAN))
        machine.conditions.append((BEGAN + BOOT, True, "KubeletReady"))
        self.timeline.machines[name] = machine

    def _power_off(self, machine: Machine, x: float) -> None:
        boot = machine.boot_at(x)
        if boot is None:
            return
        boot.end = x
        for pod in self._on(machine, x):
            index = pod.run_at(x)
            if index >= 0 and pod.runs[index].running(x):
                run = pod.runs[index]
                run.end, run.reason, run.code = x, "power", 255
        self.at(x + SILENT, partial(self._notice, machine, boot))

    def _notice(self, machine: Machine, boot: Boot, x: float) -> None:
        if machine.boots[-1] is not boot:
            return  # it is back already
        machine.conditions.append((x, None, "NodeStatusUnknown"))
        self.speech.node(x, machine, "Normal", "NodeNotReady", f"Node {machine.name} status is now: NodeNotReady")
        for seconds in sorted({TOLERATED} | {pod.slot.component.tolerated for pod in self._on(machine, x)}):
            self.at(x + seconds, partial(self._evict, machine, boot, seconds))

    def _evict(self, machine: Machine, boot: Boot, tolerated: float, x: float) -> None:
        if machine.boots[-1] is not boot:
            return
        for pod in self._on(machine, x):
            if pod.deleted is None and pod.slot.component.tolerated == tolerated:
                pod.deleted = x
                self.speech.pod(x, pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {view.full_name(pod)}")
                if pod.slot.work is not None:
                    self._control.evicted(pod, x)
                elif pod.slot.component.kind == "Deployment":
                    self.create(pod.slot, x)

    def _power_on(self, machine: Machine, x: float) -> None:
        if machine.boot_at(x) is None:
            machine.boots.append(Boot(x))
            self.at(x + BOOT, partial(self._kubelet_up, machine, machine.boots[-1]))

    def _kubelet_up(self, machine: Machine, boot: Boot, x: float) -> None:
        if machine.boot_at(x) is not boot:
            return
        if machine.conditions[-1][1] is not True:
            machine.conditions.append((x, True, "KubeletReady"))
            self.speech.node(x, machine, "Normal", "NodeReady", f"Node {machine.name} status is now: NodeReady")
        for pod in self._on(machine, x):
            if pod.deleted is not None:
                self._gone(pod, x)
            else:
                self.at(x + self.draw(1, 12, pod.uid, "again", x), partial(self._start, pod))
        self.retry(x)

    def _on(self, machine: Machine, x: float) -> list[Incarnation]:
        return [pod for pod in self.living() if pod.node == machine.name]

    def living(self) -> list[Incarnation]:
        if any(slot.ended is not None for slot in self.active):
            self.active = [slot for slot in self.active if slot.ended is None or any(pod.gone is None for pod in slot.pods)]
        return [pod for slot in self.active for pod in slot.pods[-4:] if pod.gone is None and pod.finished is None]

    # apps

    def _order_app(self, tenant: Tenant, app: App, x: float) -> None:
        names = {
            "kubernetes.io/metadata.name": tenant.namespace(app),
            "moorage.dev/organization": tenant.slug,
            "moorage.dev/instance": app.template,
            "moorage.dev/template": app.template,
            "moorage.dev/plan": app.plan.lower(),
        }
        self._begin(tenant.namespace(app), names, PLANS[app.template, app.plan], x)
        self.at(
            x + self.draw(0.4, 1.6, tenant.namespace(app), "update", 0) * UPDATES, partial(self._update, tenant.namespace(app), 0)
        )

    def _begin(self, namespace: str, labels: Mapping[str, str], parts: Sequence[Component], x: float) -> None:
        self.timeline.namespaces[namespace] = (x, dict(labels))
        owner = {key: value for key, value in labels.items() if key.startswith("moorage.dev/")}
        for part in parts:
            if part.claim:
                size = part.volume_gib * 2**30
                slot_of = Binding(namespace, part.claim, part.storage_class, size, x)
                self.timeline.bindings[namespace, part.claim] = slot_of
            for replica in range(part.replicas):
                name = f"{namespace}/{part.name}/{replica}"
                fades = self._fades_at if namespace == IDLE else math.inf
                mind = self.mind(name, part, fades)
                tags = {"app.kubernetes.io/name": part.name, "app.kubernetes.io/managed-by": "moorage", **owner}
                slot = Slot(namespace, part, replica, mind, tags)
                self.enlist(slot)
                self.create(slot, x + self.draw(0.2, 2.0, name, "create"))

    def _update(self, namespace: str, number: int, x: float) -> None:
        """A new version of the app: each of its pods is replaced, the old one first, since volumes have one user."""
        for slot in self.timeline.slots:
            if slot.namespace == namespace and slot.component.kind == "Deployment":
                slot.version += 1
                wait = self.draw(0, 20, slot.name, "wait", number) + 45 * slot.replica
                self.at(x + wait, partial(self._replace, slot))
        pause = self.draw(0.4, 1.6, namespace, "update", number + 1) * UPDATES
        self.at(x + pause, partial(self._update, namespace, number + 1))

    def _replace(self, slot: Slot, x: float) -> None:
        old = slot.pods[-1]
        if old.deleted is None:
            old.deleted = x
            self.create(slot, x)
            self._kill(old, x)

    def stop(self, pod: Incarnation, x: float) -> None:
        """Delete the pod, unless that was done before."""
        if pod.deleted is None and pod.gone is None:
            pod.deleted = x
            self._kill(pod, x)

    def _kill(self, pod: Incarnation, x: float) -> None:
        self.speech.pod(x, pod, "Normal", "Killing", f"Stopping container {pod.slot.component.container}")
        self.at(x + self.draw(1, 6, pod.uid, "stop"), partial(self._stopped, pod))

    def _stopped(self, pod: Incarnation, x: float) -> None:
        powered = pod.node is None or self.timeline.machines[pod.node].boot_at(x) is not None
        if pod.gone is None and powered:
            self._gone(pod, x)

    def _gone(self, pod: Incarnation, x: float) -> None:
        pod.gone = x
        if pod.runs and pod.runs[-1].end is None:
            pod.runs[-1].end, pod.runs[-1].reason = x, "Completed"
        if pod in self._waiting:
            self._waiting.remove(pod)
        if pod.slot.work is not None:
            self._control.gone(pod, x)
        elif pod.slot.pods[-1] is pod:
            self.create(pod.slot, x + 0.5)
        self.retry(x)

    # pods

    def enlist(self, slot: Slot) -> None:
        """From now on it may get pods."""
        slot.offices += [
            Office(start, end, self._midnight)
            for fault, start, end in self._faults
            if fault.kind is Kind.NOISY and fault.target == slot.workload and slot.replica == 0
        ]
        self.timeline.slots.append(slot)
        self.active.append(slot)

    def create(self, slot: Slot, x: float) -> None:
        """Make its next pod."""
        number = len(slot.pods)
        uid = chance.uid(self._seed, "pod", slot.name, number)
        pod = Incarnation(slot, uid, view.pod_name(self._seed, slot, number), slot.version, x)
        slot.pods.append(pod)
        self.timeline.pods.append(pod)
        self.at(x, partial(self._schedule, pod))

    def _schedule(self, pod: Incarnation, x: float) -> None:
        if pod.node is not None or pod.deleted is not None:
            return
        machines = self.timeline.machines.values()
        nodes = {machine.name: view.node(machine, x) for machine in machines}
        left = {machine.name: machine.allocatable for machine in machines}
        for other in self.living():
            if other.node is not None:
                left[other.node] -= other.slot.component.request
        claims = {
            key: view.claim(binding, x, self._seed)
            for key, binding in self.timeline.bindings.items()
            if key[0] == pod.slot.namespace and binding.ended is None
        }
        answer = place(view.pod(pod, x, True), nodes, left, claims)
        lacking = next((name for name in pod.slot.component.volumes if self._unbound(pod.slot, name)), "")
        if not isinstance(answer, Placed) or lacking:
            why = (
                answer.sentence if not isinstance(answer, Placed) else f"pod has unbound immediate PersistentVolumeClaim {lacking}"
            )
            pod.refusals.append((x, why))
            self.speech.pod(x, pod, "Warning", "FailedScheduling", why)
            if pod not in self._waiting:
                self._waiting.append(pod)
            self.at(x + TOLERATED, partial(self._schedule, pod))
            return
        pod.node, pod.scheduled = answer.node, x
        if pod in self._waiting:
            self._waiting.remove(pod)
        for name in pod.slot.component.volumes:
            binding = self.timeline.bindings.get((pod.slot.namespace, name))
            if binding is not None and binding.bound is None:
                binding.bound = x
                binding.node = answer.node if binding.storage_class == LOCAL else None
        self.speech.pod(x, pod, "Normal", "Scheduled", f"Successfully assigned {view.full_name(pod)} to {answer.node}")
        self.at(x + self.draw(0.8, 5.0, pod.uid, "pull"), partial(self._start, pod))

    def _unbound(self, slot: Slot, claim: str) -> bool:
        """Whether an ordered claim is not there, or is one that never gets a volume."""
        binding = self.timeline.bindings.get((slot.namespace, claim))
        return slot.work is not None and (binding is None or binding.ended is not None or not binding.binds)

    def retry(self, x: float) -> None:
        for pod in list(self._waiting):
            self._schedule(pod, x)

    def _start(self, pod: Incarnation, x: float) -> None:
        running = bool(pod.runs) and pod.runs[-1].running(x)
        if pod.deleted is not None or running or pod.node is None or self.timeline.machines[pod.node].boot_at(x) is None:
            return
        if pod.slot.work is not None and self._control.stuck(pod, x):
            return
        part, number = pod.slot.component, len(pod.runs)
        low, high = READY_AFTER[part.role]
        same = bool(pod.runs) and pod.runs[-1].reason != "power"
        run = Run(x, x + self.draw(low, high, pod.uid, "ready", number), sandbox=pod.runs[-1].sandbox if same else x)
        pod.runs.append(run)
        self.speech.pod(x, pod, "Normal", "Started", f"Started container {part.container}")
        if self._active(Kind.CRASH_LOOP, pod.slot.workload, x):
            run.ready = math.inf
            self.at(x + self.draw(3, 9, pod.uid, "crash", number), partial(self.ended, pod, run, "Error", 1))
        elif self._active(Kind.LEAK, pod.slot.workload, x):
            self._leak(pod, run, x)
        if pod.slot.work is not None:
            self._control.began(pod, run, x)

    def _leak(self, pod: Incarnation, run: Run, x: float) -> None:
        run.leak_from = x
        run.leak_full = x + self.draw(17, 31, pod.uid, "leak", len(pod.runs)) * 3600.0
        self.at(run.leak_full, partial(self._leaked, pod, run))

    def _leaked(self, pod: Incarnation, run: Run, x: float) -> None:
        if run.leak_stops is None:
            self.ended(pod, run, "OOMKilled", 137, x)

    def ended(self, pod: Incarnation, run: Run, reason: str, code: int, x: float) -> None:
        """A container ended by itself or was killed; it is started again after a while."""
        if run.end is not None:
            return
        if x - run.start > 600:
            pod.strikes = 0
        run.end, run.reason, run.code = x, reason, code
        run.back_off = min(300.0, 10.0 * 2 ** min(pod.strikes - 1, 5)) if pod.strikes else 1.0
        pod.strikes += 1
        if self._control.given_up(pod, x):
            return
        name = pod.slot.component.container
        if run.back_off > 1.0:
            message = f"Back-off restarting failed container {name} in pod {pod.name}_{pod.slot.namespace}({pod.uid})"
            self.speech.pod(x, pod, "Warning", "BackOff", message)
        self.at(x + run.back_off, partial(self._start, pod))

    # faults

    def _active(self, kind: Kind, target: str, x: float) -> bool:
        return any(f.kind is kind and f.target == target and start <= x < end for f, start, end in self._faults)

    def _order_fault(self, fault: Fault, start: float, end: float) -> None:
        match fault.kind:
            case Kind.NODE_OFF if fault.target in self.timeline.machines:
                machine = self.timeline.machines[fault.target]
                self.at(start, partial(self._power_off, machine))
                if end < math.inf:
                    self.at(end, partial(self._power_on, machine))
            case Kind.CRASH | Kind.CRASH_LOOP:
                self.at(start, partial(self._strike, fault.target, "Error", 1))
            case Kind.OOM:
                self.at(start, partial(self._strike, fault.target, "OOMKilled", 137))
            case Kind.LEAK:
                self.at(start, partial(self._spring, fault.target))
                if end < math.inf:
                    self.at(end, partial(self._mend, fault.target))
            case _:
                pass  # a noisy neighbour is known to its slots; the others concern who measures, not the cluster

    def _running(self, target: str, x: float) -> list[tuple[Incarnation, Run]]:
        pods = [pod for pod in self.living() if pod.slot.workload == target and pod.runs]
        return [(pod, pod.runs[-1]) for pod in pods if pod.runs[-1].running(x)]

    def _strike(self, target: str, reason: str, code: int, x: float) -> None:
        for pod, run in self._running(target, x):
            self.ended(pod, run, reason, code, x)

    def _spring(self, target: str, x: float) -> None:
        for pod, run in self._running(target, x):
            self._leak(pod, run, x)

    def _mend(self, target: str, x: float) -> None:
        for _, run in self._running(target, x):
            run.leak_stops = x
