"""The demo business in an empty data directory: what is there afterwards, and that it agrees with what a collector would write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlmodel import select

from app import demo
from app.auth import passwords
from app.container import Container, world_file
from app.demo import past, people
from collectors import warehouse as warehouses
from collectors.collect import Collector
from collectors.latest import Latest
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber, open_world
from models.domain.access import MemberRole, StaffRole, job_actor
from models.domain.clock import FrozenClock
from models.domain.errors import Conflict, Misconfigured
from models.domain.instances import State
from models.domain.mapping import Labels, Via, resolve
from models.store import catalogue, instances, members, organizations, staff
from models.store.audit import Audit
from models.world import tenants
from models.world.world import World
from tests.demo.conftest import HOUR, NOW, a_container
from tests.stories import NoWarehouse

TICK = timedelta(seconds=30)
GRID = NOW.replace(second=0)


def test_organizations_people_and_apps_are_there(loaded: Container) -> None:
    with loaded.store.reading() as session:
        orgs = organizations.everything(session)
        assert len(orgs) == 27
        assert {org.slug for org in orgs} == {tenant.slug for tenant in tenants.TENANTS}
        sizes = sorted(len(members.of_organization(session, org.id)) for org in orgs)
        assert sizes == [1] * 26 + [2]
        rows = instances.everything(session)
        assert len(rows) == 35
        assert {row.template for row in rows} == {"n8n", "ghost", "wordpress"}
        assert all(
            row.address == f"https://{row.namespace.removesuffix(f'-{row.template}')}.{row.template}.apps.localhost" for row in rows
        )
        trials = [row for row in rows if row.trial_until is not None]
        assert len(trials) == 14
        assert all(row.trial_until is not None and row.trial_until > NOW for row in trials)
        assert [row.namespace for row in rows if row.state is State.DEGRADED] == ["percetakan-harapan-wordpress"]
        plans = catalogue.plans(session)
        assert len(plans) == 6
        assert {plan.currency for plan in plans} == {"IDR"}
        assert all(row.plan_id in {plan.id for plan in plans} for row in rows)


def test_both_sign_ins_work_and_say_who_they_are(loaded: Container) -> None:
    admin, customer = demo.sign_ins()
    with loaded.store.reading() as session:
        for one in (admin, customer):
            user = members.user_by_email(session, one.email)
            assert user is not None
            assert user.email_verified_at is not None
            assert passwords.verify(user.password_hash, one.password).good
        assert [(user.email, row.role) for user, row in staff.everyone(session)] == [(admin.email, StaffRole.OWNER)]
        user = members.user_by_email(session, customer.email)
        assert user is not None
        assert [(org.slug, row.role) for org, row in members.of_user(session, user.id)] == [("kopi-senja", MemberRole.OWNER)]


def test_every_namespace_of_the_cluster_finds_its_owner_by_its_label(loaded: Container) -> None:
    with loaded.store.reading() as session:
        values = {org.slug: org.id for org in organizations.everything(session)}
        rows = instances.everything(session)
    labels = Labels(loaded.settings.labels, values, {(row.organization_id, row.name): row.id for row in rows})
    found = resolve(loaded.cluster.snapshot(), {}, labels)
    for row in rows:
        owner = found[row.namespace]
        assert (owner.organization_id, owner.instance_id, owner.via) == (row.organization_id, row.id, Via.LABEL)
    assert found["kube-system"].organization_id is None


def test_the_history_is_whole_up_to_now(loaded: Container) -> None:
    ask = loaded.owned_warehouse().query
    newest = ask("SELECT max(tick) AS t, min(tick) AS first FROM tick WHERE source = 'simulated'").row(0)
    assert newest[0] == GRID
    assert newest[1] < GRID - 2 * HOUR
    assert loaded.owned_warehouse().gaps(newest[1], GRID, 30, "simulated") == []
    hours = ask("SELECT date_trunc('hour', t) AS h, count(DISTINCT uid) AS pods FROM pod_5m GROUP BY 1 ORDER BY 1")
    assert hours["pods"].min() > 80  # also while a node was out: what waits for its volume keeps its old pod
    # three days, but for the hours around the time in which nothing was scraped
    assert 63 <= hours.height <= 72
    assert ask("SELECT count(DISTINCT node) AS n FROM node_1h")["n"].item() == 3
    reasons = set(ask("SELECT DISTINCT reason FROM event")["reason"])
    assert reasons >= {"NodeNotReady", "NodeReady", "TaintManagerEviction", "FailedScheduling", "BackOff", "Started"}
    states = ask("SELECT DISTINCT phase FROM node_state WHERE node = 'node-2'")["phase"].to_list()
    assert set(states) == {"Ready", "Unknown"}
    probes = ask("SELECT outcome, count(*) AS n FROM probe GROUP BY 1")
    share = dict(probes.iter_rows())
    assert 0.9 < share["up"] / sum(share.values()) < 0.999


def test_windows_of_the_history_are_what_a_collector_would_have_made(loaded: Container, tmp_path: Path) -> None:
    """Some hours appended tick by tick and rolled up, against the loaded windows of those hours."""
    clock = FrozenClock(NOW)
    metrics = SimulatedMetrics(open_world(world_file(loaded.settings), 7, clock), clock)
    start = datetime(2026, 11, 24, 9, tzinfo=NOW.tzinfo)
    steps = [past.windows.window(start + n * TICK, TICK) for n in range(1, 125)]
    with_ticks = warehouses.open(str(tmp_path / "ticks.duckdb"))
    for window, reading in metrics.read_many(steps):
        with_ticks.append(window.end, metrics.name, reading.frames)
    with_ticks.rollup(start + HOUR)
    for view, key, counter, gauge in (
        ("pod_5m", ["uid", "container"], "cpu_usage_seconds_total_inc", "memory_working_set_bytes_avg"),
        ("node_5m", ["node"], "cpu_idle_seconds_total_inc", "memory_available_bytes_avg"),
        ("node_5m", ["node"], "io_pressure_seconds_total_inc", "filesystem_fullest_share_avg"),
        ("ingress_5m", ["service", "instance"], "sent_bytes_total_inc", None),
        ("ingress_process_5m", ["instance"], "uptime_seconds_avg", None),
    ):
        columns = ["t", *key, "n", counter, *([gauge] if gauge else [])]
        sql = f"SELECT {', '.join(columns)} FROM {view} WHERE t > ? AND t <= ? ORDER BY ALL"
        # the first window has no sample before it, so half a minute of it is not known to the ticks
        spans = [start + timedelta(minutes=5), start + HOUR]
        mine, theirs = loaded.owned_warehouse().query(sql, spans), with_ticks.query(sql, spans)
        both = mine.join(theirs, on=["t", *key], suffix="_ticks")
        assert both.height >= 0.98 * max(mine.height, theirs.height)
        for name in filter(None, (counter, gauge)):
            off = (both[name] / both[f"{name}_ticks"] - 1).abs()
            assert off.median() < 0.001
            assert off.quantile(0.98) < 0.01
            assert both[name].sum() == pytest.approx(both[f"{name}_ticks"].sum(), rel=0.001)
    with_ticks.close()


def test_loading_a_time_at_once_is_appending_its_ticks(tmp_path: Path) -> None:
    """The bulk loader on the world's own samples, over an update and a kill: every table is the same."""
    clock = FrozenClock(NOW)
    file = open_world(None, 7, clock)
    start, upto = NOW.replace(hour=4, minute=0, second=0), NOW.replace(hour=5, minute=2, second=0)
    plan = past.Past(file.world, "default", TICK, 2 * TICK, (), start, start, upto)
    frames, ticks, _ = plan._samples(start, upto, False)
    one, two = (warehouses.open(str(tmp_path / f"{name}.duckdb")) for name in ("bulk", "append"))
    one.bulk_load("simulated", frames, ticks=ticks)
    for window, reading in SimulatedMetrics(file, clock).read_many([past.windows.window(t, TICK) for t in ticks or ()]):
        two.append(window.end, "simulated", reading.frames)
    for wh in (one, two):
        wh.rollup(upto - 2 * TICK)
    views = (
        "pod_sample",
        "node_sample",
        "filesystem_sample",
        "volume_sample",
        "ingress_sample",
        "ingress_process_sample",
        "pod_5m",
        "node_5m",
        "filesystem_5m",
    )
    for view in (*views, "pod_1h", "ingress_1h", "ingress_process_1h"):
        first, second = (wh.query(f"SELECT * FROM {view} ORDER BY ALL") for wh in (one, two))
        assert first.height > 0
        assert_frame_equal(first, second, rel_tol=1e-9)
    one.close()
    two.close()


def test_a_second_load_changes_nothing(loaded: Container) -> None:
    def counts() -> list[int]:
        ask = loaded.owned_warehouse().query
        return [ask(f"SELECT count(*) AS n FROM {v}")["n"].item() for v in ("tick", "pod_5m", "pod_sample", "event", "probe")]

    before, told = counts(), list[str]()
    demo.load(loaded, lambda what, share: told.append(what), days=3, raw_days=0.1)
    assert counts() == before
    assert not told


class Killed(BaseException):
    """Stands for SIGKILL between two statements."""


@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_killed_load_is_completed_by_the_next(tmp_path: Path, share: float, loaded: Container) -> None:
    clock = FrozenClock(NOW)
    container = a_container(tmp_path / "data", clock)

    def kill(what: str, done: float) -> None:
        if done >= share:
            raise Killed

    with pytest.raises(Killed):
        demo.load(container, kill, days=0.5, raw_days=0.1)
    with container.store.reading() as session:
        assert organizations.everything(session) == []
    container.close()

    clock.advance(timedelta(minutes=3))
    container = a_container(tmp_path / "data", clock)
    demo.load(container, days=0.5, raw_days=0.1)
    warehouse = container.owned_warehouse()
    first = warehouse.query("SELECT min(tick) AS t, max(tick) AS u FROM tick WHERE source = 'simulated'").row(0)
    assert first[1] == GRID + timedelta(minutes=3)
    assert warehouse.gaps(first[0], first[1], 30, "simulated") == []
    twice = warehouse.query("SELECT count(*) AS n FROM (SELECT t, uid, container FROM pod_5m GROUP BY ALL HAVING count(*) > 1)")
    assert twice["n"].item() == 0
    hours = "SELECT count(DISTINCT date_trunc('hour', t - INTERVAL 1 SECOND)) AS n FROM pod_5m"
    assert warehouse.query(hours)["n"].item() == 13
    with container.store.reading() as session:
        assert len(organizations.everything(session)) == 27
    container.close()


def test_live_data_is_refused(loaded: Container, tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    live = a_container(tmp_path, clock, kubeconfig=tmp_path / "config", prometheus_url="http://127.0.0.1:9")
    with pytest.raises(Conflict, match="not loaded beside live data"):
        demo.load(live)
    live.close()


def test_only_the_owner_of_the_warehouse_can_load(loaded: Container) -> None:
    with pytest.raises(Misconfigured, match="owns the warehouse"):
        demo.load(replace(loaded, warehouse=NoWarehouse()))


def test_the_load_is_in_the_audit(loaded: Container) -> None:
    with loaded.reading(job_actor("test"), "cli") as ctx:
        rows = ctx.session.exec(select(Audit).where(Audit.action == "demo.load")).all()
    assert len(rows) == 1


def test_seeds_differ_and_a_seed_does_not(loaded: Container, tmp_path: Path) -> None:
    def memory(seed: int) -> pl.Series:
        container = a_container(tmp_path / str(seed), FrozenClock(NOW), demo_seed=seed)
        demo.load(container, days=0.2, raw_days=0.1)
        sql = "SELECT memory_working_set_bytes_avg AS m FROM pod_5m WHERE t > ? AND t <= ? ORDER BY uid, t"
        found = container.owned_warehouse().query(sql, [GRID - 4 * HOUR, GRID - 3 * HOUR])["m"]
        container.close()
        return found

    sql = "SELECT memory_working_set_bytes_avg AS m FROM pod_5m WHERE t > ? AND t <= ? ORDER BY uid, t"
    same = loaded.owned_warehouse().query(sql, [GRID - 4 * HOUR, GRID - 3 * HOUR])["m"]
    assert memory(7).equals(same)
    assert not memory(8).equals(same)


def test_a_collector_goes_on_where_the_load_ended_and_fills_what_was_missed(tmp_path: Path) -> None:
    clock = FrozenClock(NOW)
    container = a_container(tmp_path, clock)
    demo.load(container, days=0.2, raw_days=0.1)
    file = open_world(world_file(container.settings), 7, clock)
    inventory = SimulatedInventory(file, clock)
    inventory.start()
    warehouse = container.owned_warehouse()
    clock.advance(timedelta(minutes=12))
    collector = Collector(
        metrics=SimulatedMetrics(file, clock),
        inventory=inventory,
        warehouse=warehouse,
        latest=Latest(),
        clock=clock,
        prober=SimulatedProber(file, clock),
    )
    collector.tick(clock.now())
    collector.backfill(clock.now())
    assert warehouse.gaps(GRID - HOUR, GRID + timedelta(minutes=11), 30, "simulated") == []
    events = warehouse.query("SELECT count(*) AS n FROM event WHERE ts > ?", [NOW])["n"].item()
    assert events > 2  # the crash loop went on while nobody looked
    twice = warehouse.query("SELECT count(*) AS n FROM (SELECT uid, ts FROM event GROUP BY ALL HAVING count(*) > 1)")["n"].item()
    assert twice == 0
    container.close()


def test_addresses_name_every_app_once() -> None:
    found = people.addresses("apps.example")
    assert len({address for _, address in found}) == len({namespace for namespace, _ in found}) == 35


def test_the_world_is_remembered_by_the_data_directory(loaded: Container) -> None:
    world: World = open_world(world_file(loaded.settings), 99, FrozenClock(NOW)).world
    assert world.seed == loaded.settings.demo_seed
