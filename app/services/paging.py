"""Lists that come in parts: a part, and the opaque word with which the next one is asked for."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from models.domain.errors import Invalid

T = TypeVar("T")
R = TypeVar("R")
MOST = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One part of a list. `after` asks for the next one; None when this was the last."""

    items: tuple[T, ...]
    after: str | None = None


def limited(limit: int) -> int:
    """The asked number of rows, when it is one that is answered at once."""
    if not 1 <= limit <= MOST:
        raise Invalid(f"A list comes in parts of 1 to {MOST} rows; {limit} were asked for.", field="limit")
    return limit


def pair(after: str | None) -> tuple[str, str] | None:
    """What `paged` put into a cursor."""
    if after is None:
        return None
    try:
        first, second = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if isinstance(first, str) and isinstance(second, str) and "\0" not in first + second:
            return first, second
    except (ValueError, TypeError, binascii.Error):
        pass  # a cursor that somebody typed: said below
    raise Invalid("This cursor is none that a list has given out. Begin again without it.", field="after")


def moment(after: str | None) -> tuple[datetime, str] | None:
    """What `paged` put into the cursor of a list that goes by time."""
    said = pair(after)
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said[0])
        if at.tzinfo is not None:
            return at, said[1]
    except ValueError:
        pass  # a cursor that somebody typed: said below
    raise Invalid("This cursor is none that a list has given out. Begin again without it.", field="after")


def paged(rows: Sequence[R], limit: int, shown: Callable[[R], T], key: Callable[[R], tuple[str, str]]) -> Page[T]:
    """`limit` of the rows, and a cursor when there is one more than that."""
    kept = rows[:limit]
    cursor = base64.urlsafe_b64encode(json.dumps(key(kept[-1])).encode()).decode().rstrip("=") if len(rows) > limit else None
    return Page(tuple(shown(row) for row in kept), cursor)


def whole(part: Callable[..., Page[T]], **asked: Any) -> tuple[T, ...]:
    """All parts of a list behind each other; `asked` is what `part` is given beside `limit` and `after`."""
    found: list[T] = []
    after: str | None = None
    while True:
        page = part(limit=MOST, after=after, **asked)
        found += page.items
        after = page.after
        if after is None:
            return tuple(found)
