"""What an organization that ordered takes with it, and what is left of it when it is forgotten."""

from __future__ import annotations

import io
import json
import zipfile

import polars as pl
import pytest

from app.jobs import runner
from app.services import anonymisation, decisions, export, instances, operations
from models.domain.errors import Conflict
from models.domain.organizations import Standing
from models.store import organizations, specifications
from tests.orders.conftest import Shop
from tests.stories import NoWarehouse

SECRET = "turquoise-lagoon"


def _ordered(shop: Shop) -> str:
    given = {"image": "ghcr.io/kopi/shop:1.4", "environment": {"WORD": SECRET}}
    placed = shop.order("container", parameters=given)
    shop.order("n8n")
    shop.work()
    return placed.instance_id


def test_an_export_holds_orders_money_and_wishes_and_no_secret(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _ordered(shop)
    monkeypatch.setattr(NoWarehouse, "query", lambda *_: pl.DataFrame({"t": []}))
    with shop.acting() as ctx:
        archive = export.organization(ctx, organization_id=shop.customer.organization.id)
    files = zipfile.ZipFile(io.BytesIO(archive.content))
    found = {
        name: json.loads(files.read(f"{name}.json"))
        for name in ("orders", "subscriptions", "payments", "specifications", "changes")
    }
    assert [len(found[name]) for name in ("orders", "subscriptions", "payments", "specifications", "changes")] == [2, 2, 2, 2, 2]
    assert "credentials.json" not in files.namelist()
    assert "holder" not in found["changes"][0]


def test_an_export_holds_invoices_and_what_was_posted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    assert runner.run_once(shop.container, "renewals") is not None
    monkeypatch.setattr(NoWarehouse, "query", lambda *_: pl.DataFrame({"t": []}))
    with shop.acting() as ctx:
        archive = export.organization(ctx, organization_id=shop.customer.organization.id)
    files = zipfile.ZipFile(io.BytesIO(archive.content))
    found = {name: json.loads(files.read(f"{name}.json")) for name in ("invoices", "invoice_lines", "ledger_postings")}
    assert [row["total_minor"] for row in found["invoices"]] == [placed.price_minor]
    assert [row["what"] for row in found["invoice_lines"]] == ["container, starter"]
    assert [row["account"] for row in found["ledger_postings"]].count("1100") == 2


def test_who_still_has_apps_is_not_forgotten_and_afterwards_nothing_that_people_wrote_is_left(shop: Shop) -> None:
    instance = _ordered(shop)
    organization = shop.customer.organization
    with shop.store.transaction() as session:
        assert organizations.move(session, organization.id, Standing.ACTIVE, Standing.CLOSED)
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="still has apps that Moorage runs: container, n8n"):
        anonymisation.anonymise(ctx, organization_id=organization.id, typed_name=organization.name)
    for name in ("container", "n8n"):
        with shop.acting() as ctx:
            app = next(one for one in instances.every(ctx) if one.name == name)
            operations.remove(ctx, instance_id=app.id, typed_name=name)
    shop.work()
    with shop.acting(shop.staff) as ctx:
        anonymisation.anonymise(ctx, organization_id=organization.id, typed_name=organization.name)
    with shop.store.reading() as session:
        (wish,) = specifications.history(session, instance)
        assert (wish.email, wish.parameters, wish.by_name) == ("", "{}", "")
        assert specifications.credentials(session, instance) is None
    if shop.store.sqlite:
        with shop.store.engine.connect() as connection:
            told = "\n".join(connection.connection.driver_connection.iterdump())
        assert SECRET not in told
        assert shop.customer.owner.email not in told
