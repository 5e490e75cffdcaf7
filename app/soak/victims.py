"""Processes that are made to be killed: forked from one server that has imported what they need, so that a start costs no imports."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from multiprocessing.context import ForkServerContext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

PRELOADED = ["pandas", "pyarrow.dataset", "app.soak.collector", "app.soak.jobs", "app.soak.provisioner", "app.soak.renewals"]
"""All, because a process has one such server and the first who asks starts it. DuckDB imports the first two with the first frame."""


def context() -> ForkServerContext:
    """Where victims are made; their functions and arguments must be picklable."""
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(PRELOADED)
    return methods


def kill(process: BaseProcess) -> int | None:
    """SIGKILL at once, then wait for the end. The exit code when it had ended by itself before, else None."""
    with contextlib.suppress(ProcessLookupError):
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
    process.join()
    return None if process.exitcode == -signal.SIGKILL else process.exitcode
