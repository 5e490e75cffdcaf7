"""Answers about the whole cluster that cost much and are the same for all who may have them, kept until what they say has changed."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from sqlmodel import Session

from models.domain.cluster import Snapshot
from models.store.session import Store

if TYPE_CHECKING:
    import polars as pl

    from app.context import ClusterView, WarehouseView
    from collectors.sources.port import SourceHealth

T = TypeVar("T")
Mark = Literal["store", "warehouse", "windows", "samples", "cluster"]
"""What an answer is made from: the store's rows, all of the warehouse, its windows only, the newest samples, the cluster now."""

MOST = 500
"""Answers that are kept at once; the one that was not asked for the longest goes first."""
GLANCE = timedelta(seconds=2)
"""How long one look at the cluster serves all readers, and with it everything that is made from it."""
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Answer:
    version: Hashable
    at: datetime
    value: Any


@dataclass(slots=True)
class _Flight:
    """A computation that is under way; others who want its answer wait for it."""

    version: Hashable
    ended: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    good: bool = False


class Keep:
    """Kept answers of one process, by question. Any thread may ask; many at once who ask the same let one of them compute.

    A failure is not kept: each who waited for it asks for themselves. Callers check rights before they ask.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._serial = itertools.count(1)

    def answer(self, question: Hashable, version: Hashable, now: datetime, most: timedelta, compute: Callable[[], T]) -> T:
        """The kept answer, when it was made from `version` less than `most` before `now`; else a new one."""
        with self._lock:
            known = self._good(question, version, now, most)
            if known is not None:
                return cast(T, known.value)
            other = self._flights.get(question)
            follows = other is not None and other.version == version
            flight = other if other is not None and follows else _Flight(version)
            if not follows:
                self._flights[question] = flight
        if follows:
            flight.ended.wait(PATIENCE_SECONDS)
            return cast(T, flight.value) if flight.good else compute()
        try:
            flight.value = compute()
            flight.good = True
            with self._lock:
                self._answers[question] = _Answer(version, now, flight.value)
                self._answers.move_to_end(question)
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
        finally:
            with self._lock:
                if self._flights.get(question) is flight:
                    del self._flights[question]
            flight.ended.set()
        return cast(T, flight.value)

    def at_hand(self, question: Hashable, version: Hashable, now: datetime, most: timedelta) -> Any:
        """The kept answer, as `answer` decides; None when it would have to be computed."""
        with self._lock:
            known = self._good(question, version, now, most)
            return known.value if known is not None else None

    def _good(self, question: Hashable, version: Hashable, now: datetime, most: timedelta) -> _Answer | None:
        known = self._answers.get(question)
        if known is None or known.version != version or not known.at <= now < known.at + most:
            return None
        self._answers.move_to_end(question)
        return known

    def snapshot(self, version: Hashable, now: datetime, look: Callable[[], Snapshot]) -> tuple[int, Snapshot]:
        """One look at the cluster with a number that was not given before; shared by all of the same moment and `version`.

        A version of None cannot be told apart from others, and is looked at each time.
        """

        def numbered() -> tuple[int, Snapshot]:
            return next(self._serial), look()

        return numbered() if version is None else self.answer("snapshot", version, now, GLANCE, numbered)

    def __len__(self) -> int:
        return len(self._answers)


class Kept:
    """The kept answers for one unit of reading. Its marks are taken once, before anything that is kept under them is read."""

    def __init__(
        self, keep: Keep, store: Store, session: Session, warehouse: WarehouseView, cluster: ClusterView, now: datetime
    ) -> None:
        self._keep, self._store, self._session = keep, store, session
        self._warehouse, self._cluster, self._now = warehouse, cluster, now
        self._marks: dict[Mark, Hashable] = {}
        self._seen: tuple[int, Snapshot] | None = None

    def answer(self, question: Hashable, of: Sequence[Mark], most: timedelta, compute: Callable[[], T]) -> T:
        """What `compute` says, or said while all marks of `of` were the same; a part that nobody can tell apart is never kept."""
        version = tuple(self._mark(name) for name in of)
        return compute() if None in version else self._keep.answer(question, version, self._now, most, compute)

    def snapshot(self) -> Snapshot:
        """One look at the cluster for the whole unit; shared with the others of the same moment."""
        if self._seen is None:
            self._seen = self._keep.snapshot(version_of(self._cluster), self._now, self._cluster.snapshot)
        return self._seen[1]

    def _mark(self, name: Mark) -> Hashable:
        if name not in self._marks:
            self._marks[name] = self._taken(name)
        return self._marks[name]

    def _taken(self, name: Mark) -> Hashable:
        match name:
            case "store":
                # what was read before the mark may be older than it
                return None if self._session.in_transaction() else self._store.mark(self._session)
            case "warehouse":
                return version_of(self._warehouse)
            case "windows":
                return version_of(self._warehouse, "windows_version")
            case "samples":
                return version_of(self._cluster)
            case "cluster":
                known = version_of(self._cluster)
                self.snapshot()
                return None if known is None or self._seen is None else (known, self._seen[0])


def version_of(view: object, name: str = "version") -> Hashable:
    """What an owner says of its state; None of a view that cannot know it, as in processes beside the server."""
    told: Any = getattr(view, name, None)
    version: Hashable = told() if callable(told) else told
    return version


class OneLook:
    """The cluster for one unit of reading: whoever asks twice sees the same."""

    def __init__(self, cluster: ClusterView, kept: Kept) -> None:
        self._cluster, self._kept = cluster, kept
        self._current: dict[str, pl.DataFrame] = {}

    def snapshot(self) -> Snapshot:
        return self._kept.snapshot()

    def current(self, entity: str) -> pl.DataFrame:
        if entity not in self._current:
            self._current[entity] = self._cluster.current(entity)
        return self._current[entity]

    def sources(self) -> Sequence[SourceHealth]:
        return self._cluster.sources()
