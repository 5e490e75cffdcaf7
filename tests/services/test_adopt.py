"""Apps of the cluster on record: adopted, changed and released by staff, and what is known of their use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app import container
from app.context import Context
from app.services import adoption, instances, mapping, traffic
from app.services.instances import InstanceView
from collectors.sources.port import ProbeTarget
from collectors.warehouse import Warehouse
from models.domain.access import MemberRole, StaffRole
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import MOVES, State, way_to_gone
from models.domain.mapping import DEFAULT_LABELS, Via
from models.domain.organizations import Standing
from models.store import audit as audit_rows
from models.store import instances as rows
from models.store.session import Store
from tests.services import running
from tests.stories import (
    NOW,
    Cluster,
    Customer,
    a_context,
    a_customer,
    a_job,
    a_member,
    a_namespace,
    a_plan,
    a_pod,
    a_snapshot,
    a_staff_member,
    a_stranger,
    an_instance,
)

LABEL = DEFAULT_LABELS.organization
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Stage:
    """`free`, `other` and `torn` are nobody's, `labelled` is Kopi's, `theirs` Toko's."""

    ctx: Context
    kopi: Customer
    toko: Customer

    def adopt(self, name: str = "n8n", namespace: str = "free", **facts: object) -> InstanceView:
        wanted = {"organization_id": self.kopi.organization.id, "name": name, "namespace": namespace} | facts
        return adoption.adopt(self.ctx, **wanted)

    def rule(self, namespace: str) -> mapping.NamespaceRow:
        return next(row for row in mapping.list_(self.ctx).rows if row.namespace == namespace)

    def deeds(self, subject: str) -> list[str]:
        return [row.action for row in audit_rows.search(self.ctx.session, subject=subject, limit=9)]


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    with store.transaction() as session:
        kopi, toko = a_customer(session), a_customer(session, "Toko")
        snapshot = a_snapshot(
            a_namespace("labelled", labels={LABEL: kopi.organization.slug}),
            a_namespace("theirs", labels={LABEL: toko.organization.slug}),
            a_pod("torn", "one", labels={LABEL: kopi.organization.slug}),
            a_pod("torn", "two", labels={LABEL: toko.organization.slug}),
            a_pod("free", "web"),
            a_namespace("other"),
        )
        yield Stage(a_context(session, a_staff_member(session, StaffRole.OPERATOR), cluster=Cluster(snapshot)), kopi, toko)


def test_an_adopted_app_is_ready_on_record_and_its_namespace_the_customers(stage: Stage) -> None:
    plan = a_plan(stage.ctx.session)
    until = NOW + timedelta(days=14)
    made = stage.adopt(address=" https://kopi.n8n.example.com ", plan_id=plan.id, trial_until=until)
    assert (made.state, made.cluster, made.namespace, made.created_at) == (State.READY, "default", "free", NOW)
    assert (made.address, made.template, made.plan_id, made.trial_until) == ("https://kopi.n8n.example.com", "n8n", plan.id, until)
    rule = stage.rule("free")
    assert (rule.organization_id, rule.instance_id, rule.via) == (stage.kopi.organization.id, made.id, Via.PAGE)
    assert stage.deeds(made.id) == ["instances.adopt"]
    assert stage.deeds("default/free") == ["mapping.assign"]
    mine = replace(stage.ctx, actor=stage.kopi.actor)
    assert [row.id for row in instances.list_(mine).items] == [made.id]


def test_a_namespace_that_is_the_customers_by_label_needs_no_rule(stage: Stage) -> None:
    made = stage.adopt(namespace="labelled")
    rule = stage.rule("labelled")
    assert (rule.organization_id, rule.instance_id, rule.via) == (stage.kopi.organization.id, made.id, Via.LABEL)
    assert stage.deeds("default/labelled") == []


def test_a_rule_without_an_app_names_the_adopted_one_from_then_on(stage: Stage) -> None:
    mapping.assign(stage.ctx, namespace="other", organization_id=stage.kopi.organization.id)
    made = stage.adopt(namespace="other")
    assert stage.rule("other").instance_id == made.id


def test_a_disputed_namespace_becomes_the_customers(stage: Stage) -> None:
    made = stage.adopt(namespace="torn")
    assert (stage.rule("torn").via, stage.rule("torn").instance_id) == (Via.PAGE, made.id)


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        ({"name": "N8N!"}, Invalid, "lower-case"),
        ({"name": ""}, Invalid, "lower-case"),
        ({"template": "Big App"}, Invalid, "lower-case"),
        ({"namespace": "nowhere"}, NotFound, "no namespace “nowhere”"),
        ({"namespace": "theirs"}, Conflict, "belongs to Toko"),
        ({"plan_id": "plan_none"}, NotFound, "no such plan"),
        ({"organization_id": "org_none"}, NotFound, "nothing here"),
        ({"address": "kopi.example.com"}, Invalid, "looks like"),
        ({"address": "ftp://kopi.example.com"}, Invalid, "looks like"),
        ({"address": "https://"}, Invalid, "looks like"),
        ({"address": "https://a:b@kopi.example.com"}, Invalid, "looks like"),
        ({"address": "https://kopi.example.com:99999"}, Invalid, "looks like"),
        ({"address": "https://kopi example.com"}, Invalid, "looks like"),
        ({"address": "https://[::1"}, Invalid, "looks like"),
        ({"address": "https://k.example.com/" + "a" * 300}, Invalid, "looks like"),
        ({"trial_until": datetime(2026, 12, 1)}, Invalid, "time zone"),  # noqa: DTZ001  the mistake under test
        ({"trial_until": NOW + timedelta(days=4000)}, Invalid, "ten years"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(stage: Stage, wrong: dict[str, object], kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        stage.adopt(**wrong)
    assert not rows.everything(stage.ctx.session)
    assert stage.rule("free").via is Via.UNOWNED


def test_a_plan_is_for_its_own_template(stage: Stage) -> None:
    plan = a_plan(stage.ctx.session)
    with pytest.raises(Invalid, match="is for n8n, not for ghost"):
        stage.adopt(template="ghost", plan_id=plan.id)
    made = stage.adopt(template="ghost")
    with pytest.raises(Invalid, match="is for n8n, not for ghost"):
        adoption.change(stage.ctx, instance_id=made.id, plan_id=plan.id)
    assert instances.get(stage.ctx, instance_id=made.id) == made


@pytest.mark.parametrize("standing", [Standing.CLOSED, Standing.ANONYMISED])
def test_who_has_left_gets_no_apps(stage: Stage, standing: Standing) -> None:
    stage.kopi.organization.standing = standing
    with pytest.raises(Conflict, match="gets no apps"):
        stage.adopt()


def test_a_name_and_a_namespace_are_given_once(stage: Stage) -> None:
    stage.adopt()
    with pytest.raises(Conflict, match="has an app “n8n” already"):
        stage.adopt(namespace="other")
    with pytest.raises(Conflict, match="the app “n8n” is on record already"):
        stage.adopt("ghost")
    assert stage.adopt("n8n", "theirs", organization_id=stage.toko.organization.id).name == "n8n"


def test_a_namespace_that_is_a_part_of_another_app_stays_there(stage: Stage) -> None:
    first = stage.adopt()
    mapping.assign(stage.ctx, namespace="other", organization_id=stage.kopi.organization.id, instance_id=first.id)
    with pytest.raises(Conflict, match="a part of the app “n8n”"):
        stage.adopt("ghost", "other")


def test_whoever_is_faster_wins_and_the_other_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.adopt()
    monkeypatch.setattr(rows, "living_by_name", lambda *_: None)
    with pytest.raises(Conflict, match="just now"):
        stage.adopt(namespace="other")
    assert len(rows.everything(stage.ctx.session)) == 1


def test_adopting_is_for_staff(stage: Stage) -> None:
    made = stage.adopt()
    session = stage.ctx.session
    member = a_member(session, stage.kopi, MemberRole.OWNER)
    for actor, kind in (
        (member, NotPermitted),
        (a_staff_member(session, StaffRole.SUPPORT), NotPermitted),
        (a_stranger(session), NotFound),
    ):
        ctx = replace(stage.ctx, actor=actor)
        with pytest.raises(NotPermitted):
            adoption.adopt(ctx, organization_id=stage.kopi.organization.id, name="more", namespace="other")
        with pytest.raises(NotPermitted):
            adoption.adoptable(ctx, organization_id=stage.kopi.organization.id)
        with pytest.raises(kind):
            adoption.change(ctx, instance_id=made.id, address="")
        with pytest.raises(kind):
            adoption.release(ctx, instance_id=made.id)
    assert instances.get(stage.ctx, instance_id=made.id) == made


def test_those_to_choose_from_are_free_or_the_customers_own(stage: Stage) -> None:
    kopi = {"organization_id": stage.kopi.organization.id}
    assert adoption.adoptable(stage.ctx, **kopi) == ("free", "labelled", "other", "torn")
    made = stage.adopt()
    assert adoption.adoptable(stage.ctx, **kopi) == ("labelled", "other", "torn")
    adoption.release(stage.ctx, instance_id=made.id)
    assert "free" in adoption.adoptable(stage.ctx, **kopi)


def test_what_is_changed_is_noted_and_the_rest_stays(stage: Stage) -> None:
    made = stage.adopt(address="https://a.example.com", template="n8n")
    changed = adoption.change(stage.ctx, instance_id=made.id, address="http://b.example.com:8080/x")
    assert (changed.address, changed.template) == ("http://b.example.com:8080/x", "n8n")
    plan = a_plan(stage.ctx.session)
    changed = adoption.change(stage.ctx, instance_id=made.id, plan_id=plan.id, trial_until=NOW + timedelta(days=1))
    assert (changed.plan_id, changed.trial_until) == (plan.id, NOW + timedelta(days=1))
    changed = adoption.change(stage.ctx, instance_id=made.id, address="", plan_id=None, trial_until=None, template="")
    assert (changed.address, changed.plan_id, changed.trial_until, changed.template) == ("", None, None, "")
    assert adoption.change(stage.ctx, instance_id=made.id, address="") == changed
    assert stage.deeds(made.id) == ["instances.change"] * 3 + ["instances.adopt"]


def test_a_released_app_is_gone_from_the_books_and_its_namespace_stays_the_customers(stage: Stage) -> None:
    made = stage.adopt()
    gone = adoption.release(stage.ctx, instance_id=made.id)
    assert gone.state is State.GONE
    assert (stage.rule("free").organization_id, stage.rule("free").instance_id) == (stage.kopi.organization.id, None)
    (deed, _) = audit_rows.search(stage.ctx.session, subject=made.id, limit=9)
    assert (deed.action, deed.before, deed.after) == (
        "instances.release", '{"rules": 1, "state": "ready"}', '{"rules": 0, "state": "gone"}',
    )  # fmt: skip
    with pytest.raises(Conflict, match="is gone"):
        adoption.release(stage.ctx, instance_id=made.id)
    with pytest.raises(Conflict, match="is gone"):
        adoption.change(stage.ctx, instance_id=made.id, address="")
    assert stage.adopt().id != made.id


def test_an_adopted_address_is_asked_until_the_app_is_released(store: Store) -> None:
    cluster = Cluster(a_snapshot(a_namespace("free")))
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session), cluster=cluster)
        home = a_customer(session).organization.id
        made = adoption.adopt(ctx, organization_id=home, name="n8n", namespace="free", address="https://n8n.example.com")
    assert container._targets(store, "default", cluster.snapshot, DEFAULT_LABELS) == [
        ProbeTarget("https://n8n.example.com", "free")
    ]
    with store.transaction() as session:
        adoption.release(a_context(session, a_job(), cluster=cluster), instance_id=made.id)
    assert container._targets(store, "default", cluster.snapshot, DEFAULT_LABELS) == []


@pytest.mark.parametrize("state", State)
def test_only_an_instance_that_should_answer_is_asked(store: Store, state: State) -> None:
    with store.transaction() as session:
        an_instance(
            session, a_customer(session), state=state, address="https://n8n.example.com", namespace="n8n", cluster="default"
        )
    assert bool(container._targets(store, "default", a_snapshot, DEFAULT_LABELS)) == (state in {State.READY, State.DEGRADED})


@pytest.mark.parametrize("state", State)
def test_every_state_leads_to_gone_by_moves_of_the_table(state: State) -> None:
    way = (state, *way_to_gone(state))
    assert way[-1] is State.GONE
    assert all(after in MOVES[before] for before, after in itertools.pairwise(way))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """`free` was used until twenty minutes ago and then stood still; `other` only stands still; `old` was used long ago."""
    with running.a_warehouse(tmp_path_factory.mktemp("traffic")) as made:
        requests = [("free", 90, 3.0), ("free", 20, 1.0), ("free", 5, 0.0), ("other", 5, 0.0), ("old", 125, 9.0)]
        frame = pl.DataFrame(
            {
                "t": [NOW - MINUTE * ago for _, ago, _ in requests],
                "namespace": [name for name, _, _ in requests],
                "requests_total_inc": [count for _, _, count in requests],
            }
        ).with_columns(
            pl.col("t").dt.cast_time_unit("us"),
            pl.lit(10, pl.Int32).alias("n"),
            pl.lit(300_000, pl.Int64).alias("covered_ms"),
            pl.col("namespace").alias("service"),
            pl.lit("ingress-1").alias("instance"),
        )
        made.bulk_load("ingress", {}, windows={"ingress": frame})
        yield made


def test_last_use_is_the_newest_window_with_requests_in_two_hours(store: Store, warehouse: Warehouse) -> None:
    with store.transaction() as session:
        kopi = a_customer(session)
        long_ago = NOW - timedelta(days=30)
        for name in ("free", "other", "old", "silent"):
            an_instance(session, kopi, name, namespace=name, now=long_ago)
        ctx = replace(a_context(session, a_job()), warehouse=warehouse)
        (one,) = traffic.last_uses(ctx, until=NOW)
        assert (one.name, one.at) == ("free", NOW - 20 * MINUTE)
        rows.used(session, one.instance_id, one.at)
        assert traffic.last_uses(ctx, until=NOW) == ()
        with pytest.raises(NotPermitted):
            traffic.last_uses(replace(ctx, actor=kopi.actor), until=NOW)


def test_a_trial_is_unused_only_where_the_ingress_told_anything(store: Store, warehouse: Warehouse, tmp_path: Path) -> None:
    with store.transaction() as session:
        kopi = a_customer(session)
        for name in ("other", "silent"):
            facts = {"namespace": name, "trial_until": NOW + timedelta(days=3)}
            an_instance(session, kopi, name, now=NOW - timedelta(days=30), **facts)
        ctx = replace(a_context(session, kopi.actor), warehouse=warehouse)
        assert {row.name: row.unused for row in instances.list_(ctx).items} == {"other": True, "silent": False}
        with running.a_warehouse(tmp_path) as empty:
            blind = replace(ctx, warehouse=empty)
            assert [row.unused for row in instances.list_(blind).items] == [False, False]
