"""Kept answers: one computation for all, and nothing that is kept outlives what it was made from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import polars as pl
import pytest
from sqlmodel import Session

from app.auth import tokens
from app.context import Context
from app.keep import GLANCE, Keep, Kept, OneLook
from app.services import capacity, cluster, directory, mapping, overview
from collectors.entities import POD
from collectors.frames import entity_frame
from collectors.latest import Latest
from collectors.warehouse import Warehouse
from models.domain.access import Actor, Permission, StaffRole
from models.domain.cluster import Snapshot
from models.domain.errors import NotPermitted, Unavailable
from models.store import instances, staff
from models.store import tokens as token_rows
from models.store.members import User
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW, a_node, a_snapshot
from tests.stories import a_staff_member

HOUR = timedelta(hours=1)
T = TypeVar("T")


@dataclass
class Cluster:
    """A watched cluster that can say whether it changed."""

    now: Snapshot = field(default_factory=a_snapshot)
    known: Latest = field(default_factory=running.latest)
    looks: int = 0
    lost: int = 0

    def snapshot(self) -> Snapshot:
        self.looks += 1
        return self.now

    def current(self, entity: str) -> pl.DataFrame:
        return self.known.current(entity)

    def sources(self) -> tuple[()]:
        return ()

    def version(self) -> tuple[int, int]:
        return self.lost, self.known.version


@dataclass
class Portal:
    """What a container does for each reading."""

    store: Store
    warehouse: Warehouse
    cluster: Cluster
    actor: Actor
    keep: Keep = field(default_factory=Keep)
    late: timedelta = timedelta(0)

    def read(self, ask: Callable[[Context], T], actor: Actor | None = None) -> T:
        with self.store.reading() as session:
            now = NOW + self.late
            kept = Kept(self.keep, self.store, session, self.warehouse, self.cluster, now)
            return ask(Context(session, self.warehouse, OneLook(self.cluster, kept), actor or self.actor, now, kept=kept))

    def write(self, do: Callable[[Session], object]) -> None:
        with self.store.transaction() as session:
            do(session)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        running.fill(made)
        yield made


@pytest.fixture
def portal(store: Store, warehouse: Warehouse) -> Portal:
    with store.transaction() as session:
        running.people(session)
        actor = a_staff_member(session, StaffRole.OPERATOR)
    return Portal(store, warehouse, Cluster(), actor)


def test_the_same_question_is_answered_once_for_all_readers(portal: Portal) -> None:
    def ask() -> tuple[overview.Overview, overview.Overview, int]:
        portal.keep, began = Keep(), portal.cluster.looks
        return portal.read(overview.state), portal.read(only_one_consumer), portal.cluster.looks - began

    first, second, looks = undisturbed(portal.store, ask)
    assert second.counts is first.counts
    assert looks == 1


def undisturbed(store: Store, ask: Callable[[], T]) -> T:
    """An answer during which nobody committed. `ask` begins anew each time it is called.

    The mark of PostgreSQL moves with every commit on the whole server, and other tests have databases of their own there.
    """
    for _ in range(1000):
        before = mark(store)
        found = ask()
        if mark(store) == before:
            return found
        time.sleep(0.005)
    raise AssertionError("somebody committed during every answer")


def mark(store: Store) -> Hashable:
    with store.reading() as session:
        return store.mark(session)


def only_one_consumer(ctx: Context) -> overview.Overview:
    return overview.state(ctx, consumers=1)


def test_arguments_that_only_cut_an_answer_share_it(portal: Portal) -> None:
    whole = portal.read(overview.state)
    assert portal.read(only_one_consumer).consumers == whole.consumers[:1]
    assert portal.read(lambda ctx: cluster.pods(ctx, node="node-1")).total == 3


def test_rights_are_asked_before_what_is_kept(portal: Portal) -> None:
    portal.read(overview.state)
    with pytest.raises(NotPermitted):
        portal.read(overview.state, Actor("nobody", portal.actor.kind, "Nobody"))


def test_a_changed_rule_shows_at_once(portal: Portal) -> None:
    before = portal.read(cluster.pods)
    assert {row.organization for row in before.rows if row.namespace == "growing"} == {""}

    def give(session: Session) -> None:
        known = Context(session, portal.warehouse, portal.cluster, portal.actor, NOW)
        home = next(row.organization_id for row in instances.everything(session) if row.namespace == "kopi-n8n")
        mapping.give(known, namespace="growing", organization_id=home)

    portal.write(give)
    after = portal.read(cluster.pods)
    assert {row.organization for row in after.rows if row.namespace == "growing"} == {"Kopi Kita"}


def test_a_commit_of_another_process_shows_at_once(portal: Portal) -> None:
    portal.read(cluster.pods)
    other = Store(portal.store.url)
    try:
        with other.transaction() as session:
            row = next(row for row in instances.everything(session) if row.namespace == "kopi-n8n")
            row.name = "renamed"
            session.add(row)
    finally:
        other.close()
    assert "renamed" in {row.instance for row in portal.read(cluster.pods).rows}


def test_a_new_tick_shows_at_once(portal: Portal) -> None:
    before = portal.read(capacity.state)
    at = NOW + timedelta(seconds=1)
    rows = [
        {"ts": at, "namespace": pod.namespace, "uid": pod.uid, "container": "app", "pod": pod.name, "memory_working_set_bytes": 7.0}
        for pod in portal.cluster.now.pods.values()
    ]
    portal.cluster.known.update("simulated", at, {"pod": entity_frame(POD, pl.DataFrame(rows))})
    portal.late = timedelta(seconds=1)
    after = portal.read(capacity.state)
    assert after.resources[0].used.value == 7.0 * len(portal.cluster.now.pods) - 7.0  # one pod has no node
    assert before.resources[0].used.value != after.resources[0].used.value


def test_a_stored_tick_shows_at_once(portal: Portal) -> None:
    seen = portal.read(lambda ctx: ctx.keep("number", object, of=("warehouse",), most=HOUR))
    assert portal.read(lambda ctx: ctx.keep("number", object, of=("warehouse",), most=HOUR)) is seen
    windows = portal.read(lambda ctx: ctx.keep("windows", object, of=("windows",), most=HOUR))
    portal.warehouse.heartbeat(NOW + timedelta(hours=3), "other")
    assert portal.read(lambda ctx: ctx.keep("number", object, of=("warehouse",), most=HOUR)) is not seen
    assert portal.read(lambda ctx: ctx.keep("windows", object, of=("windows",), most=HOUR)) is windows


def test_a_cluster_that_was_lost_shows_at_once_and_its_own_course_after_a_glance(portal: Portal) -> None:
    def rows_after_a_change() -> int:
        portal.keep, portal.cluster.now = Keep(), a_snapshot()
        portal.read(cluster.nodes)
        portal.cluster.now = a_snapshot(nodes={"node-9": a_node("node-9")})
        return len(portal.read(cluster.nodes).rows)

    assert undisturbed(portal.store, rows_after_a_change) == 3
    portal.late = GLANCE
    assert [row.name for row in portal.read(cluster.nodes).rows] == ["node-9"]
    portal.cluster.now, portal.cluster.lost = a_snapshot(stale_since=NOW), 1
    assert portal.read(cluster.nodes).stale_since == NOW


def test_a_clock_that_was_set_back_is_not_answered_from_the_future(portal: Portal) -> None:
    portal.late = HOUR
    later = portal.read(directory.load)
    portal.late = timedelta(0)
    assert portal.read(directory.load) is not later


def test_a_unit_that_writes_sees_its_own_changes(portal: Portal) -> None:
    portal.read(overview.state)
    with portal.store.transaction() as session:
        ctx = Context(session, portal.warehouse, portal.cluster, portal.actor, NOW)
        first = ctx.keep("anything", object, of=("store",), most=HOUR)
        assert ctx.keep("anything", object, of=("store",), most=HOUR) is not first


def test_what_was_read_before_the_mark_is_not_kept_under_it(portal: Portal) -> None:
    def ask(ctx: Context) -> object:
        instances.everything(ctx.session)
        return ctx.keep("late", object, of=("store",), most=HOUR)

    assert portal.read(ask) is not portal.read(ask)


def test_a_cluster_that_cannot_tell_is_looked_at_anew_by_each(portal: Portal) -> None:
    blind = running.Cluster(a_snapshot(), running.latest())

    def ask() -> object:
        with portal.store.reading() as session:
            kept = Kept(portal.keep, portal.store, session, portal.warehouse, blind, NOW)
            ctx = Context(session, portal.warehouse, OneLook(blind, kept), portal.actor, NOW, kept=kept)
            return directory.load(ctx)

    assert ask() is not ask()


def test_fifty_at_once_let_one_compute() -> None:
    keep, begun = Keep(), threading.Barrier(50)
    computing, go = threading.Event(), threading.Event()
    runs: list[int] = []

    def compute() -> str:
        runs.append(1)
        computing.set()
        go.wait(20)
        return "answer"

    found: list[str] = []

    def ask() -> None:
        begun.wait(20)
        found.append(keep.answer("question", 1, NOW, HOUR, compute))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert computing.wait(20)
    go.set()
    for thread in threads:
        thread.join(20)
    assert (len(runs), found) == (1, ["answer"] * 50)


def test_a_failure_is_not_kept_and_nobody_waits_for_it_for_ever() -> None:
    keep = Keep()

    def fail() -> str:
        raise Unavailable("not now")

    for _ in range(2):
        with pytest.raises(Unavailable):
            keep.answer("question", 1, NOW, HOUR, fail)
    assert keep.answer("question", 1, NOW, HOUR, lambda: "well") == "well"


def test_no_more_is_kept_than_there_is_room_for() -> None:
    keep = Keep(most=3)
    for number in range(5):
        keep.answer(number, 1, NOW, HOUR, lambda: "old")
        keep.answer(0, 1, NOW, HOUR, lambda: "old")
    assert len(keep) == 3
    assert keep.answer(0, 1, NOW, HOUR, lambda: "new") == "old"
    assert keep.answer(1, 1, NOW, HOUR, lambda: "new") == "new"


def test_a_kept_token_ends_with_its_right_its_owner_and_its_time(store: Store) -> None:
    keep = Keep()
    with store.transaction() as session:
        actor = a_staff_member(session, StaffRole.OPERATOR)
        secret, digest, hint = tokens.fresh()
        token = token_rows.ApiToken(
            token_hash=digest, hint=hint, user_id=actor.id, name="t", scopes="cluster.see jobs.see", created_at=NOW,
            expires_at=NOW + HOUR, used_at=NOW,
        )  # fmt: skip
        session.add(token)
        session.flush()
        token_id = token.id
    found, again = undisturbed(store, lambda: [tokens.resolve(store, secret, NOW, keep) for _ in range(2)])
    assert found is not None
    assert found.everywhere == {Permission.SEE_CLUSTER, Permission.SEE_JOBS}
    assert again is found
    assert tokens.resolve(store, secret, NOW + HOUR, keep) is None

    with store.transaction() as session:
        staff.appoint(session, user_id=actor.id, role=StaffRole.ANALYST, now=NOW)
    weaker = tokens.resolve(store, secret, NOW, keep)
    assert weaker is not None
    assert weaker.everywhere == {Permission.SEE_CLUSTER}

    with store.transaction() as session:
        user = session.get(User, actor.id)
        assert user is not None
        user.disabled_at = NOW
    assert tokens.resolve(store, secret, NOW, keep) is None
    with store.transaction() as session:
        user = session.get(User, actor.id)
        assert user is not None
        user.disabled_at = None
    assert tokens.resolve(store, secret, NOW, keep) is not None
    with store.transaction() as session:
        token_rows.revoke(session, token_id, NOW)
    assert tokens.resolve(store, secret, NOW, keep) is None


def test_invented_tokens_take_no_room(store: Store) -> None:
    keep = Keep()
    for _ in range(3):
        assert tokens.resolve(store, tokens.fresh()[0], NOW, keep) is None
    assert len(keep) == 0


def test_every_commit_moves_the_mark(store: Store) -> None:
    first, second = undisturbed(store, lambda: (mark(store), mark(store)))
    assert first == second
    first = mark(store)
    with store.transaction() as session:
        a_staff_member(session, StaffRole.SUPPORT)
    assert mark(store) != first
