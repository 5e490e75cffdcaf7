"""Whether the cluster has anything new to say: open pages are not drawn again to say the same."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.keep import GLANCE, version_of
from models.domain.errors import PlatformError

if TYPE_CHECKING:
    from app.container import Container

FRESH = timedelta(seconds=90)
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def fresh_for(tick: timedelta) -> timedelta:
    """Older than this, at least three ticks, what is called live is stale."""
    return max(FRESH, 3 * tick)


class News:
    """Numbers the states of the cluster as this process sees them. Any thread may ask."""

    def __init__(self, live: Container) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._looked: tuple[Hashable, datetime] | None = None
        self._newest: tuple[Hashable, datetime] | None = None
        self._content: object = None
        self._number = 0

    def number(self) -> int:
        """Another number after new samples, when they have been missing for so long that they are late, and after the inventory
        says anything else than before but for the time.

        Looks once for all who ask within `GLANCE`, and by the same glance that answers of that time are made from: what is read
        after this call is not older than its number.
        """
        live = self._live
        now, version = live.clock.now(), version_of(live.cluster)
        with self._lock:
            if self._looked is not None and self._looked[0] == version and self._looked[1] <= now < self._looked[1] + GLANCE:
                return self._number
            if self._newest is None or self._newest[0] != version:
                self._newest = version, now
            late = now - self._newest[1] > fresh_for(live.settings.tick)
            content = (version, late, self._inventory(now, version))
            if content != self._content:
                self._number += 1
            self._content, self._looked = content, (version, now)
            return self._number

    def _inventory(self, now: datetime, version: Hashable) -> object:
        live = self._live
        try:
            _, seen = live.keep.snapshot(version, now, live.cluster.snapshot)
        except PlatformError as error:
            return type(error), str(error)
        return dataclasses.replace(seen, as_of=_NO_TIME)
