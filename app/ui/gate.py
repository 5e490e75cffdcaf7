"""Who is looking, and whether they may: checked against the store at every run of a page and of a fragment.

Hiding a page is courtesy; services check again. Fragments rerun without the entry script, hence `fragment` here.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, NoReturn, ParamSpec, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from app.auth import sessions
from app.auth.sessions import Signed
from app.ui import polls, runtime
from app.ui.format import Formatter, formatter
from app.ui.messages import Say, language
from models.domain.access import Actor, Permission

Rest = ParamSpec("Rest")
REFRESH = 5.0
"""Seconds between two runs of a live panel."""
TO_LOGIN = "<script>window.location.replace('/login')</script>"
"""A constant, so that one hash in the content security policy covers it."""


STAY = "_support_stay"
"""In the session's state: the stay as support with which the whole page was drawn; empty without one."""
_turns = threading.BoundedSemaphore(2)
_holding = threading.local()


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in person of this run, with their language and formats."""

    signed: Signed
    actor: Actor
    format: Formatter
    now: datetime

    @property
    def say(self) -> Say:
        return self.format.say


def current(permission: Permission | None = None, *, touch: bool = True) -> Viewer:
    """The person of this session; without one, the browser is sent to /login and the run ends.

    Pages for staff speak English; pages about one's own organization speak the reader's language.
    """
    known: Viewer | None = getattr(_holding, "viewer", None)
    if known is not None:
        return known
    live = runtime.container()
    now = live.clock.now()
    token_hash = st.user.get("sid")
    signed = sessions.resolve(live.store, str(token_hash), now, touch=touch) if token_hash else None
    if signed is None:
        redirect()
    own = permission is None or permission.startswith("own.")
    words = language(signed.locale) if own and (signed.organizations or not signed.staff_role) else "en"
    return Viewer(signed, signed.actor, formatter(signed.locale, signed.timezone, words), now)


def holds(actor: Actor, permission: Permission | None) -> bool:
    """Whether the actor has the right anywhere at all; which things it covers is the service's question."""
    if permission is None:
        return True
    return permission in actor.everywhere or any(permission in held for held in actor.within.values())


def require(permission: Permission | None = None, *, touch: bool = True) -> Viewer:
    """First call of every page: the viewer, or a sentence and the end of the run. None asks only for a sign-in."""
    viewer = current(permission, touch=touch)
    if not holds(viewer.actor, permission):
        st.error(viewer.say("gate.refused"), icon=":material/lock:")
        st.stop()
    return viewer


def stay_of(viewer: Viewer) -> str:
    """The stay as support that the person is in; empty: none."""
    return "" if viewer.signed.support is None else viewer.signed.support.stay_id


def fragment(
    permission: Permission | None, *, every: float | None = REFRESH, follows_cluster: bool = False
) -> Callable[[Callable[Concatenate[Viewer, Rest], None]], Callable[Rest, None]]:
    """A part of a page that reruns alone, with the session and the right checked each time. Its first argument is the viewer.

    One that `follows_cluster` shows what changes with the cluster or by the reader's own doing; it is not drawn again by its timer
    when the cluster has nothing new, so its ages are told as times of the day.
    """

    def decorate(body: Callable[Concatenate[Viewer, Rest], None]) -> Callable[Rest, None]:
        @st.fragment(run_every=every)
        @functools.wraps(body)
        def guarded(*args: Rest.args, **kwargs: Rest.kwargs) -> None:
            timed = _by_timer(every)
            panel = ThreadState.get().fragment_id
            if follows_cluster and panel:
                polls.follows_cluster(panel)
            with _turn() if timed else nullcontext():
                news = runtime.container().news.number() if follows_cluster else None
                viewer = require(permission, touch=not timed)
                if st.session_state.get(STAY, stay_of(viewer)) != stay_of(viewer):
                    redirect()  # support began or ended elsewhere: the whole page is another one
                with _run(viewer, news):
                    body(viewer, *args, **kwargs)

        return cast(Callable[Rest, None], guarded)

    return decorate


def news() -> int | None:
    """The number of the cluster's news that this run of a panel shows; None outside of a panel that follows the cluster."""
    number: int | None = getattr(_holding, "news", None)
    return number


@contextmanager
def _run(viewer: Viewer, number: int | None) -> Iterator[Viewer]:
    """Session and news were looked up for this run of a panel: its questions need not do it again."""
    before = getattr(_holding, "viewer", None), news()
    _holding.viewer, _holding.news = viewer, number
    try:
        yield viewer
    finally:
        _holding.viewer, _holding.news = before


@contextmanager
def _turn() -> Iterator[None]:
    """Live panels take turns: many threads at once would only wait for each other's locks, and cost more than the panels."""
    if getattr(_holding, "turn", False):  # a panel inside a panel
        yield
        return
    with _turns:
        _holding.turn = True
        try:
            yield
        finally:
            _holding.turn = False


def _by_timer(every: float | None) -> bool:
    """Whether this run may come from a timer: such a run keeps no session alive."""
    ctx = get_script_run_ctx(suppress_warning=True)
    return every is not None and ctx is not None and bool(ctx.fragment_ids_this_run)


def redirect() -> NoReturn:
    """Leave for the sign-in. The only script that pages ever send."""
    st.html(TO_LOGIN, unsafe_allow_javascript=True)
    st.stop()
