"""Pages of a list: an opaque cursor says where the next one begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from app.services import paging
from models.domain.errors import Invalid

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.", examples=[100])]
Cursor = Annotated[str, Query(max_length=400, description="`next` of the page before; empty for the first page.", examples=[""])]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page, empty after the last one."""

    items: tuple[T, ...]
    next: str


def encode(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """What `encode` was given; a cursor that we never made is refused with a sentence."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Invalid("This cursor is not one of ours. Begin again without it.", field="cursor") from None
    if encode(text) != cursor:
        raise Invalid("This cursor is not one of ours. Begin again without it.", field="cursor")
    return text


def after(cursor: str) -> str | None:
    """What a service's own list is continued with; None for the first page."""
    return decode(cursor) if cursor else None


def of_service(page: paging.Page[T]) -> Page[T]:
    """A page that a service cut by itself."""
    return Page(page.items, encode(page.after) if page.after else "")


def offset(cursor: str) -> int:
    """Where an offset cursor points; 0 for the first page."""
    if not cursor:
        return 0
    text = decode(cursor)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid("This cursor is not one of ours. Begin again without it.", field="cursor")
    return int(text)


def cut(items: Sequence[T], *, key: Callable[[T], str], limit: int, cursor: str) -> Page[T]:
    """The page after `cursor` of `items`, in the order of `key`, which tells them apart. Stable while items come and go."""
    after = decode(cursor) if cursor else None
    ordered = sorted(items, key=key)
    rest = [item for item in ordered if after is None or key(item) > after]
    page = rest[:limit]
    return Page(tuple(page), encode(key(page[-1])) if len(rest) > limit else "")


def by_offset(rows: Sequence[T], *, start: int, total: int) -> Page[T]:
    """A page that a service cut by offset."""
    end = start + len(rows)
    return Page(tuple(rows), encode(str(end)) if rows and end < total else "")
