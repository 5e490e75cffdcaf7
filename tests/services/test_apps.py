"""A customer's own apps: what they are told about their own, and that they are told nothing about anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.context import Context
from app.services import apps
from collectors.warehouse import Warehouse
from models.domain.access import Actor, MemberRole, StaffRole
from models.domain.errors import Invalid, NotFound
from models.domain.health import State
from models.domain.instances import State as Life
from models.store import instances
from models.store.session import Store
from tests.services import running
from tests.services.running import MIB, NOW, People, a_node, a_snapshot
from tests.stories import a_member, a_staff_member, a_stranger, an_instance


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        running.fill(made)
        yield made


@dataclass(frozen=True)
class Stage:
    people: People
    ctx: Context

    def by(self, actor: Actor, **facts: object) -> Context:
        """As somebody else sees it, perhaps on another snapshot."""
        cluster = running.Cluster(a_snapshot(**facts), running.latest())
        return replace(self.ctx, actor=actor, cluster=cluster)


@pytest.fixture
def stage(store: Store, warehouse: Warehouse) -> Iterator[Stage]:
    with store.transaction() as session:
        people = running.people(session)
        yield Stage(people, running.a_running_context(session, people.kopi.actor, warehouse))


def test_a_healthy_app_with_use_limits_and_copies(stage: Stage) -> None:
    home = apps.mine(stage.ctx)
    (card,) = home.apps
    assert home.code == "all_up"
    assert (card.name, card.organization, card.condition.state, card.words) == ("n8n", "Kopi Kita", State.HEALTHY, "Running")
    assert (card.memory_used, card.memory_limit) == (500 * MIB, 2 * 768 * MIB)
    assert card.cpu_used == pytest.approx(0.25, rel=1e-6)
    assert card.cpu_limit == pytest.approx(1.5)
    assert (card.copies, card.copies_ready, card.restarts_today) == (2, 2, 0)
    assert card.trial_until is None


def test_a_crashing_app_comes_first_and_says_why(stage: Stage) -> None:
    an_instance(stage.ctx.session, stage.people.toko, "aaa", namespace="nowhere")
    home = apps.mine(stage.by(stage.people.toko.actor))
    assert home.code == "some_need_attention"
    card = home.apps[0]
    assert (card.name, card.words) == ("shop", "Needs attention: it runs out of memory")
    assert card.condition.state is State.CRASHING
    assert card.restarts_today == 1, "the cluster itself knows only the last end"
    missing = home.apps[1]
    assert (missing.condition.state, missing.memory_used, missing.memory_limit) == (State.NOT_READY, None, None)


@pytest.mark.parametrize(
    ("life", "state"), [(Life.ORDERED, State.STARTING), (Life.STOPPED, State.STOPPED), (Life.DELETING, State.STOPPING)]
)
def test_an_app_without_pods_is_what_its_life_says(stage: Stage, life: Life, state: State) -> None:
    made = an_instance(stage.ctx.session, stage.people.kopi, "empty", state=life, namespace="empty")
    assert apps.app(stage.ctx, instance_id=made.id).card.condition.state is state


def test_what_ended_counts_only_when_nothing_runs(stage: Stage) -> None:
    pods = dict(a_snapshot().pods)
    pods["evicted"] = replace(
        pods["uid-n8n-6f7d-abcde"], uid="evicted", name="n8n-6f7d-old", phase=running.Phase.FAILED, reason="Evicted", ready=False
    )
    card = apps.mine(stage.by(stage.people.kopi.actor, pods=pods)).apps[0]
    assert (card.condition.state, card.copies) == (State.HEALTHY, 2)
    only = {"evicted": pods["evicted"]}
    assert apps.mine(stage.by(stage.people.kopi.actor, pods=only)).apps[0].condition.state is State.FAILED


def test_unknown_is_never_healthy(stage: Stage) -> None:
    lost = NOW - timedelta(minutes=7)
    home = apps.mine(stage.by(stage.people.kopi.actor, stale_since=lost))
    assert (home.code, home.stale_since) == ("silent", lost)
    assert (home.apps[0].condition.state, home.apps[0].condition.since, home.apps[0].copies_ready) == (State.UNKNOWN, lost, 0)
    silent = {"node-1": a_node("node-1", ready=None)}
    assert apps.mine(stage.by(stage.people.kopi.actor, nodes=silent)).apps[0].words == "Unknown: its machine does not answer"


def test_whoever_has_no_app_hears_so(stage: Stage) -> None:
    home = apps.mine(stage.by(a_stranger(stage.ctx.session)))
    assert (home.code, home.apps) == ("empty", ())


def test_the_parts_and_what_happened(stage: Stage) -> None:
    detail = apps.app(stage.by(stage.people.toko.actor), instance_id=stage.people.wordpress.id)
    assert [(part.name, part.condition.state) for part in detail.parts] == [
        ("big", State.PENDING), ("wordpress", State.CRASHING),
    ]  # fmt: skip
    codes = [event.code for event in detail.events]
    assert codes.count("out_of_memory") == 4
    assert codes.count("no_room") == 1
    assert "noise" not in " ".join(event.exact for event in detail.events)
    assert "owner" not in " ".join(event.exact for event in detail.events), "a step that ended as it should is no restart"
    assert [event.at for event in detail.events] == sorted((event.at for event in detail.events), reverse=True)
    assert detail.events[0].exact == "app: OOMKilled with exit code 137"


def test_availability_tells_unknown_apart(stage: Stage) -> None:
    found = apps.app(stage.ctx, instance_id=stage.people.n8n.id).availability
    assert (found.up, found.down) == (90, 10)
    assert found.share.value == pytest.approx(0.9)
    assert found.up + found.down + found.unknown == 30 * 24 * 60
    assert (found.last_outcome, found.last_at) == ("up", NOW - timedelta(minutes=1))
    assert found.certificate_expires_at == NOW + timedelta(days=60)


def test_an_app_that_was_never_probed_has_no_availability(stage: Stage) -> None:
    found = apps.app(stage.by(stage.people.ayu.actor), instance_id=stage.people.ghost.id)
    assert found.availability.share.value is None
    assert found.availability.last_outcome == "unknown"
    assert found.card.trial_until == NOW + timedelta(days=3)


def test_curves_are_sums_over_its_pods(stage: Stage) -> None:
    series = apps.app_series(stage.ctx, instance_id=stage.people.n8n.id, since=NOW - timedelta(hours=6), until=NOW)
    assert series.step == timedelta(minutes=5)
    assert len(series.times) == 72
    assert set(series.line("memory_use").values) == {500.0 * MIB}
    assert series.line("cpu_use").values[0] == pytest.approx(0.25)
    assert set(series.line("memory_limit").values) == {2 * 768.0 * MIB}
    assert series.line("network_transmit").values[0] == pytest.approx(2 * 3000 / 300)
    assert series.as_of == NOW


@pytest.mark.parametrize(("hours", "step"), [(1, 5), (41, 5), (48, 10), (24 * 7, 30), (24 * 20, 60), (24 * 90, 360)])
def test_a_curve_has_at_most_500_points(stage: Stage, hours: int, step: int) -> None:
    series = apps.app_series(stage.ctx, instance_id=stage.people.n8n.id, since=NOW - timedelta(hours=hours), until=NOW)
    assert series.step == timedelta(minutes=step)
    assert len(series.times) <= 500
    assert all(b - a == series.step for a, b in zip(series.times, series.times[1:], strict=False))
    assert series.line("memory_use").values[-1] == pytest.approx(500 * MIB)


def test_a_time_without_data_is_a_hole_and_ends_are_marks(stage: Stage) -> None:
    ctx = stage.by(stage.people.toko.actor)
    series = apps.app_series(
        ctx, instance_id=stage.people.wordpress.id, since=NOW - timedelta(hours=1), until=NOW + timedelta(hours=1)
    )
    assert series.line("memory_use").values[-1] is None
    assert [mark.kind for mark in series.marks] == ["oom"] * 4
    with pytest.raises(Invalid):
        apps.app_series(ctx, instance_id=stage.people.wordpress.id, since=NOW, until=NOW)


def test_nobody_hears_of_anybody_elses_app(stage: Stage) -> None:
    people = stage.people
    theirs = [people.wordpress.id, people.ghost.id, "ins_none"]
    strangers = [
        people.kopi.actor,
        *(a_member(stage.ctx.session, people.kopi, role, role.value) for role in MemberRole),
    ]
    for actor in strangers:
        ctx = stage.by(actor)
        assert {card.organization_id for card in apps.mine(ctx).apps} == {people.kopi.organization.id}
        for foreign in theirs:
            with pytest.raises(NotFound) as one:
                apps.app(ctx, instance_id=foreign)
            with pytest.raises(NotFound) as other:
                apps.app_series(ctx, instance_id=foreign, since=NOW - timedelta(hours=1), until=NOW)
            assert str(one.value) == str(other.value), "what is foreign and what does not exist sound alike"
        with pytest.raises(NotFound):
            apps.mine(ctx, organization_id=people.toko.organization.id)


def test_a_mapping_to_another_organization_shows_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.services import directory
    from models.domain.mapping import Owner, Via

    people = stage.people
    wrong = {"toko-wp": Owner(people.toko.organization.id, people.n8n.id, Via.PAGE)}
    monkeypatch.setattr(directory.mapping, "owners", lambda ctx: wrong)
    detail = apps.app(stage.ctx, instance_id=people.n8n.id)
    assert (detail.parts, detail.events) == ((), ())
    series = apps.app_series(stage.ctx, instance_id=people.n8n.id, since=NOW - timedelta(hours=6), until=NOW)
    assert set(series.line("memory_use").values) == {None}


def test_staff_see_a_customers_apps_and_a_gone_one_is_gone(stage: Stage) -> None:
    staff = a_staff_member(stage.ctx.session, StaffRole.SUPPORT)
    home = apps.mine(stage.by(staff), organization_id=stage.people.toko.organization.id)
    assert [card.name for card in home.apps] == ["shop"]
    assert apps.mine(stage.by(staff)).code == "empty", "they have none of their own"
    for state in (Life.DELETING, Life.GONE):
        row = instances.by_id(stage.ctx.session, stage.people.n8n.id)
        assert row is not None
        assert instances.move(stage.ctx.session, row.id, row.state, state)
    with pytest.raises(NotFound):
        apps.app(stage.by(staff), instance_id=stage.people.n8n.id)
