"""Work that a process does in a thread of its own until it is asked to stop."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """`run` is called once, in a thread called `name`, and ends soon after `stopping` is set."""

    def __init__(self, name: str) -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    @abstractmethod
    def run(self) -> None: ...

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Ask it to end and wait so long; what is cut off then is taken up by the next process."""
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
