"""Rules about namespaces: made, replaced and taken away by people, over what labels and records say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.context import Context
from app.services import audit, mapping
from app.services import organizations as organization_services
from models.domain import trouble
from models.domain.access import Actor, StaffRole
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.mapping import DEFAULT_LABELS, LabelNames, Via
from models.domain.organizations import Standing
from models.domain.trouble import Kind
from models.store import organizations
from models.store.instances import Instance
from models.store.session import Store
from tests.stories import (
    NOW,
    Cluster,
    Customer,
    a_context,
    a_customer,
    a_namespace,
    a_pod,
    a_snapshot,
    a_staff_member,
    an_instance,
)

GIB = 2**30
LABEL = DEFAULT_LABELS.organization


@dataclass(frozen=True)
class Stage:
    """`labelled` and `by-pods` are Kopi's, `toko-n8n` is Toko's by record, `torn` disputed, `free` and `empty` nobody's."""

    ctx: Context
    kopi: Customer
    toko: Customer
    n8n: Instance
    operator: Actor

    def row(self, namespace: str) -> mapping.NamespaceRow:
        return next(row for row in mapping.list_(self.ctx).rows if row.namespace == namespace)

    def as_(self, actor: Actor) -> Context:
        return replace(self.ctx, actor=actor)


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    with store.transaction() as session:
        kopi, toko = a_customer(session), a_customer(session, "Toko")
        n8n = an_instance(session, toko, "flows", namespace="toko-n8n")
        snapshot = a_snapshot(
            a_namespace("labelled", labels={LABEL: kopi.organization.slug}),
            a_pod("labelled", "web", memory=GIB),
            a_pod("by-pods", "web", memory=GIB, labels={LABEL: kopi.organization.id}),
            a_pod("toko-n8n", "n8n", memory=GIB),
            a_pod("torn", "one", memory=2 * GIB, labels={LABEL: "kopi-kita"}),
            a_pod("torn", "two", memory=2 * GIB, labels={LABEL: "toko"}),
            a_pod("free", "thing", cpu=0.5, memory=GIB),
            a_namespace("empty"),
        )
        operator = a_staff_member(session, StaffRole.OPERATOR)
        yield Stage(a_context(session, operator, cluster=Cluster(snapshot)), kopi, toko, n8n, operator)


def test_every_namespace_has_a_row_and_nobodys_come_first(stage: Stage) -> None:
    found = mapping.list_(stage.ctx)
    assert [(row.namespace, row.via, row.organization) for row in found.rows] == [
        ("empty", Via.UNOWNED, ""),
        ("free", Via.UNOWNED, ""),
        ("torn", Via.DISPUTED, ""),
        ("by-pods", Via.POD_LABEL, "Kopi Kita"),
        ("labelled", Via.LABEL, "Kopi Kita"),
        ("toko-n8n", Via.INSTANCE, "Toko"),
    ]
    assert (found.namespaces, found.unowned, found.disputed, found.unowned_pods) == (6, 1, 1, 3)
    assert found.unowned_memory_share == 5 / 8


def test_the_clusters_own_namespaces_and_empty_ones_need_no_owner(stage: Stage) -> None:
    snapshot = a_snapshot(
        a_pod("kube-system", "dns", memory=2 * GIB),
        a_pod("free", "one", memory=GIB),
        a_pod("free", "two", memory=GIB),
        a_namespace("empty"),
    )
    ctx = replace(stage.ctx, cluster=Cluster(snapshot))
    found = mapping.list_(ctx)
    assert [row.namespace for row in found.rows] == ["empty", "free", "kube-system"]
    assert (found.unowned, found.unowned_pods, found.unowned_memory_share) == (1, 2, 1 / 2)
    (hint,) = (one for one in trouble.find(snapshot, NOW, owners=mapping.owners(ctx)) if one.kind is Kind.UNOWNED)
    assert hint.count == found.unowned_pods
    assert hint.reason == "1 namespace belongs to nobody (free): 2 pods."


def test_a_row_says_what_is_asked_for_and_by_which_label(stage: Stage) -> None:
    free, labelled = stage.row("free"), stage.row("labelled")
    assert (free.pods, free.cpu_request, free.memory_request, free.label, free.by, free.since) == (1, 0.5, GIB, "", "", None)
    assert (labelled.label, labelled.exists) == ("kopi-kita", True)
    assert (stage.row("toko-n8n").instance, stage.row("toko-n8n").instance_id) == ("flows", stage.n8n.id)


def test_requests_of_pods_that_are_over_do_not_count(stage: Stage) -> None:
    snapshot = a_snapshot(a_namespace("free"))
    nothing = mapping.list_(replace(stage.ctx, cluster=Cluster(snapshot)))
    assert nothing.unowned_memory_share is None  # nothing asks for memory: unknown, not zero


def test_filters_leave_the_counts_alone(stage: Stage) -> None:
    def names(**asked: object) -> list[str]:
        found = mapping.list_(stage.ctx, **asked)
        assert found.namespaces == 6
        return [row.namespace for row in found.rows]

    assert names(search=" KOPI ") == ["by-pods", "labelled"]
    assert names(search="toko-") == ["toko-n8n"]
    assert names(via=Via.DISPUTED) == ["torn"]
    assert names(organization_id=stage.toko.organization.id) == ["toko-n8n"]
    assert names(search="no such thing") == []


def test_a_rule_wins_over_label_pod_label_dispute_and_record(stage: Stage) -> None:
    toko = stage.toko.organization.id
    for namespace in ("labelled", "by-pods", "torn", "free", "empty"):
        row = mapping.assign(stage.ctx, namespace=namespace, organization_id=toko)
        assert (row.namespace, row.organization_id, row.via, row.instance_id) == (namespace, toko, Via.PAGE, None)
        assert (row.by, row.since) == (stage.operator.name, NOW)
        assert mapping.owners(stage.ctx)[namespace].organization_id == toko
    mapping.assign(stage.ctx, namespace="toko-n8n", organization_id=stage.kopi.organization.id)
    assert (stage.row("toko-n8n").organization, stage.row("toko-n8n").instance_id) == ("Kopi Kita", None)
    assert mapping.list_(stage.ctx).unowned_pods == 0


def test_a_rule_is_replaced_and_taken_away_and_the_audit_tells_it(stage: Stage) -> None:
    kopi, toko = stage.kopi.organization.id, stage.toko.organization.id
    mapping.assign(stage.ctx, namespace="labelled", organization_id=toko, instance_id="flows")
    later = replace(stage.ctx, now=NOW + timedelta(hours=1))
    assert mapping.assign(later, namespace="labelled", organization_id=kopi).since == NOW + timedelta(hours=1)
    mapping.clear(later, namespace="labelled")
    assert (stage.row("labelled").via, stage.row("labelled").by) == (Via.LABEL, "")

    told = audit.list_(stage.ctx, limit=10).items[::-1]
    assert [(row.action, row.subject, row.organization_id) for row in told] == [
        ("mapping.assign", "default/labelled", toko),
        ("mapping.assign", "default/labelled", kopi),
        ("mapping.clear", "default/labelled", kopi),
    ]
    first, second, third = ((row.before, row.after) for row in told)
    assert first == ({}, {"organization_id": toko, "instance_id": stage.n8n.id, "via": "page"})
    assert second[0]["organization_id"] == toko
    assert second[1]["organization_id"] == kopi
    assert (third[0]["organization_id"], third[1]) == (kopi, {})


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_instance_goes_by_id_or_name(stage: Stage, by: str) -> None:
    row = mapping.assign(
        stage.ctx, namespace="free", organization_id=stage.toko.organization.id, instance_id=getattr(stage.n8n, by)
    )
    assert (row.instance_id, row.instance) == (stage.n8n.id, "flows")


def test_an_instance_of_somebody_else_or_one_that_is_gone_is_not_found(stage: Stage) -> None:
    kopi, toko = stage.kopi.organization.id, stage.toko.organization.id
    gone = an_instance(stage.ctx.session, stage.toko, "old", state=State.GONE)
    for organization, word in ((kopi, stage.n8n.id), (kopi, "flows"), (toko, gone.id), (toko, "old"), (toko, "nonsense")):
        with pytest.raises(NotFound, match="has no instance"):
            mapping.assign(stage.ctx, namespace="free", organization_id=organization, instance_id=word)
    assert stage.row("free").via is Via.UNOWNED


def test_what_is_not_there_is_refused_with_its_name(stage: Stage) -> None:
    with pytest.raises(NotFound, match="no namespace “nonsense”"):
        mapping.assign(stage.ctx, namespace="nonsense", organization_id=stage.toko.organization.id)
    with pytest.raises(NotFound, match="no such organization"):
        mapping.assign(stage.ctx, namespace="free", organization_id="org_nonsense")
    with pytest.raises(NotFound, match="no rule about the namespace “labelled”"):
        mapping.clear(stage.ctx, namespace="labelled")
    with pytest.raises(Invalid, match="on the page or by a CSV"):
        mapping.assign(stage.ctx, namespace="free", organization_id=stage.toko.organization.id, via=Via.LABEL)
    assert audit.list_(stage.ctx, limit=10).items == ()


@pytest.mark.parametrize("standing", [Standing.CLOSED, Standing.ANONYMISED])
def test_an_organization_that_is_closed_gets_nothing(stage: Stage, standing: Standing) -> None:
    stage.toko.organization.standing = standing
    with pytest.raises(Conflict, match=f"Toko is {standing}"):
        mapping.assign(stage.ctx, namespace="free", organization_id=stage.toko.organization.id)
    assert stage.row("free").organization_id is None


def test_a_rule_outlives_its_namespace_and_can_still_be_changed(stage: Stage) -> None:
    mapping.assign(stage.ctx, namespace="free", organization_id=stage.toko.organization.id)
    without = replace(stage.ctx, cluster=Cluster(a_snapshot(a_namespace("empty"))))
    row = next(row for row in mapping.list_(without).rows if row.namespace == "free")
    assert (row.exists, row.organization, row.pods) == (False, "Toko", 0)
    assert mapping.assign(without, namespace="free", organization_id=stage.kopi.organization.id).organization == "Kopi Kita"
    mapping.clear(without, namespace="free")
    assert [row.namespace for row in mapping.list_(without).rows] == ["empty"]


def test_rules_of_another_cluster_do_not_count(stage: Stage) -> None:
    mapping.assign(stage.ctx, namespace="free", organization_id=stage.toko.organization.id)
    other = replace(stage.ctx, cluster=Cluster(replace(stage.ctx.cluster.snapshot(), cluster="other")))
    assert mapping.owners(other)["free"].via is Via.UNOWNED


def test_two_instances_in_one_namespace_leave_open_whose_pods_are_whose(stage: Stage) -> None:
    an_instance(stage.ctx.session, stage.toko, "second", namespace="toko-n8n")
    assert (stage.row("toko-n8n").organization, stage.row("toko-n8n").instance_id) == ("Toko", None)


def test_an_instance_that_is_gone_owns_nothing(stage: Stage) -> None:
    stage.n8n.state = State.GONE
    stage.ctx.session.flush()
    assert stage.row("toko-n8n").via is Via.UNOWNED


def test_the_label_has_the_name_that_the_settings_give_it(stage: Stage) -> None:
    snapshot = a_snapshot(a_namespace("free", labels={"team": "toko", LABEL: "kopi-kita"}))
    other = replace(stage.ctx, cluster=Cluster(snapshot), labels=LabelNames(organization="team"))
    found = mapping.list_(other)
    assert (found.rows[0].organization, found.rows[0].label, found.organization_label) == ("Toko", "toko", "team")


def test_a_label_is_what_staff_said_and_no_slug(stage: Stage) -> None:
    """A stranger who signs up under the value of somebody's label, or of nobody's, gets no namespace by it."""
    stage.kopi.organization.label = "acme"
    stage.ctx.session.flush()
    stranger = organizations.add(stage.ctx.session, name="Acme", now=NOW)
    other = organizations.add(stage.ctx.session, name="Globex", now=NOW)
    assert (stranger.slug, stranger.label, other.slug, other.label) == ("acme-2", None, "globex", None)
    snapshot = a_snapshot(a_namespace("shop", labels={LABEL: "acme"}), a_namespace("free", labels={LABEL: "globex"}))
    rows = {row.namespace: row.organization for row in mapping.list_(replace(stage.ctx, cluster=Cluster(snapshot))).rows}
    assert rows == {"shop": "Kopi Kita", "free": ""}


def test_a_label_may_be_the_slug_of_a_stranger(stage: Stage) -> None:
    stranger = organizations.add(stage.ctx.session, name="Acme", now=NOW)
    seen = organization_services.set_label(stage.ctx, organization_id=stage.kopi.organization.id, label="acme")
    assert (stranger.slug, seen.label) == ("acme", "acme")
    snapshot = a_snapshot(a_namespace("shop", labels={LABEL: "acme"}))
    assert mapping.list_(replace(stage.ctx, cluster=Cluster(snapshot))).rows[0].organization == "Kopi Kita"


def test_a_cluster_out_of_reach_says_since_when(stage: Stage) -> None:
    since = NOW - timedelta(minutes=4)
    found = mapping.list_(replace(stage.ctx, cluster=Cluster(a_snapshot(a_namespace("free"), stale_since=since))))
    assert (found.stale_since, found.as_of, found.cluster) == (since, NOW, "default")


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.ANALYST, StaffRole.BILLING])
def test_only_who_may_map_sees_or_changes_the_mapping(stage: Stage, role: StaffRole) -> None:
    mapping.assign(stage.ctx, namespace="free", organization_id=stage.toko.organization.id)
    for actor in (a_staff_member(stage.ctx.session, role), stage.toko.actor):
        other = stage.as_(actor)
        with pytest.raises(NotPermitted):
            mapping.list_(other)
        with pytest.raises(NotPermitted):
            mapping.assign(other, namespace="free", organization_id=stage.toko.organization.id)
        with pytest.raises(NotPermitted):
            mapping.clear(other, namespace="free")
    assert stage.row("free").organization == "Toko"
