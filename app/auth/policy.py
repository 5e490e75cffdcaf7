"""What sign-in needs to know of the settings and of the running program."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from app.auth.seal import Seal
from app.config import Settings
from app.context import Context
from models.domain.access import Actor, ActorKind
from models.domain.clock import Clock
from models.store.session import Store

VISITOR = Actor("visitor", ActorKind.MEMBER, "a visitor")
"""Whoever has not signed in: may do nothing that needs a right."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that accounts depend on."""

    address: str
    """What links in mails begin with."""
    live: bool
    """On live data staff must have a second factor."""
    secure: bool
    session: timedelta
    idle: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        return cls(
            address=settings.address,
            live=settings.live,
            secure=settings.secure_cookies,
            session=timedelta(hours=settings.session_hours),
            idle=timedelta(hours=settings.session_idle_hours),
        )


class Parts(Protocol):
    """The parts of the running program that the forms and the gate use: `app.container.Container` has them."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def store(self) -> Store: ...
    @property
    def seal(self) -> Seal: ...
    def transaction(self, actor: Actor, edge: str) -> AbstractContextManager[Context]: ...
    def reading(self, actor: Actor, edge: str) -> AbstractContextManager[Context]: ...
