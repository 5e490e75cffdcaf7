"""Writers of one process take turns in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from models.domain.errors import Unavailable


class Turns:
    """SQLite lets a waiting writer sleep and try again, so that with many of them one may lose every time; here nobody is overtaken."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._change = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._change:
            return len(self._waiting)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises Unavailable when the turn does not come in time."""
        self._wait(threading.Event())
        try:
            yield
        finally:
            with self._change:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._taken = False

    def _wait(self, mine: threading.Event) -> None:
        with self._change:
            if not self._taken:
                self._taken = True
                return
            self._waiting.append(mine)
        if mine.wait(self._seconds):
            return
        with self._change:
            if mine in self._waiting:  # else it was given the turn in the very moment in which its patience ended
                self._waiting.remove(mine)
                raise Unavailable("Too much was being written to the operational database at once. It will be tried again.")
