"""A stage for jobs: a container on a fresh store, a clock that moves when told, and jobs that a test declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.context import Context, WarehouseView
from app.gateways.mail import gateway
from app.jobs import registry, runner
from app.jobs.run import Run
from app.jobs.runner import Outcome
from app.services import jobs as service
from app.services.jobs import Preview
from models.domain.clock import FrozenClock
from models.domain.jobs import LEASE, OccurrenceState
from models.store import jobs as rows
from models.store.jobs import JobOccurrence
from models.store.session import Store
from tests.stories import NOW, Cluster, NoWarehouse, fresh_sqlite, postgres, store

__all__ = ["postgres", "store"]


def a_preview(_ctx: Context, due_at: datetime) -> Preview:
    return Preview("test", due_at, "")


@dataclass
class Stage:
    """A process's parts and what a test does with them."""

    store: Store
    folder: Path
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    cluster: Cluster = field(default_factory=Cluster)
    warehouse: WarehouseView = field(default_factory=NoWarehouse)
    declared: list[str] = field(default_factory=list)

    @property
    def container(self) -> Container:
        return Container(
            settings=Settings.model_construct(data=self.folder, store_url=self.store.url),
            clock=self.clock,
            store=self.store,
            warehouse=self.warehouse,
            cluster=self.cluster,
            mail=gateway(""),
            seal=Seal({"k": bytes(32)}, "k"),
        )

    def declare(self, body: Callable[[Run], None], name: str = "test", **options: object) -> str:
        """A job of this test; an hour's rhythm when nothing else is said."""
        body.__doc__ = body.__doc__ or "What a test does."
        registry.every()
        registry.job(name, **{"every": timedelta(hours=1), "home": "worker", "preview": a_preview, **options})(body)
        self.declared.append(name)
        return name

    def run(self, name: str = "test", due_at: datetime | None = None, **options: object) -> Outcome | None:
        return runner.run_once(self.container, name, due_at, **options)

    def die_inside(self, name: str = "test") -> JobOccurrence:
        """What a process leaves that was killed in the middle of the newest due run: a claim and nothing else."""
        with self.store.transaction() as session:
            due = registry.find(name).rhythm.latest(self.clock.now())
            claimed = rows.claim(session, name, due_at=due, worker=runner.new_worker(), now=self.clock.now(), lease=LEASE)
        assert claimed is not None
        return claimed

    def occurrences(self, name: str = "test") -> dict[datetime, OccurrenceState]:
        with self.store.reading() as session:
            return {row.due_at: OccurrenceState(row.state) for row in rows.history(session, name=name)}

    def newest(self, name: str = "test") -> JobOccurrence:
        with self.store.reading() as session:
            return rows.history(session, name=name, limit=1)[0]

    def forget(self) -> None:
        for name in self.declared:
            registry._JOBS.pop(name, None)
            service.DECLARED.pop(name, None)


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Iterator[Stage]:
    """On both databases."""
    made = Stage(store, tmp_path)
    yield made
    made.forget()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Stage]:
    """On SQLite alone, for what does not depend on the database."""
    made = Stage(fresh_sqlite(tmp_path), tmp_path)
    yield made
    made.forget()
    made.store.close()
