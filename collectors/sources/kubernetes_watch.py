"""List and watch of one kind on raw JSON: each object is parsed to its small value at once, and only that is kept.

The loop lists in pages, watches from there, goes on from the last resource version when a stream ends, and lists again on 410.
A watch is asked to end by the server before the client's own read timeout, so a silent connection is noticed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import urllib3

from collectors.sources.kubernetes_connection import Connection, Gone, Refused
from models.domain.clock import Clock
from models.domain.errors import Misconfigured, PlatformError, Unavailable

PAGE = 500
GRACE_SECONDS = 10
"""How much longer the client waits than it told the server to stream."""
DENIED_SECONDS = 30.0
LONGEST_BACKOFF = 8.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind to follow. Without an essential one there is no snapshot. `seconds` is how long one watch may last."""

    name: str
    path: str
    parse: Callable[[Mapping[str, Any]], Any]
    essential: bool = False
    seconds: tuple[int, int] = (240, 300)


@dataclass(frozen=True, slots=True)
class State:
    """How following a kind goes. `problem` is empty while it goes well; `denied` when only a person can change it."""

    synced: bool
    problem: str = ""
    failing_since: datetime | None = None
    denied: bool = False
    wrong: bool = False
    skipped: int = 0


Listener = Callable[[Kind, str, Any, Any], None]
"""Called with (kind, uid, value before or None, value now or None) under no lock, from the kind's own thread."""


def _arriving(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """What the server sends, as it comes; `stream` alone would wait for a full buffer where a proxy took the chunks away."""
    if response.chunked:
        yield from response.stream(65536)
    else:
        while data := response.read1(65536):
            yield data


class Watcher(threading.Thread):
    """Follows one kind in a thread of its own until `halt`. `objects` is its cache by uid; replaced values are never changed."""

    def __init__(
        self, kind: Kind, connection: Connection, clock: Clock, on_change: Listener, on_trouble: Callable[[Kind], None]
    ) -> None:
        super().__init__(name=f"watch-{kind.name}", daemon=True)
        self.kind = kind
        self._connection = connection
        self._clock = clock
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._halted = threading.Event()
        self._relist = threading.Event()
        self._reopen = threading.Event()
        self._lock = threading.Lock()
        self._objects: dict[str, Any] = {}
        self._state = State(synced=False)
        self._response: urllib3.BaseHTTPResponse | None = None
        self.version = 0

    @property
    def state(self) -> State:
        """How it goes; a thread that ended without being asked to is failing, whatever it said last."""
        if self.ident is not None and not self.is_alive() and not self._halted.is_set():
            self._ill(f"Following {self.kind.name} ended by an error of the program. Start the server again; its log says more.")
        return self._state

    def objects(self) -> list[Any]:
        """The values as they are now."""
        with self._lock:
            return list(self._objects.values())

    def halt(self) -> None:
        """End soon; a blocked read is cut."""
        self._halted.set()
        self._cut()

    def restart(self) -> None:
        """List everything anew."""
        self._relist.set()
        self._cut()

    def reconnect(self) -> None:
        """Open the stream anew from where it was; for when another kind found the connection dead."""
        self._reopen.set()
        self._cut()

    def run(self) -> None:
        version: str | None = None
        failures = errors = 0
        while not self._halted.is_set():
            try:
                if version is None or self._relist.is_set():
                    self._relist.clear()
                    version = self._list()
                    failures = 0
                for newer in self._watch(version):
                    version, failures = newer, 0
                self._well()
                errors = 0
            except Gone:
                version = None
                failures += 1
                self._pause(failures)
            except Refused as refused:
                version = None
                self._ill(f"The account may not list {self.kind.name}: {refused}", denied=True)
                self._halted.wait(DENIED_SECONDS)
            except PlatformError as error:
                if isinstance(error, Misconfigured):
                    self._connection.renew()
                failures += 1
                # a server restored from a backup may be behind our version: after some failures start from what it has
                version = version if failures < 4 else None
                self._ill(str(error), wrong=isinstance(error, Misconfigured))
                self._pause(failures)
            except Exception as error:
                _log.exception("following %s", self.kind.name)
                version = None
                errors += 1  # counted apart: that listing works does not mean that the next message is understood
                self._ill(
                    f"An error of the program in following {self.kind.name} ({type(error).__name__}: {error}). "
                    "They are listed again; the log says more."
                )
                self._pause(errors)

    def _pause(self, failures: int) -> None:
        seconds = min(LONGEST_BACKOFF, 0.25 * 2 ** min(failures, 10))
        self._halted.wait(seconds * (0.5 + random.random()))  # noqa: S311  jitter, no secret

    def _list(self) -> str:
        seen: dict[str, Any] = {}
        skipped = 0
        version, token = "", ""
        while True:
            query = [("limit", str(PAGE))] + ([("continue", token)] if token else [])
            page = self._connection.read(self.kind.path, query)
            for raw in page.get("items") or ():
                try:
                    seen[raw["metadata"]["uid"]] = self.kind.parse(raw)
                except (KeyError, ValueError, TypeError):
                    skipped += 1
            metadata = page.get("metadata") or {}
            version, token = metadata.get("resourceVersion") or "", metadata.get("continue") or ""
            if not token or self._halted.is_set():
                break
        with self._lock:
            before, self._objects = self._objects, seen
            self.version += 1
        self._well(skipped)
        for uid, value in seen.items():
            if before.get(uid) != value:
                self._on_change(self.kind, uid, before.get(uid), value)
        for uid in before.keys() - seen.keys():
            self._on_change(self.kind, uid, before[uid], None)
        return version

    def _watch(self, version: str) -> Iterator[str]:
        """The resource version after each message, until the server ends the stream."""
        seconds = random.randint(*self.kind.seconds)  # noqa: S311  spreads reconnections, no secret
        query = [("watch", "true"), ("resourceVersion", version), ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(seconds))]
        response = self._connection.get(self.kind.path, query, read_seconds=seconds + GRACE_SECONDS)
        self._response = response
        self._reopen.clear()
        self._well()
        try:
            for message in self._messages(response):
                if message["type"] == "ERROR":
                    problem = message.get("object") or {}
                    if problem.get("code") == 410:
                        raise Gone
                    raise Unavailable(f"The Kubernetes API ended the watch of {self.kind.name}: {problem.get('message')}")
                raw = message["object"]
                if message["type"] != "BOOKMARK":
                    self._take(message["type"], raw)
                yield raw["metadata"]["resourceVersion"]
                if self._halted.is_set() or self._relist.is_set():
                    return
        finally:
            self._response = None
            response.close()

    def _messages(self, response: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
        rest = b""
        try:
            for chunk in _arriving(response):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield json.loads(line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # AttributeError: http.client loses its file when another thread cuts the stream
            if self._halted.is_set() or self._relist.is_set() or self._reopen.is_set():
                return
            self._on_trouble(self.kind)
            raise self._connection.lost(error) from error

    def _take(self, verb: str, raw: Mapping[str, Any]) -> None:
        uid = raw["metadata"]["uid"]
        try:
            value = None if verb == "DELETED" else self.kind.parse(raw)
        except (KeyError, ValueError, TypeError):
            self._well(self._state.skipped + 1)
            return
        with self._lock:
            before = self._objects.pop(uid, None)
            if value is not None:
                self._objects[uid] = value
            if before == value:
                return
            self.version += 1
        self._on_change(self.kind, uid, before, value)

    def _well(self, skipped: int | None = None) -> None:
        self._state = State(synced=True, skipped=self._state.skipped if skipped is None else skipped)

    def _ill(self, problem: str, *, denied: bool = False, wrong: bool = False) -> None:
        was = self._state
        since = was.failing_since or self._clock.now()
        self._state = State(was.synced and not denied, problem, since, denied, wrong, was.skipped)

    def _cut(self) -> None:
        response = self._response
        if response is not None:
            with contextlib.suppress(ValueError, RuntimeError, OSError, NotImplementedError):
                response.shutdown()
