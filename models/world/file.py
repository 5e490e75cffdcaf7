"""The files in which processes share one simulated world: its state, and beside it what was made through its API."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from models.domain.clock import Clock, aware
from models.domain.cluster import Snapshot
from models.domain.errors import Invalid, Misconfigured, Unavailable
from models.world import faults
from models.world.faults import Fault, Kind
from models.world.objects import ObjectFile
from models.world.orders import Order, order
from models.world.state import State, begin, from_json, to_json
from models.world.world import World


class WorldFile:
    """One world, kept in a file that any process may change; every question sees the newest state of the file."""

    def __init__(self, path: Path | None, seed: int, clock: Clock) -> None:
        self._path, self._seed, self._clock = path, seed, clock
        self._lock = threading.RLock()
        self._mark: tuple[int, int, int] | None = None
        self._world: World | None = None
        self._seen: datetime | None = None
        self.objects = ObjectFile(None if path is None else path.with_name(f"{path.stem}-objects.sqlite"))
        """What was made through the API of its cluster, and the orders in it."""

    @property
    def world(self) -> World:
        """The world by the files' newest state; the first question begins it when there is none."""
        with self._lock:
            world = self._by_state()
            newest = self.objects.newest()
            if newest == world.taken:
                return world
            if newest < world.taken or not world.take(self._orders(world.taken)):
                world = self._world = World(world.state, self._orders(0))
            return world

    def close(self) -> None:
        """Let go of the files; the next question opens them again. A world in memory keeps what it has."""
        if self._path is not None:
            self.objects.close()

    def _orders(self, after: int) -> list[Order]:
        with self.objects.reading() as held:
            return [order(number, at, body) for number, at, body in held.noted(after)]

    def _by_state(self) -> World:
        with self._lock:
            if self._path is None:
                if self._world is None:
                    self._world = World(begin(self._seed, self._clock.now()))
                return self._world
            mark = _mark(self._path)
            if mark is None:
                with self._changing():
                    mark = _mark(self._path)
                    if mark is None:
                        _write(self._path, to_json(begin(self._seed, self._clock.now())))
                        mark = _mark(self._path)
            if self._world is None or mark != self._mark:
                state = from_json(_read(self._path))
                if self._world is None or state != self._world.state:
                    self._world = World(state)
                self._mark = mark
            return self._world

    def snapshot(self, at: datetime | None = None) -> Snapshot:
        """The cluster at `at`, or now."""
        return self.world.snapshot(at or self._clock.now())

    def fail(self, kind: Kind, target: str = "", *, until: datetime | None = None) -> None:
        """Let something go wrong from now on; `target` as in models.world.faults.Kind."""
        self._check(kind, target)
        fault = Fault(kind, target, self._clock.now(), until)
        self._change(lambda state: state.with_fault(fault))

    def mend(self, kind: Kind, target: str = "") -> None:
        """End a lasting fault now."""
        at = self._clock.now()
        self._change(lambda state: state.without_fault(kind, target, at))

    @property
    def seen(self) -> datetime | None:
        """Up to when changes of the cluster are stored; None: nobody ever looked."""
        if self._path is None:
            return self._seen
        with contextlib.suppress(FileNotFoundError):
            try:
                return aware(datetime.fromisoformat(json.loads(_read(self._beside("seen")))["upto"]))
            except (ValueError, KeyError, TypeError) as error:
                raise Misconfigured(
                    f"The file {self._beside('seen')} is damaged ({error}). Delete it: the cluster is then read anew."
                ) from error
        return None

    def see(self, upto: datetime) -> None:
        """Changes up to `upto` are stored."""
        if self._path is None:
            self._seen = upto
        else:
            _write(self._beside("seen"), json.dumps({"upto": upto.isoformat()}) + "\n")

    def begin_anew(self) -> None:
        """Throw the world away and begin one whose history ends now."""
        state = begin(self._seed, self._clock.now())
        with self._lock:
            self.objects.clear()
            if self._path is None:
                self._world, self._seen = World(state), None
                return
            self._world = None
            with self._changing():
                self._beside("seen").unlink(missing_ok=True)
                _write(self._path, to_json(state))

    def _change(self, change: Callable[[State], State]) -> None:
        with self._lock:
            if self._path is None:
                self._world = World(change(self.world.state))
                return
            self.world  # noqa: B018  the first question begins the file
            with self._changing():
                _write(self._path, to_json(change(from_json(_read(self._path)))))

    def _check(self, kind: Kind, target: str) -> None:
        now = self.snapshot()
        if kind in faults.ON_A_NODE:
            names = sorted(now.nodes)
        elif kind in faults.ON_A_COMPONENT:
            names = sorted(f"{w.namespace}/{w.name}" for w in now.workloads)
        else:
            names = [""]
        if target not in names:
            allowed = ", ".join(names) if names != [""] else "nothing, since it concerns all"
            raise Invalid(f"The fault {kind} cannot hit “{target}”. Allowed: {allowed}.", field="target")

    def _beside(self, suffix: str) -> Path:
        assert self._path is not None  # noqa: S101  callers asked before
        return self._path.with_name(f"{self._path.name}.{suffix}")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One process at a time reads, changes and writes."""
        path = self._beside("lock")
        with contextlib.ExitStack() as stack:
            with _sentence(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                held = stack.enter_context(path.open("a"))
                fcntl.flock(held, fcntl.LOCK_EX)
            yield


def open_world(path: Path | None, seed: int, clock: Clock) -> WorldFile:
    """The world of the file at `path`, begun with `seed` when there is none yet; None keeps it in memory."""
    return WorldFile(path, seed, clock)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        known = path.stat()
    except FileNotFoundError:
        return None
    return known.st_mtime_ns, known.st_ino, known.st_size


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Whole or not at all: readers see the old text or the new one. Raises Unavailable when it cannot be written."""
    with _sentence(path):
        _replace(path, text)


@contextlib.contextmanager
def _sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The file {path} of the simulated cluster could not be written: {error.strerror or error}. Free space on its disk and "
            "check that this user may write there; it is tried again."
        ) from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
