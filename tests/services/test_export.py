"""Export and anonymisation of an organization."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from app.auth import sessions, tokens
from app.auth.policy import Policy
from app.context import Context
from app.services import anonymisation, export, members, organizations
from app.services import tokens as token_service
from collectors import warehouse as warehouses
from models.domain.access import MemberRole, Permission, StaffRole
from models.domain.errors import IllegalTransition, Invalid, NotFound, NotPermitted
from models.domain.organizations import REMOVED_NAME, REMOVED_PERSON, Standing
from models.store import audit, staff
from models.store import members as people
from models.store.members import User
from models.store.session import Store
from models.store.tables import metadata
from tests.stories import NOW, Customer, a_context, a_customer, a_member, a_plan, a_staff_member, a_stranger, an_instance

POLICY = Policy("https://portal.test", False, False, timedelta(hours=12), timedelta(hours=2))


@dataclass(frozen=True)
class Usage:
    """A warehouse that answers one frame and remembers what it was asked."""

    frame: pl.DataFrame
    asked: list[Any] = field(default_factory=list)

    def query(self, sql: str, params: Any = None) -> pl.DataFrame:
        self.asked.append(params)
        return self.frame


def _story(session: Any) -> Customer:
    customer = a_customer(session, "Kopi Kita")
    an_instance(session, customer, plan_id=a_plan(session).id, address="https://kopi-kita.example.com", namespace="ns-1")
    ctx = a_context(session, customer.actor)
    members.invite(ctx, organization_id=customer.organization.id, email="budi@example.com", role=MemberRole.VIEWER)
    organizations.rename(ctx, organization_id=customer.organization.id, name="Kopi Baru")
    token_service.make(ctx, name="ci", scopes=[Permission.SEE_OWN_INSTANCES], organization_id=customer.organization.id)
    return customer


def _opened(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name).decode()
            for name in archive.namelist()
        }


def test_an_export_has_everything_and_nothing_secret(store: Store) -> None:
    with store.transaction() as session:
        customer, other = _story(session), a_customer(session, "Somebody Else")
        usage = Usage(pl.DataFrame({"t": [NOW], "pod": ["n8n-1"], "cpu_seconds_inc": [12.5]}))
        ctx = replace(a_context(session, customer.actor), warehouse=usage)
        export.request(ctx, organization_id=customer.organization.id)
        archive = export.organization(ctx, organization_id=customer.organization.id)
        found = _opened(archive.content)
    assert (archive.name, archive.media_type) == ("kopi-kita-2026-11-22.zip", "application/zip")
    assert usage.asked == [[customer.organization.id]]
    assert "12.5" in found["usage.csv"]
    assert found["organization.json"]["name"] == "Kopi Baru"
    assert [row["email"] for row in found["members.json"]] == [customer.owner.email]
    assert [row["email"] for row in found["invitations.json"]] == ["budi@example.com"]
    assert [row["address"] for row in found["instances.json"]] == ["https://kopi-kita.example.com"]
    assert [row["price_minor"] for row in found["plans.json"]] == [150_000]
    assert [row["name"] for row in found["tokens.json"]] == ["ci"]
    assert [row["kind"] for row in found["mails.json"]] == ["invitation"]
    assert found["mails.json"][0]["text"] == ""
    assert {row["action"] for row in found["audit.json"]} == {
        "organizations.export",
        "organizations.rename",
        "members.invite",
        "tokens.make",
    }
    everything = json.dumps(found)
    assert "hash" not in everything
    assert "/invite?token=" not in everything
    assert other.owner.email not in everything


def test_only_owners_and_managing_staff_export(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        org = customer.organization.id
        for actor, refusal in (
            (a_stranger(session), NotFound),
            (a_member(session, customer, MemberRole.DEVELOPER), NotPermitted),
            (a_staff_member(session, StaffRole.SUPPORT), NotPermitted),
        ):
            for call in (export.request, export.organization):
                with pytest.raises(refusal):
                    call(a_context(session, actor), organization_id=org)
        assert audit.search(session, action="organizations.export", limit=5) == []


def test_others_write_while_an_export_is_made(store: Store) -> None:
    with store.transaction() as session:
        customer = _story(session)

    class Slow(Usage):
        def query(self, sql: str, params: Any = None) -> pl.DataFrame:
            with store.transaction() as other:
                other.connection().execute(text("UPDATE organization SET country = 'ID'"))
            return super().query(sql, params)

    with store.reading() as session:
        ctx = replace(a_context(session, customer.actor), warehouse=Slow(pl.DataFrame({"t": [NOW]})))
        found = _opened(export.organization(ctx, organization_id=customer.organization.id).content)
    assert found["organization.json"]["country"] == customer.organization.country, "as it was when the export began"
    with store.reading() as session:
        kept = session.connection().execute(text("SELECT DISTINCT country FROM organization")).scalar()
    assert kept == "ID"


def test_the_question_about_usage_is_one_that_the_warehouse_answers(tmp_path: Path) -> None:
    wh = warehouses.open(str(tmp_path / "warehouse.duckdb"))
    try:
        answer = wh.query(export.USAGE, ["org_1"])
        assert answer.height == 0
        assert {"t", "namespace", "pod", "container"} <= set(answer.columns)
    finally:
        wh.close()


def _closed(session: Any, customer: Customer, ctx: Any) -> None:
    organizations.set_standing(ctx, organization_id=customer.organization.id, standing=Standing.CLOSED)


def test_anonymising_leaves_no_name_anywhere_and_every_number(store: Store) -> None:
    with store.transaction() as session:
        customer = _story(session)
        org, owner = customer.organization.id, customer.owner.id
        cookie = sessions.begin(session, user_id=owner, strong=False, policy=POLICY, now=NOW, device="Firefox", address="10.9.8.7")
        made = token_service.make(a_context(session, customer.actor), name="free", scopes=[Permission.SEE_OWN_INSTANCES])
        ctx = a_context(session, a_staff_member(session))
        _closed(session, customer, ctx)
        names = (customer.owner.name, customer.owner.email)
        before = {name: _count(session, name) for name in metadata.tables}
        done = anonymisation.anonymise(ctx, organization_id=org, typed_name="Kopi Baru")
        assert (done.people, len(done.ended)) == (1, 1)
        assert done.organization.name == REMOVED_NAME
        assert done.organization.standing is Standing.ANONYMISED
        after = {name: _count(session, name) for name in metadata.tables}
        assert {name for name in before if after[name] != before[name]} == {"audit", "membership"}
        everything = _everything(session)
        for word in (*names, "Kopi", "kopi-", "budi@example.com", "10.9.8.7", "Firefox"):
            assert word not in everything, word
        assert "150000" in everything
        user = people.user_by_id(session, owner)
        assert user
        assert (user.name, user.password_hash) == (REMOVED_PERSON, None)
        assert user.disabled_at
        newest = audit.search(session, organization_id=org, limit=1)[0]
        assert (newest.action, newest.actor_name) == ("organizations.anonymise", "Citra")
    assert sessions.identify(store, sessions.digest(cookie), NOW) is None
    assert tokens.resolve(store, made.secret, NOW) is None


def test_whoever_is_somewhere_else_too_keeps_their_account(store: Store) -> None:
    with store.transaction() as session:
        customer, other = a_customer(session), a_customer(session, "Other")
        people.join(session, user_id=other.owner.id, organization_id=customer.organization.id, role=MemberRole.VIEWER, now=NOW)
        helper = a_member(session, customer, MemberRole.DEVELOPER)
        staff.appoint(session, user_id=helper.id, role=StaffRole.ANALYST, now=NOW)
        ctx = a_context(session, a_staff_member(session))
        _closed(session, customer, ctx)
        assert anonymisation.anonymise(ctx, organization_id=customer.organization.id, typed_name="Kopi Kita").people == 1
        for kept in (other.owner.id, helper.id):
            user = session.get(User, kept)
            assert user
            assert user.disabled_at is None
            assert user.name != REMOVED_PERSON
        assert [org.name for org, _ in people.of_user(session, other.owner.id)] == ["Other"]


def test_it_asks_for_a_closed_organization_its_name_and_the_right(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        org, ctx = customer.organization.id, a_context(session, a_staff_member(session))
        support, owner = a_context(session, a_staff_member(session, StaffRole.SUPPORT)), a_context(session, customer.actor)
        refused: tuple[tuple[Context, str, type[Exception]], ...] = (
            (ctx, "Kopi Kita", IllegalTransition),
            (ctx, "kopi", Invalid),
            (support, "Kopi Kita", NotPermitted),
            (owner, "Kopi Kita", NotPermitted),
        )
        for who, typed, refusal in refused:
            with pytest.raises(refusal):
                anonymisation.anonymise(who, organization_id=org, typed_name=typed)
        _closed(session, customer, ctx)
        anonymisation.anonymise(ctx, organization_id=org, typed_name="Kopi Kita")
        with pytest.raises(IllegalTransition):
            anonymisation.anonymise(ctx, organization_id=org, typed_name=REMOVED_NAME)
        with pytest.raises(IllegalTransition):
            organizations.set_standing(ctx, organization_id=org, standing=Standing.ACTIVE)


def _count(session: Any, table: str) -> int:
    return int(session.connection().execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


def _everything(session: Any) -> str:
    """Every cell of every table."""
    session.flush()
    return "\n".join(
        str(tuple(row)) for name in metadata.tables for row in session.connection().execute(text(f'SELECT * FROM "{name}"'))
    )
