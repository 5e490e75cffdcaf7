"""Timers of open pages that would draw again what is drawn already: they are dropped before a script runs for them.

Streamlit's browser asks for a live panel every few seconds and waits for no answer; most of the time nothing has changed since.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Literal

from google.protobuf.message import DecodeError
from starlette.concurrency import run_in_threadpool
from starlette.types import Message
from streamlit.proto.BackMsg_pb2 import BackMsg

from app import container
from models.domain.clock import stopwatch

MOST_PANELS = 1000
GRACE_SECONDS = 5.0
"""With a tick: how long what the cluster does not tell, such as a name that was changed by somebody else, may be missing."""

DEVELOPERS = frozenset({"clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"})
OPERATIONS: tuple[Literal["deferred_file", "dataframe_chunk"], ...] = ("deferred_file", "dataframe_chunk")
"""What a page asks the server for beside its runs. The others write into the server's directories."""
_log = logging.getLogger(__name__)
_panels: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def follows_cluster(fragment_id: str) -> None:
    """Of this panel (Streamlit's id, the same in every session) polls without news of the cluster are dropped."""
    with _lock:
        _panels[fragment_id] = None
        _panels.move_to_end(fragment_id)
        while len(_panels) > MOST_PANELS:
            _panels.popitem(last=False)


class Polls:
    """What one open page asked for. A poll passes when the cluster has news since the last that passed, or that is a tick ago."""

    def __init__(self, news: Callable[[], int], longest: float) -> None:
        self._news, self._longest = news, longest
        self._page: tuple[int, float] | None = None
        self._drawn: dict[str, tuple[int, float]] = {}

    async def passes(self, message: Message) -> bool:
        """Whether the page needs to see this message: not a timer's rerun that would change nothing, nor what is for developers."""
        raw = message.get("bytes")
        if not raw:
            return True
        asked = BackMsg()
        try:
            asked.ParseFromString(raw)
        except DecodeError:
            return True  # whoever reads it next says what is wrong with it
        if _for_developers(asked):
            return False
        if asked.WhichOneof("type") != "rerun_script":
            return True
        panel = asked.rerun_script.fragment_id
        by_timer = asked.rerun_script.is_auto_rerun and bool(panel)
        if by_timer and panel not in _panels:
            return True
        try:
            state = (await run_in_threadpool(self._news), stopwatch())
        except Exception:
            # the page itself shows what is wrong; an error here would end its connection, and the browser would begin again for ever
            _log.exception("whether the cluster has news cannot be told")
            return True
        if not by_timer:
            # somebody did something: all that follows is compared with what this run finds
            self._page = state
            self._drawn.clear()
            return True
        before = self._drawn.get(panel, self._page)
        if before is not None and before[0] == state[0] and state[1] - before[1] < self._longest:
            return False
        self._drawn[panel] = state
        return True


def _for_developers(asked: BackMsg) -> bool:
    """Whether it is an order of Streamlit's developer menu: it would work on the whole server, for everybody, and needs no right."""
    kind = asked.WhichOneof("type")
    if kind == "backend_operation_request":
        request = asked.backend_operation_request
        return not any(request.HasField(name) for name in OPERATIONS)
    return kind in DEVELOPERS


def of_a_page() -> Callable[[Message], Awaitable[bool]]:
    """For a page that is opened now."""
    live = container.current()
    return Polls(live.news.number, live.settings.tick.total_seconds() + GRACE_SECONDS).passes
