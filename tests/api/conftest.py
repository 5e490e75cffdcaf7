"""A running program on a small demo, the people who call it, and a client without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from starlette.testclient import TestClient

from app import container as composition
from app.api.main import api
from app.auth import tokens
from app.config import Settings
from app.container import Container
from app.demo.load import load
from app.jobs import registry
from app.services import credit_notes, decisions, gateway_events, offers, renewals, transfers
from app.services import orders as ordering
from models.domain.access import MemberRole, Permission, StaffRole, job_actor, member_actor
from models.domain.app_backups import BackupReason, BackupState
from models.domain.clock import FrozenClock
from models.domain.instances import State
from models.domain.orders import OrderState
from models.domain.subscriptions import SubscriptionState
from models.domain.upgrades import UpgradeState
from models.store import (
    app_backups,
    changesets,
    documents,
    instances,
    invoices,
    members,
    orders,
    organizations,
    specifications,
    staff,
    subscriptions,
    upgrades,
)
from models.store import tokens as token_rows
from models.store.orders import Order
from models.store.session import Store
from tests.provisioner.orders import SHOWN

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_token(
    store: Store, user_id: str, scopes: frozenset[Permission] = frozenset(Permission), *, organization_id: str | None = None
) -> str:
    """The secret of a new token of that person."""
    secret, digest, hint = tokens.fresh()
    with store.transaction() as session:
        session.add(
            token_rows.ApiToken(
                token_hash=digest,
                hint=hint,
                user_id=user_id,
                organization_id=organization_id,
                name="test",
                scopes=" ".join(sorted(scopes)),
                created_at=NOW,
            )
        )
    return secret


_count = iter(range(1_000_000))


@dataclass(frozen=True)
class Party:
    """A person who calls."""

    user_id: str
    secret: str
    organization_id: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


@dataclass(frozen=True)
class Program:
    """The demo business, its client, an owner of the platform, and two customers."""

    live: Container
    client: TestClient
    owner: Party
    mine: Party
    theirs: Party
    """Owner of another organization, whose ids `mine` must never reach."""

    def get(self, path: str, who: Party | None = None, **query: object):
        return self.client.get(f"/v1{path}", params=query, headers=(who or self.owner).headers)

    def send(self, method: str, path: str, who: Party | None = None, *, key: str = "", **body: object):
        extra = {"Idempotency-Key": key} if key else {}
        return self.client.request(method, f"/v1{path}", json=body, headers=(who or self.owner).headers | extra)

    def person(self, role: StaffRole | None = None, *, organization_id: str = "", as_: MemberRole = MemberRole.VIEWER) -> Party:
        """A new person with a token that may do all that they may."""
        with self.live.store.transaction() as session:
            user = members.add_user(session, email=f"person{next(_count)}@example.com", name="P", now=NOW)
            if role is not None:
                staff.appoint(session, user_id=user.id, role=role, now=NOW)
            if organization_id:
                members.join(session, user_id=user.id, organization_id=organization_id, role=as_, now=NOW)
            user_id = user.id
        return Party(user_id, a_token(self.live.store, user_id), organization_id)

    def instance_of(self, who: Party) -> str:
        with self.live.store.reading() as session:
            return next(row.id for row in instances.everything(session) if row.organization_id == who.organization_id)

    def ordered_by(self, who: Party, *, open_: bool) -> Order:
        """The order of that party that waits for its money, or the one whose app is being made."""
        states = [OrderState.PAYMENT if open_ else OrderState.ACCEPTED]
        with self.live.store.reading() as session:
            found = orders.search(session, within=[who.organization_id], states=states)
            return [one for one in found if open_ or one.trial][-1]

    def backup_of(self, who: Party) -> app_backups.AppBackup:
        with self.live.store.reading() as session:
            return app_backups.search(session, within=[who.organization_id])[-1]

    def invoice_of(self, who: Party) -> str:
        """An invoice of that party, one that waits for its money while there is one."""
        with self.live.store.reading() as session:
            found = invoices.search(session, within=[who.organization_id])
            return max(found, key=lambda one: (one.state is invoices.InvoiceState.OPEN, one.id)).id

    def subscription_of(self, who: Party) -> str:
        with self.live.store.reading() as session:
            return subscriptions.of_organization(session, who.organization_id)[0].id

    def credit_note_of(self, who: Party) -> str:
        """A credit note of that party; made when it has none."""
        with self.live.transaction(job_actor("test"), "api") as ctx:
            made = credit_notes.issue(
                ctx, invoice_id=self.invoice_of(who), reason="Ticket 812: slow for a day", key="example", amounts={1: 1000}
            )
        return made.id

    def bank_line(self) -> str:
        """A line of a bank statement that is nobody's; a new one each time."""
        text = f"date,description,amount\n2026-11-29,who is it {next(_count)},7\n"
        with self.live.transaction(job_actor("test"), "api") as ctx:
            transfers.take(ctx, text=text, source="bca.csv")
            return transfers.unmatched(ctx)[-1].id

    def payment_event(self) -> str:
        """An event of a gateway that nobody looked at; a new one each time."""
        with self.live.transaction(job_actor("test"), "api") as ctx:
            gateway_events.forged(ctx, gateway="stripe", body=str(next(_count)).encode(), why="The signature is wrong.")
            return gateway_events.list_(ctx, trouble=True).items[0].id

    def document_of(self, who: Party) -> str:
        with self.live.store.reading() as session:
            return documents.of_organization(session, who.organization_id)[0].id

    def change_set_of(self, who: Party) -> str:
        with self.live.store.reading() as session:
            return changesets.of_instance(session, self.ordered_by(who, open_=False).instance_id)[0].id


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Three days of the demo, at a standing clock."""
    # without a set-up structlog draws failures with all their variables, which takes half a minute each
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    settings = Settings(data=tmp_path_factory.mktemp("data"), warehouse_memory="500MB")
    clock = FrozenClock(NOW)
    composition.prepare_directory(settings)
    composition.open_store(settings, migrate=True).close()
    live = composition.build_server(settings, clock)
    load(live, days=3, raw_days=0.1)
    assert live.inventory is not None
    assert live.collector is not None
    live.inventory.start()
    live.owned_warehouse().rollup(NOW)
    for _ in range(2):
        clock.advance(timedelta(seconds=30))
        live.collector.tick(clock.now())
    composition.install(live)
    registry.every()
    try:
        with live.store.transaction() as session:
            owner = members.add_user(session, email="root@example.com", name="Root", now=NOW)
            staff.appoint(session, user_id=owner.id, role=StaffRole.OWNER, now=NOW)
            parties = {}
            with_apps = {row.organization_id for row in instances.everything(session) if row.namespace}
            homes = [row for row in organizations.everything(session) if row.id in with_apps]
            for name, home in (("mine", homes[0]), ("theirs", homes[1])):
                user = members.add_user(session, email=f"{name}@example.com", name=name.title(), now=NOW)
                members.join(session, user_id=user.id, organization_id=home.id, role=MemberRole.OWNER, now=NOW)
                parties[name] = (user.id, home.id)
            owner_id = owner.id
        with live.transaction(job_actor("catalogue"), "cli") as ctx:
            offers.publish(ctx, templates=SHOWN)
        for user_id, home in parties.values():
            _order(live, user_id, home)
            _bill(live, home)
        yield Program(
            live,
            TestClient(api),
            Party(owner_id, a_token(live.store, owner_id)),
            *(Party(user_id, a_token(live.store, user_id), home) for user_id, home in parties.values()),
        )
    finally:
        structlog.reset_defaults()
        composition.install(None)
        live.inventory.stop()
        live.close()


def _order(live: Container, user_id: str, home: str) -> None:
    """Two apps: one that is paid for and being made, one whose money has not come."""
    actor = member_actor(user_id, "Owner", {home: MemberRole.OWNER})
    for plan in ("trial", "starter"):
        with live.transaction(actor, "page") as ctx:
            made = ordering.place(ctx, organization_id=home, template="wordpress", plan=plan, name=f"ordered-{plan}")
        if plan == "trial":
            with live.transaction(job_actor("provisioner"), "job") as ctx:
                row = orders.by_id(ctx.session, made.id)
                assert row is not None
                decisions.settle(ctx, row, reference="test")
                instances.move(ctx.session, row.instance_id, State.ORDERED, State.PROVISIONING)
                wish = specifications.newest(ctx.session, row.instance_id)
                assert wish is not None
                ctx.session.add(
                    upgrades.AppUpgrade(
                        instance_id=row.instance_id, state=UpgradeState.DONE, from_edition=wish.edition, to_edition=wish.edition,
                        from_version="7.0.3", to_version="7.1.0", before=1, generation=2, migrates=True,
                        created_by_name="Owner", created_at=NOW, changed_at=NOW, finished_at=NOW,
                    )
                )  # fmt: skip
                ctx.session.add(
                    app_backups.AppBackup(
                        instance_id=row.instance_id,
                        state=BackupState.DONE,
                        reason=BackupReason.SCHEDULE,
                        generation=1,
                        place=f"{row.instance_id}/nightly.1",
                        size=1 << 20,
                        sha256="0" * 64,
                        parts='[["database", "dump", 1000000], ["web", "site", 48000]]',
                        again_at=NOW,
                        secrets=live.seal.seal("{}", f"app-backup:{row.instance_id}"),
                        created_by_name="backups",
                        created_at=NOW,
                        started_at=NOW,
                        finished_at=NOW,
                        expires_at=NOW + timedelta(days=30),
                    )
                )


def _bill(live: Container, home: str) -> None:
    """Invoices whose money has not come, of something that has been charged for half a year."""
    with live.store.transaction() as session:
        row = subscriptions.Subscription(organization_id=home, state=SubscriptionState.ACTIVE, currency="IDR", created_at=NOW)
        session.add(row)
        session.flush()
        session.add(subscriptions.SubscriptionItem(subscription_id=row.id, price_minor=150_000, since=NOW - timedelta(days=170)))
        subscription = row.id
    with live.transaction(job_actor("renewals"), "job") as ctx:
        renewals.begin(ctx, limit=500)
        renewals.carry_out(ctx, subscription_id=subscription, gateway="dummy")
        renewals.release(ctx, subscription_id=subscription, charge=True)
    for _ in range(6):
        with live.transaction(job_actor("renewals"), "job") as ctx:
            assert renewals.carry_out(ctx, subscription_id=subscription, gateway="dummy") is not None
