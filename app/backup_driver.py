"""Backups and restores of apps, carried out by the worker: streams between containers and the target, sealed on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from app.auth import sealed_stream
from app.background import Background
from app.container import Container
from app.gateways.backup_target import BackupTarget
from app.jobs.runner import new_worker
from app.logs import logger
from app.services import app_backup_turns as turns
from app.services.app_backup_turns import BackupTurn, RestoreTurn
from models.domain.access import job_actor
from models.domain.errors import Conflict, PlatformError
from provisioner import app_backups, reconcile
from provisioner.app_backups import Measured, NotThere
from provisioner.cluster import Cluster
from provisioner.cluster.commands import CommandFailed, Commands
from provisioner.reconcile import Blocked, Waiting

Turn = TypeVar("Turn", BackupTurn, RestoreTurn)
log = logger(__name__)
ACTOR = job_actor("backups")
PAUSE_SECONDS = 1.0
ACROSS = 2
AGAIN = timedelta(seconds=20)
"""When somebody outside does not answer."""
LOST = timedelta(minutes=10)
"""The last backup of an app is not held up by what was to end so long ago: its node does not answer any more."""


class TurnLost(PlatformError):
    """Another process took the turn over; nothing more may be done."""

    code = "turn_lost"


class BackupDriver(Background):
    """Works on what is due until it is stopped. Any number of processes may run one: claims and leases keep them apart."""

    def __init__(
        self,
        container: Container,
        cluster: Cluster,
        commands: Commands,
        target: BackupTarget,
        *,
        across: int = ACROSS,
        lease: timedelta = turns.LEASE,
    ) -> None:
        super().__init__("backups")
        self._container = container
        self._cluster = cluster
        self._commands = commands
        self._target = target
        self._across = across
        self._lease = lease
        self._holder = new_worker()

    def run(self) -> None:
        with ThreadPoolExecutor(self._across, thread_name_prefix="backup") as pool:
            while not self.stopping.wait(PAUSE_SECONDS):
                self.once(lambda work: list(pool.map(lambda one: one(), work)))

    def once(self, each: Callable[[Sequence[Callable[[], None]]], object] | None = None) -> int:
        """Give everything that is due one turn; how many there were."""
        try:
            with self._container.reading(ACTOR, "job") as ctx:
                saving, restoring = turns.due(ctx, limit=self._across * 8)
        except PlatformError as error:
            log.warning("backups cannot look for work", error=error)
            return 0
        work = [partial(self.back_up, one) for one in saving] + [partial(self.restore, one) for one in restoring]
        (each or (lambda found: [one() for one in found]))(work)
        return len(work)

    def back_up(self, backup_id: str) -> None:
        """One turn at a backup; what goes wrong is written down and never escapes."""
        self._turn(partial(turns.take_backup, backup_id=backup_id), self._save)

    def restore(self, restore_id: str) -> None:
        """One turn at a restore; what goes wrong is written down and never escapes."""
        self._turn(partial(turns.take_restore, restore_id=restore_id), self._bring_back)

    def _turn(self, take: Callable[..., Turn | None], carry_out: Callable[[Turn, _Heart], None]) -> None:
        if self.stopping.is_set():
            return
        try:
            with self._container.transaction(ACTOR, "job") as ctx:
                turn = take(ctx, holder=self._holder, seal=self._container.seal, lease=self._lease)
            if turn is not None:
                self._carried_out(turn, carry_out)
        except PlatformError as error:
            log.warning("a backup's turn failed", error=error, code=error.code)
        except Exception:  # a bug met by one app must not end the work on all others; its lease ends and it is tried again
            log.exception("a backup's turn failed unexpectedly")

    def _carried_out(self, turn: Turn, carry_out: Callable[[Turn, _Heart], None]) -> None:
        try:
            with _Heart(self._container, turn, self._lease) as heart:
                carry_out(turn, heart)
        except TurnLost:
            raise
        except NotThere as waited:
            with self._container.transaction(ACTOR, "job") as ctx:
                turns.wait(ctx, turn, str(waited))
        except PlatformError as error:
            with self._container.transaction(ACTOR, "job") as ctx:
                if error.retryable:
                    turns.wait(ctx, turn, str(error), AGAIN)
                else:
                    turns.failed(ctx, turn, str(error), final=not isinstance(error, CommandFailed))

    def _save(self, turn: BackupTurn, heart: _Heart) -> None:
        if turn.wanted.still:
            self._come_to_rest(turn, making=False)
            self._ended(turn, lost=self._container.clock.now() - LOST if turn.last else None)
        where, measured = app_backups.places(self._cluster, turn.wanted), Measured()
        content = app_backups.read(self._commands, turn.wanted, where, measured)
        sealed = sealed_stream.sealed(heart.watched(content), self._container.seal, turn.sealing)
        stored = self._target.put(turn.place, sealed)
        with self._container.transaction(ACTOR, "job") as ctx:
            turns.saved(ctx, turn, stored, measured.parts, seal=self._container.seal)

    def _bring_back(self, turn: RestoreTurn, heart: _Heart) -> None:
        # what lost its volume gets a new one: that it is empty is what the restore is for
        self._come_to_rest(turn, making=True)
        self._ended(turn)
        where = app_backups.places(self._cluster, turn.wanted)
        app_backups.check(
            heart.watched(self._content(turn)), turn.wanted.template, tuple(turn.parts)
        )  # before anything is overwritten
        with self._container.transaction(ACTOR, "job") as ctx:
            if not turns.writes(ctx, turn):
                raise TurnLost("Another process works on this restore now; this one stops.")
        app_backups.write(self._commands, turn.wanted, where, heart.watched(self._content(turn)), turn.parts)
        with self._container.transaction(ACTOR, "job") as ctx:
            turns.restored(ctx, turn)

    def _content(self, turn: RestoreTurn) -> Iterator[bytes]:
        return sealed_stream.opened(self._target.get(turn.place), self._container.seal, turn.sealing)

    def _ended(self, turn: Turn, *, lost: datetime | None = None) -> None:
        """Raise NotThere while something of the app still ends, unless it was to have ended before `lost`."""
        if not app_backups.at_rest(self._cluster, turn.wanted, lost=f"{lost:%Y-%m-%dT%H:%M:%SZ}" if lost is not None else ""):
            raise NotThere("The app's parts have not all ended yet.")

    def _come_to_rest(self, turn: Turn, *, making: bool) -> None:
        """Raise NotThere until only that of the app runs which the turn needs; Conflict when it never will."""
        outcome = reconcile.advance(
            self._cluster, turn.wanted, drawn=lambda: turn.secrets, now=self._container.clock.now(), making=making
        )
        if isinstance(outcome, Waiting):
            raise NotThere(outcome.reason)
        if isinstance(outcome, Blocked):
            raise Conflict(outcome.reason)


class _Heart:
    """Holds a turn while it is worked on, also while a program is silent for long."""

    def __init__(self, container: Container, turn: BackupTurn | RestoreTurn, lease: timedelta) -> None:
        self._container = container
        self._turn = turn
        self._lease = lease
        self._over = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backup-heart", daemon=True)

    def __enter__(self) -> _Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same, but it ends with TurnLost when the turn is lost."""
        for piece in pieces:
            if self._lost.is_set():
                raise TurnLost("Another process works on this backup now; this one stops.")
            yield piece

    def _run(self) -> None:
        while not self._over.wait(self._lease.total_seconds() / 4):
            try:
                with self._container.transaction(ACTOR, "job") as ctx:
                    if not turns.beat(ctx, self._turn, lease=self._lease):
                        self._lost.set()
                        return
            except PlatformError as error:
                log.warning("a backup's turn could not be held", error=error)
