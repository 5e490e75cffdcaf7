"""A thread that does one thing again and again, at times of a grid, never twice at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from models.domain import clock as clocks
from models.domain.clock import Clock

LOOK_SECONDS = 1.0
"""How long it sleeps at most before it looks at the clock again, which somebody may have set."""

log = logging.getLogger(__name__)


class Duty(threading.Thread):
    """Calls `work(now)` at once, then whenever `due(now)`, the next time after now, has come.

    Work that takes longer than a step makes the next one late, never parallel; what was missed meanwhile is left to whoever fills
    gaps. An exception is logged and the thread goes on.
    """

    def __init__(self, name: str, work: Callable[[datetime], None], due: Callable[[datetime], datetime], clock: Clock) -> None:
        super().__init__(name=f"collect-{name}", daemon=True)
        self._work, self._due, self._clock = work, due, clock
        self._awake = threading.Event()
        self._halted = False

    def wake(self) -> None:
        """Work now, before its time."""
        self._awake.set()

    def halt(self) -> None:
        self._halted = True
        self._awake.set()

    def run(self) -> None:
        while not self._halted:
            try:
                self._work(self._clock.now())
            except Exception:
                if not self._halted:
                    log.exception("collection: %s failed", self.name)
            self._sleep()

    def _sleep(self) -> None:
        now = self._clock.now()
        at = self._due(now)
        while now < at and not self._awake.wait(min(LOOK_SECONDS, (at - now).total_seconds())):
            now = self._clock.now()
            at = min(at, self._due(now)) if now < at else at  # the clock may have been set back
        if not self._halted:
            self._awake.clear()


def end(duties: list[Duty], seconds: float) -> bool:
    """Halt all and wait for them, `seconds` together; whether all have ended."""
    for duty in duties:
        duty.halt()
    until = clocks.stopwatch() + seconds
    for duty in duties:
        duty.join(max(0.0, until - clocks.stopwatch()))
    return not any(duty.is_alive() for duty in duties)
