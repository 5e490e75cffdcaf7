"""What a view remembers: shareable choices in the address, one-time notices in the session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, cast

import streamlit as st

from app.auth.people import Belonging
from app.ui.format import Formatter
from app.ui.gate import Viewer

Choice = TypeVar("Choice")
Row = TypeVar("Row")
_NOTICE = "_notice"


@dataclass(frozen=True, slots=True)
class Span:
    """A time range that a page offers."""

    key: str
    length: timedelta


SPANS: tuple[Span, ...] = (
    Span("1h", timedelta(hours=1)),
    Span("6h", timedelta(hours=6)),
    Span("24h", timedelta(hours=24)),
    Span("7d", timedelta(days=7)),
    Span("30d", timedelta(days=30)),
    Span("90d", timedelta(days=90)),
)


def parameter(name: str) -> str:
    """An identifier from the address; empty when it is not there. Services check it."""
    return str(st.query_params.get(name, ""))


def choice(
    label: str, options: Sequence[str], *, key: str, default: str | None = None, words: Callable[[str], str] | None = None
) -> str:
    """One of a few, kept in the address under `key`."""
    picked = st.segmented_control(
        label,
        list(options),
        default=default if default is not None else options[0],
        required=True,
        key=key,
        bind="query-params",
        format_func=words or str,
        label_visibility="collapsed",
    )
    return str(picked)


def select(label: str, options: Sequence[str], *, key: str, words: Callable[[str], str], width: int | str = "stretch") -> str:
    """One of many, kept in the address; the first option means all."""
    picked = st.selectbox(
        label,
        list(options),
        key=key,
        bind="query-params",
        format_func=words,
        label_visibility="collapsed",
        width=cast("int", width),
    )
    return str(picked)


def search(label: str, *, key: str = "q") -> str:
    """A search text, kept in the address."""
    typed = st.text_input(
        label, key=key, bind="query-params", placeholder=label, label_visibility="collapsed", icon=":material/search:", max_chars=80
    )
    return str(typed or "").strip()


def span(fmt: Formatter, *, default: str = "24h", longest: str = "90d", key: str = "range") -> Span:
    """A time range, kept in the address."""
    keys = [s.key for s in SPANS]
    offered = keys[: keys.index(longest) + 1]
    picked = choice(fmt.say.text("range.label"), offered, key=key, default=default, words=lambda k: fmt.say.text(f"range.{k}"))
    return next(s for s in SPANS if s.key == picked)


def window(viewer: Viewer, chosen: Span) -> tuple[datetime, datetime]:
    """From and until. Short ranges end at this moment, long ones at the last whole five minutes, so that reruns ask the same."""
    step = timedelta(seconds=5) if chosen.length <= timedelta(hours=6) else timedelta(minutes=5)
    end = viewer.now - timedelta(seconds=viewer.now.timestamp() % step.total_seconds())
    return end - chosen.length, end


def organization(viewer: Viewer) -> Belonging | None:
    """The organization that a member looks at: the one in the address when it is theirs, else their first."""
    mine = viewer.signed.organizations
    if not mine:
        return None
    wanted = parameter("org")
    return next((o for o in mine if o.id == wanted), mine[0])


def notice(text: str) -> None:
    """Say something after the rerun that follows a change."""
    st.session_state[_NOTICE] = text


def show_notice() -> None:
    """Show what `notice` left, once."""
    text = st.session_state.pop(_NOTICE, None)
    if text:
        st.toast(text, icon=":material/check_circle:")


def seen(key: str, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows under `key` that the reader had before them until now, while `rows` are what they get.

    A click says a place only, and what it meant is what stood there when it was made.
    """
    kept = f"{key}_drawn"
    before: Sequence[Row] = st.session_state.get(kept, rows)
    st.session_state[kept] = rows
    return before
