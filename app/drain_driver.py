"""Drains of nodes, carried out by the worker: a look at the node, then those of its pods that are due are asked to leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.background import Background
from app.container import Container
from app.jobs.runner import new_worker
from app.logs import logger
from app.services import drain_turns as turns
from app.services.drain_turns import DrainTurn
from app.services.nodes import MISSING, NO_NODE
from models.domain import draining
from models.domain.access import job_actor
from models.domain.draining import Guest, Progress
from models.domain.errors import PlatformError
from provisioner.cluster import Rejected, Rejection
from provisioner.cluster.nodes import Nodes

log = logger(__name__)
ACTOR = job_actor("drains")
PAUSE_SECONDS = 1.0


class DrainDriver(Background):
    """Works on what is due until it is stopped. Any number of processes may run one, and any of them may be killed anywhere:

    what has left is seen on the node, and an eviction names the very pod, so that its successor is never meant.
    """

    def __init__(self, container: Container, nodes: Nodes, *, lease: timedelta = turns.LEASE) -> None:
        super().__init__("drains")
        self._container = container
        self._nodes = nodes
        self._lease = lease
        self._holder = new_worker()

    def run(self) -> None:
        while not self.stopping.wait(PAUSE_SECONDS):
            self.once()

    def once(self) -> int:
        """Give every drain that is due one turn; how many there were."""
        try:
            with self._container.reading(ACTOR, "job") as ctx:
                found = turns.due(ctx, cluster=self._container.settings.cluster, limit=20)
        except PlatformError as error:
            log.warning("drains cannot be looked for", error=error)
            return 0
        for one in found:
            self.one(one)
        return len(found)

    def one(self, drain_id: str) -> None:
        """One turn; what goes wrong is written down and never escapes."""
        if self.stopping.is_set():
            return
        try:
            with self._container.transaction(ACTOR, "job") as ctx:
                turn = turns.take(ctx, drain_id=drain_id, holder=self._holder, lease=self._lease)
            if turn is not None:
                self._carry_out(turn)
        except PlatformError as error:
            log.warning("a drain's turn failed", drain=drain_id, error=error, code=error.code)
        except Exception:  # a bug met on one node must not end the work on all others; its lease ends and it is tried again
            log.exception("a drain's turn failed unexpectedly", drain=drain_id)

    def _carry_out(self, turn: DrainTurn) -> None:
        pods, why, failed = turn.pods, "", False
        try:
            self._nodes.cordon(turn.node, True)
            guests = self._nodes.guests(turn.node)
            pods = draining.seen(pods, guests, self._container.clock.now())
            pods = self._asked(turn, pods, {one.uid: one for one in guests})
        except Rejected as refused:
            why, failed = str(refused), not refused.retryable
            if refused.rejection is Rejection.FORBIDDEN:
                why = MISSING.format(rights=", ".join(self._nodes.lacking()) or str(refused))
            elif refused.rejection is Rejection.ABSENT:
                why, failed = NO_NODE, True
        except PlatformError as error:
            why, failed = str(error), not error.retryable
        with self._container.transaction(ACTOR, "job") as ctx:
            turns.record(ctx, turn=turn, pods=pods, why=why, failed=failed)

    def _asked(self, turn: DrainTurn, pods: tuple[Progress, ...], guests: dict[str, Guest]) -> tuple[Progress, ...]:
        """All pods after those that are due were asked; none is asked any more once a person stopped the drain."""
        after = {one.uid: one for one in pods}
        for one in draining.due(pods, self._container.clock.now()):
            with self._container.reading(ACTOR, "job") as ctx:
                if self.stopping.is_set() or not turns.goes_on(ctx, turn=turn):
                    break
            try:
                answer = self._nodes.evict(guests[one.uid])
            except Rejected as refused:
                if refused.rejection is Rejection.FORBIDDEN and self._nodes.lacking():
                    raise
                # a webhook that guards this pod, or a namespace that is ending: the others need not wait for it
                after[one.uid] = draining.held(one, str(refused), self._container.clock.now())
                continue
            now = self._container.clock.now()
            if answer.held:
                after[one.uid] = draining.held(one, answer.why, now, wished=answer.retry_after_seconds)
            else:
                after[one.uid] = draining.left(replace(one, tries=0), now)
        return tuple(after.values())
