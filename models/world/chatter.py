"""What containers of the simulated world write: a line now and then, the same ones whenever they are asked for.

Lines belong to minutes of the clock and to the pod, so that a log that is read twice, or followed, says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from models.domain.cluster import Container, Pod
from models.world.chance import between

MINUTE = timedelta(minutes=1)
_DATABASES = ("postgres", "mysql", "mariadb", "database", "valkey", "redis")
_PATHS = ("/", "/healthz", "/rest/workflows", "/ghost/api/content/posts/", "/wp-login.php", "/feed/", "/favicon.ico")
_ENDS = {"OOMKilled": "", "Error": "fatal: cannot go on, exiting with code 1"}
"""Last words by the reason of an end; who is killed says nothing any more."""


def written(pod: Pod, container: Container, *, seed: int, now: datetime, lines: int, previous: bool) -> list[tuple[datetime, str]]:
    """The newest `lines` of the container's present run, or of the one before it; empty when there was none."""
    begun, end = container.started_at, now
    if previous:
        if container.last_finished_at is None:
            return []
        end = container.last_finished_at
        begun = end - timedelta(seconds=round(between(20, 240, seed, pod.uid, container.name, "ran", str(end))))
    if begun is None:
        return []
    said: list[tuple[datetime, str]] = []
    if previous and (last := _ENDS.get(container.last_reason, "")):
        said.append((end, last))
    for at, text in _backwards(pod, container, seed, begun, end):
        said.append((at, text))
        if len(said) >= lines:
            return said[::-1]
    said.append((begun, f"{container.name}: starting {container.image}"))
    return said[:lines][::-1]


def _backwards(pod: Pod, container: Container, seed: int, begun: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """The newest first."""
    minute = end.replace(second=0, microsecond=0)
    while minute + MINUTE > begun:
        key = (pod.uid, container.name, int(minute.timestamp()) // 60)
        number = round(between(0, 3, seed, *key, "lines"))
        times = sorted((between(0, 60, seed, *key, "at", n), n) for n in range(number))
        for second, n in reversed(times):
            at = minute + timedelta(milliseconds=round(second * 1000))
            if begun < at < end:
                yield at.astimezone(UTC), _line(container, seed, n, *key)
        minute -= MINUTE


def _line(container: Container, seed: int, n: int, *key: object) -> str:
    def drawn(low: float, high: float, what: str) -> float:
        return between(low, high, seed, *key, what, n)

    if any(word in container.image or word in container.name for word in _DATABASES):
        return f"LOG:  checkpoint complete: wrote {round(drawn(4, 900, 'buffers'))} buffers; sync={drawn(0.001, 0.2, 'sync'):.3f} s"
    path = _PATHS[int(drawn(0, len(_PATHS) - 0.01, "path"))]
    status = 200 if drawn(0, 1, "status") < 0.96 else 404
    return f'10.42.0.{round(drawn(2, 250, "from"))} "GET {path} HTTP/1.1" {status} {round(drawn(2, 180, "took"))}ms'
