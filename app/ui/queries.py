"""Reads of pages: one reading transaction each, kept a few seconds for the same reader, or for the staff with the same rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from app.ui import failures, gate, runtime
from models.domain.access import Permission
from models.domain.errors import NotFound, NotPermitted, PlatformError, Unauthenticated

Value = TypeVar("Value")
KEPT_SECONDS = 4.0
"""Less than the period of a live panel, more than the reruns of one click."""
OF_THE_CLUSTER = frozenset(
    f"app.services.{name}" for name in ("capacity", "cluster", "collection", "history", "ingress", "overview")
)
"""Modules whose answers do not ask who the reader is, only for their rights."""
SELDOM_SECONDS = 300.0
"""For what moves once a day and costs much: forecasts, right-sizing."""


def ask(service: Callable[..., Value], **arguments: Any) -> Value:
    """What `service` answers to the reader. An expected failure is shown in its own words and ends the run of page or fragment."""
    try:
        return _read(service, arguments)
    except PlatformError as error:
        _show(error)
        st.stop()


def attempt(service: Callable[..., Value], **arguments: Any) -> Value | None:
    """The same for a part that the rest of the page can do without: None after the failure was shown."""
    try:
        return _read(service, arguments)
    except PlatformError as error:
        _show(error)
        return None


def seldom(service: Callable[..., Value], **arguments: Any) -> Value | None:
    """As `attempt`, for answers that stay good for minutes: asked anew every five of them, whatever refreshes around them."""
    try:
        return _read(service, arguments, _kept_long)
    except PlatformError as error:
        _show(error)
        return None


def forget() -> None:
    """Drop what is kept, after something was changed."""
    _kept.clear()
    _kept_long.clear()


def _read(service: Callable[..., Value], arguments: dict[str, Any], keep: Callable[..., Any] | None = None) -> Value:
    viewer = gate.current(touch=False)
    rights = (
        tuple(sorted(viewer.actor.everywhere)),
        tuple(sorted((org, tuple(sorted(p))) for org, p in viewer.actor.within.items())),
    )
    name = f"{service.__module__}.{service.__qualname__}"
    # what is said of the whole cluster depends on rights and arguments only: one answer for all of the staff
    everybody = service.__module__ in OF_THE_CLUSTER and Permission.SEE_CLUSTER in viewer.actor.everywhere
    # a panel that is drawn because of news is not answered by what was kept before them
    where = (id(runtime.container()), gate.news() if keep is None else None)
    found: Value = (keep or _kept)("" if everybody else viewer.actor.id, rights, where, name, arguments, service, viewer.actor)
    return found


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=1000, show_spinner=False)
def _kept(
    reader: str,
    rights: tuple[Any, ...],
    where: tuple[int, int | None],
    name: str,
    arguments: dict[str, Any],
    _service: Callable[..., Any],
    _actor: Any,
) -> Any:
    """Keyed by the reader (empty: all who have these rights), their rights, the container with its news, and the question; not by
    what begins with `_`."""
    del reader, rights, where, name
    with runtime.container().reading(_actor, edge="page") as ctx:
        return _service(ctx, **arguments)


@st.cache_resource(ttl=SELDOM_SECONDS, max_entries=200, show_spinner=False)
def _kept_long(
    reader: str,
    rights: tuple[Any, ...],
    where: tuple[int, int | None],
    name: str,
    arguments: dict[str, Any],
    _service: Callable[..., Any],
    _actor: Any,
) -> Any:
    del reader, rights, where, name
    with runtime.container().reading(_actor, edge="page") as ctx:
        return _service(ctx, **arguments)


def _show(error: PlatformError) -> None:
    text = failures.words(gate.current(touch=False), error)
    if isinstance(error, NotFound):
        st.info(text, icon=":material/search_off:")
    elif isinstance(error, NotPermitted | Unauthenticated):
        st.error(text, icon=":material/lock:")
    else:
        st.warning(text, icon=":material/cloud_off:")
