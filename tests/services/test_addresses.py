"""Addresses of namespaces without an app: which there are, who hears of them, and whether they answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app import container
from app.context import Context
from app.services import addresses, mapping
from collectors.entities import PROBE
from collectors.frames import record_frame
from collectors.sources.port import ProbeTarget
from collectors.warehouse import Warehouse
from models.domain.cluster import Snapshot
from models.domain.errors import Invalid, NotFound, Unavailable
from models.domain.instances import State
from models.domain.mapping import DEFAULT_LABELS
from models.store.session import Store
from tests.services import running
from tests.stories import (
    NOW,
    Cluster,
    Customer,
    a_context,
    a_customer,
    a_namespace,
    a_snapshot,
    a_staff_member,
    an_instance,
)

LABEL = DEFAULT_LABELS.organization
NAMED = {
    "labelled": ("http://a.example.com/", "https://b.example.com/"),
    "ruled": ("http://ruled.example.com/",),
    "app": ("http://app.example.com/",),
    "nobodys": ("http://nobody.example.com/",),
}


@dataclass(frozen=True)
class Stage:
    """`labelled` is Kopi's by its label, `app` has an app of Kopi's that is stopped, `ruled` and `nobodys` are nobody's so far."""

    ctx: Context
    kopi: Customer
    toko: Customer
    snapshot: Snapshot

    def known(self) -> list[tuple[str, str, bool]]:
        found = addresses.known(self.ctx.session, self.snapshot, DEFAULT_LABELS)
        return [(one.namespace, one.address, one.by_rule) for one in found]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("addresses")) as made:
        yield made


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    with store.transaction() as session:
        kopi, toko = a_customer(session), a_customer(session, "Toko")
        an_instance(session, kopi, "app", state=State.STOPPED, namespace="app", cluster="default")
        label = {LABEL: kopi.organization.label or ""}
        spaces = [a_namespace(name, labels=label if name in ("labelled", "app") else None) for name in NAMED]
        snapshot = replace(a_snapshot(*spaces), addresses=NAMED)
        ctx = a_context(session, a_staff_member(session), cluster=Cluster(snapshot))
        yield Stage(ctx, kopi, toko, snapshot)


def test_only_namespaces_that_are_somebodys_and_no_apps_are_asked(stage: Stage) -> None:
    labelled = [("labelled", one, False) for one in NAMED["labelled"]]
    assert stage.known() == labelled
    mapping.assign(stage.ctx, namespace="ruled", organization_id=stage.toko.organization.id)
    assert stage.known() == [*labelled, ("ruled", "http://ruled.example.com/", False)]
    mapping.assign(stage.ctx, namespace="app", organization_id=stage.toko.organization.id)
    assert [one for one in stage.known() if one[0] == "app"] == [], "whose app it is does not matter, it is stopped"


def test_a_rules_address_replaces_what_the_ingress_says(stage: Stage) -> None:
    toko, kopi = stage.toko.organization.id, stage.kopi.organization.id
    row = mapping.assign(stage.ctx, namespace="ruled", organization_id=toko, address=" https://toko.example.com/shop ")
    assert (row.address, row.addresses) == ("https://toko.example.com/shop", NAMED["ruled"])
    assert ("ruled", "https://toko.example.com/shop", True) in stage.known()
    assert mapping.assign(stage.ctx, namespace="ruled", organization_id=toko).address == "https://toko.example.com/shop"
    assert mapping.assign(stage.ctx, namespace="ruled", organization_id=kopi).address == "", "it was the former owner's"
    assert mapping.assign(stage.ctx, namespace="ruled", organization_id=kopi, address="").address == ""


@pytest.mark.parametrize("wrong", ["shop.example.com", "ftp://x", "https://a@b.example.com", "javascript:alert(1)"])
def test_what_is_no_address_is_refused(stage: Stage, wrong: str) -> None:
    with pytest.raises(Invalid, match="looks like https"):
        mapping.assign(stage.ctx, namespace="ruled", organization_id=stage.toko.organization.id, address=wrong)


def test_an_apps_namespace_takes_no_address(stage: Stage) -> None:
    app = an_instance(stage.ctx.session, stage.toko, "shop")
    toko = stage.toko.organization.id
    mapping.assign(stage.ctx, namespace="ruled", organization_id=toko, address="https://toko.example.com")
    with pytest.raises(Invalid, match="“shop” has an address of its own"):
        mapping.assign(stage.ctx, namespace="ruled", organization_id=toko, instance_id=app.id, address="https://x.example.com")
    assert mapping.assign(stage.ctx, namespace="ruled", organization_id=toko, instance_id=app.id).address == ""
    assert "ruled" not in [namespace for namespace, _, _ in stage.known()]


def test_the_prober_asks_them_beside_the_apps_and_the_apps_alone_without_a_cluster(store: Store) -> None:
    snapshot = replace(a_snapshot(a_namespace("free"), a_namespace("app")), addresses={"free": ("http://free.example.com/",)})

    def silent() -> Snapshot:
        raise Unavailable("The cluster is away.")

    with store.transaction() as session:
        kopi = a_customer(session)
        an_instance(session, kopi, "app", namespace="app", cluster="default", address="https://app.example.com")
        ctx = a_context(session, a_staff_member(session), cluster=Cluster(snapshot))
        mapping.assign(ctx, namespace="free", organization_id=kopi.organization.id)
    app, free = ProbeTarget("https://app.example.com", "app"), ProbeTarget("http://free.example.com/", "free")
    assert container._targets(store, "default", lambda: snapshot, DEFAULT_LABELS) == [app, free]
    assert container._targets(store, "default", silent, DEFAULT_LABELS) == [app]


def test_how_often_each_answered_is_told_to_its_owner_only(stage: Stage, warehouse: Warehouse) -> None:
    first, second = NAMED["labelled"]
    outcomes = {first: ["up", "up", "down", "unknown"], second: ["down"]}
    ends = NOW + timedelta(days=9)
    rows = [
        {"ts": NOW - timedelta(minutes=n + 1), "namespace": space, "address": address, "outcome": outcome,
         "certificate_expires_at": ends if address == second else None}
        for space in ("labelled", "nobodys")
        for address, told in outcomes.items()
        for n, outcome in enumerate(told)
    ]  # fmt: skip
    warehouse.append(NOW, "prober", {"probe": record_frame(PROBE, rows)}, cluster="default")
    ctx = replace(stage.ctx, warehouse=warehouse)
    kopi = stage.kopi.organization.id
    for reader in (ctx, replace(ctx, actor=stage.kopi.actor)):
        one, other = addresses.of_organization(reader, organization_id=kopi)
        assert (one.address, one.availability.up, one.availability.down) == (first, 2, 1)
        assert one.availability.share.value == pytest.approx(2 / 3)
        assert (one.availability.last_outcome, one.availability.last_at) == ("up", NOW - timedelta(minutes=1))
        assert one.availability.unknown == 30 * 24 * 60 - 3
        assert (other.address, other.availability.last_outcome) == (second, "down")
        assert (one.availability.certificate_expires_at, other.availability.certificate_expires_at) == (None, ends)
    assert addresses.of_organization(replace(ctx, actor=stage.toko.actor), organization_id=stage.toko.organization.id) == ()
    with pytest.raises(NotFound):
        addresses.of_organization(replace(ctx, actor=stage.toko.actor), organization_id=kopi)


def test_what_was_never_asked_is_unknown(stage: Stage, warehouse: Warehouse) -> None:
    mapping.assign(stage.ctx, namespace="ruled", organization_id=stage.toko.organization.id)
    ctx = replace(stage.ctx, warehouse=warehouse)
    (one,) = addresses.of_organization(ctx, organization_id=stage.toko.organization.id)
    assert (one.availability.share.value, one.availability.last_outcome, one.availability.last_at) == (None, "unknown", None)
