"""A warehouse that does not answer takes its own parts from the pages and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import streamlit as st

import app.demo as demo
from app import container
from app.absence import AGAIN, Absence, Away, Parts, Watched
from app.cluster import OwnCluster
from app.container import Container
from app.keep import Keep
from app.services import apps, capacity, cluster, collection, history, overview
from collectors.latest import Latest
from collectors.sources.port import Window
from collectors.warehouse import Damaged
from collectors.windows import floor
from models.domain.access import Actor, MemberRole, StaffRole, job_actor, member_actor, staff_actor
from models.domain.errors import Invalid, PlatformError, Unavailable
from models.domain.health import State
from models.store import members, organizations
from tests.pages.conftest import open_page, texts

ADMIN, CUSTOMER = (person.email for person in demo.sign_ins())
OWNER = staff_actor("staff", "Ada", StaffRole.OWNER)
NOW = datetime(2026, 11, 29, 4, tzinfo=UTC)
SECRET = "/var/lib/moorage/warehouse.duckdb"


class Silent:
    """The warehouse as it is when its catalogue was stopped, or its file cut off."""

    def __init__(self, error: PlatformError | None) -> None:
        self.error = error
        self.version = self.windows_version = 1

    def query(self, sql: str, params: Any = None) -> Any:
        if self.error:
            raise self.error
        return None

    def sizes(self) -> Any:
        return self.query("")


@pytest.fixture(params=[Unavailable(f"The warehouse {SECRET} does not answer."), Damaged(f"The warehouse {SECRET} is damaged.")])
def away(small_demo: Container, request: pytest.FixtureRequest) -> Iterator[Container]:
    st.cache_resource.clear()
    yield replace(small_demo, warehouse=Silent(request.param), keep=Keep(), absence=Absence())
    st.cache_resource.clear()


def test_the_beginning_of_a_silence_is_kept_until_it_is_over_for_good() -> None:
    absence = Absence()
    minute = timedelta(minutes=1)
    assert absence.noticed(NOW) == absence.noticed(NOW + 5 * minute) == NOW
    absence.answered(NOW + 5 * minute + AGAIN / 2)
    assert absence.noticed(NOW + 6 * minute) == NOW, "of a damaged file some parts answer"
    absence.answered(NOW + 6 * minute + AGAIN)
    assert absence.noticed(NOW + 9 * minute) == NOW + 9 * minute


def test_only_a_warehouse_that_is_away_is_away() -> None:
    absence, silent = Absence(), Silent(Unavailable("gone"))
    parts = Parts()
    assert parts.ask(lambda: Watched(silent, absence, NOW).query("")) is None
    assert parts.ask(lambda: Watched(silent, absence, NOW + AGAIN / 2).sizes()) is None
    assert parts.since == NOW
    silent.error = Invalid("a wrong question")
    with pytest.raises(Invalid):
        parts.ask(lambda: Watched(silent, absence, NOW).query(""))
    assert str(Away(NOW, "gone")) == "The warehouse has not answered since 2026-11-29 04:00:00 UTC: gone"


def test_services_keep_what_the_inventory_and_the_collector_know(small_demo: Container, away: Container) -> None:
    admin = OWNER
    with small_demo.reading(admin, "page") as ctx:
        whole = overview.state(ctx)
    with away.reading(admin, "page") as ctx:
        seen, told = overview.state(ctx), collection.health(ctx)
        assert seen.counts == replace(whole.counts, pods_up=seen.counts.pods_up)
        assert {one.organization for one in seen.consumers} == {one.organization for one in whole.consumers}
        assert [one.requested.value for one in seen.utilization] == [one.requested.value for one in whole.utilization]
        assert seen.history is None
        assert (told.code, told.gaps, told.sizes, told.rollup_lag.value) == ("away", told.gaps, (), None)
        assert {(one.ticks, one.missing, one.lost, one.rows) for one in told.sources} == {(None,) * 4}
        assert {one.source for one in told.sources} == {one.source for one in ctx.cluster.sources()}
        assert seen.away_since == told.away_since == ctx.now
        with pytest.raises(Away, match="has not answered since"):
            history.cluster_series(ctx, since=ctx.now - timedelta(days=1), until=ctx.now)
        with pytest.raises(Away):
            capacity.forecast(ctx)


def test_the_overview_keeps_its_counts_and_says_so_in_each_part_that_is_missing(away: Container) -> None:
    at = open_page(away, ADMIN, "admin/overview")
    assert not at.exception
    words = texts(at)
    values = {one.label: one.value for one in at.metric}
    with away.reading(OWNER, "page") as ctx:
        counts = overview.state(ctx).counts
    assert str(counts.organizations) in values.values()
    assert any(value.endswith(str(counts.pods)) for value in values.values())
    assert words.count("has not answered since") == 3, "trouble, curves and the day when it is full"
    assert SECRET not in words


@pytest.fixture
def measured(small_demo: Container, away: Container) -> Container:
    """The same, with two ticks in the collector's memory."""
    inventory, tick = small_demo.inventory, small_demo.settings.tick
    assert inventory is not None
    latest, metrics = Latest(tick), container._metrics(small_demo.settings, small_demo.clock, inventory)
    end = floor(small_demo.clock.now(), tick)
    for window in (Window(end - 2 * tick, end - tick), Window(end - tick, end)):
        latest.update(metrics.name, window.end, metrics.read(window).frames)
    return replace(away, cluster=OwnCluster(inventory, latest))


def test_nodes_and_pods_keep_their_state_and_what_the_cluster_remembers(small_demo: Container, measured: Container) -> None:
    with small_demo.reading(OWNER, "page") as ctx:
        snapshot = ctx.cluster.snapshot()
        told = next(e for e in snapshot.events if e.object_uid in snapshot.pods)
    with measured.reading(OWNER, "page") as ctx:
        node, pod = cluster.node(ctx, name="node-1"), cluster.pod(ctx, uid=told.object_uid)
        assert (node.away_since, pod.away_since) == (ctx.now, ctx.now)
        assert node.machine is not None
        assert node.machine.filesystems, "levels are those of now"
        assert (node.machine.evictions, node.changes, pod.changes) == (None, (), ())
        assert told.uid in {e.uid for e in pod.events}
        assert all(e.object_uid == told.object_uid for e in pod.events)
        assert node.node.memory_used is not None
        with pytest.raises(Away):
            cluster.pod(ctx, uid="gone")
    with small_demo.reading(OWNER, "page") as ctx:
        assert cluster.node(ctx, name="node-1").away_since is None


KEPT: dict[str, tuple[dict[str, str], tuple[str, ...], int]] = {
    "admin/cluster": ({}, ("3 of 3 nodes ready", "Ingress"), 1),
    "admin/node": ({"name": "node-1"}, ("node-1 is ready", "The machine", "pods on it"), 4),
    "admin/pod": ({"uid": "POD"}, ("Healthy since",), 3),
    "admin/organizations": ({}, ("27 organizations",), 1),
    "admin/organization": ({"id": "ORGANIZATION"}, ("Kopi Senja is in good standing", "People"), 1),
    "admin/capacity": ({}, ("How many more fit", "If a node is lost", "What if"), 2),
}
"""Of each page its parameters, what stays, and in how many places it says that the history is missing."""


@pytest.mark.parametrize("page", KEPT)
def test_a_page_of_the_staff_keeps_what_is_known_and_says_what_is_missing(
    small_demo: Container, measured: Container, page: str
) -> None:
    with small_demo.reading(OWNER, "page") as ctx:
        ids = {
            "POD": cluster.pods(ctx, search="n8n").rows[0].uid,
            "ORGANIZATION": next(o.id for o in organizations.everything(ctx.session) if o.name == "Kopi Senja"),
        }
    parameters, words, places = KEPT[page]
    at = open_page(measured, ADMIN, page, **{name: ids.get(value, value) for name, value in parameters.items()})
    assert not at.exception
    said = texts(at).replace("\\", "")
    for word in words:
        assert word in said, word
    assert said.count("has not answered since") == places
    assert "warehouse.duckdb" not in said


def test_collection_names_the_reason_and_lists_its_sources(away: Container) -> None:
    at = open_page(away, ADMIN, "admin/collection")
    assert not at.exception
    assert at.title[0].value.startswith("The warehouse has not answered since")
    assert "warehouse.duckdb" in texts(at).replace("\\", "")
    assert "Everything arrives" not in texts(at)
    assert "No gaps" not in texts(at)


def _customer(made: Container) -> Actor:
    with made.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        assert user is not None
        return member_actor(user.id, user.name, {o.id: MemberRole.OWNER for o, _ in members.of_user(ctx.session, user.id)})


@pytest.mark.parametrize(("locale", "sentence"), [("en-GB", "has not answered since"), ("id-ID", "tidak menjawab sejak")])
def test_home_shows_every_app_with_its_state_and_no_path(away: Container, locale: str, sentence: str) -> None:
    before = _speaks(away, locale)
    try:
        with away.reading(_customer(away), "page") as ctx:
            home = apps.mine(ctx)
            detail = apps.app(ctx, instance_id=home.apps[0].instance_id)
        assert any(card.condition.state is not State.UNKNOWN for card in home.apps)
        assert home.away_since is not None
        assert (detail.events, detail.availability.share.value) == ((), None)
        for page, more in (("customer/home", {}), ("customer/app", {"id": home.apps[0].instance_id})):
            at = open_page(away, CUSTOMER, page, **more)
            assert not at.exception
            words = texts(at).replace("\\", "")
            assert sentence in words
            assert home.apps[0].name in words
            assert "warehouse.duckdb" not in words
    finally:
        _speaks(away, before)


def _speaks(made: Container, locale: str) -> str:
    """Change the customer's language; what it was."""
    with made.transaction(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        assert user is not None
        before, user.locale = user.locale, locale
        return before
