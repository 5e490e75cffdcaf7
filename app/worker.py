"""The second process: jobs that burn CPU or wait, on the same store, so that no batch freezes a page."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from app import container, logs, ownership
from app.config import Settings
from app.jobs.scheduler import Scheduler
from models.domain.jobs import JobHome

PARENT = "MOORAGE_PARENT"
"""Process id of the server that started this worker; when it is gone the worker ends too."""
_log = logs.logger(__name__)


def main(settings: Settings) -> None:
    """Run the worker's jobs until the process is asked to end, or until the server that started it is gone."""
    with ownership.work(settings.data):
        _main(settings)


def _main(settings: Settings) -> None:
    logs.set_up("worker", settings.log_level)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    parent = int(os.environ.get(PARENT, "0"))
    made = container.build_worker(settings)
    try:
        container.install(made)
        scheduler = Scheduler(made, JobHome.WORKER)
        scheduler.start()
        _log.info("worker is ready")
        while not ended.wait(0.5):
            if parent and os.getppid() != parent:
                _log.warning("the server is gone, so the worker ends")
                break
        scheduler.stop(seconds=3)
    finally:
        container.install(None)
        made.close()
