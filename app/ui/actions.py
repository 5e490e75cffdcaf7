"""Changes from pages: one transaction each, expected failures as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from app.ui import failures, gate, queries, runtime
from models.domain.errors import PlatformError

Value = TypeVar("Value")


def act(service: Callable[..., Value], *, then: Callable[[Value], object] | None = None, **arguments: Any) -> Value | None:
    """Run `service` in one transaction as the reader of this moment; None after a failure was shown. Nothing is drawn meanwhile.

    `then` gets what was done before anything of Streamlit's is called: a second click ends the run of the first one there.
    """
    viewer = gate.current()
    try:
        with runtime.container().transaction(viewer.actor, edge="page") as ctx:
            done = service(ctx, **arguments)
    except PlatformError as error:
        st.error(failures.words(viewer, error), icon=":material/block:")
        return None
    if then is not None:
        then(done)
    queries.forget()
    return done


def fetch(service: Callable[..., Value], **arguments: Any) -> Value | None:
    """What `service` reads for the reader of this moment, kept nowhere; None after a failure was shown."""
    viewer = gate.current()
    try:
        with runtime.container().reading(viewer.actor, edge="page") as ctx:
            return service(ctx, **arguments)
    except PlatformError as error:
        st.error(failures.words(viewer, error), icon=":material/block:")
        return None


def tried(service: Callable[..., Value], **arguments: Any) -> tuple[Value | None, PlatformError | None]:
    """What `service` reads for the reader of this moment, or why not; nothing is shown and nothing kept."""
    viewer = gate.current()
    try:
        with runtime.container().reading(viewer.actor, edge="page") as ctx:
            return service(ctx, **arguments), None
    except PlatformError as error:
        return None, error


def done(service: Callable[..., Any], **arguments: Any) -> bool:
    """The same for services that answer nothing: whether it was done."""
    return act(_told(service), **arguments) is True


def _told(service: Callable[..., Any]) -> Callable[..., bool]:
    def run(ctx: Any, **arguments: Any) -> bool:
        service(ctx, **arguments)
        return True

    return run
