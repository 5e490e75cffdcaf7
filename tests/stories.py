"""Stages and people for tests: a fresh store on either database, and builders that say what a story needs.

A conftest that wants the fixtures imports them: `from tests.stories import postgres, store  # noqa: F401  fixtures`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlmodel import Session

from app.context import Context
from models.domain.access import Actor, MemberRole, StaffRole, job_actor, member_actor, staff_actor
from models.domain.cluster import Container, Namespace, Phase, Pod, Resources, Snapshot
from models.store import guards, instances, members, organizations, staff
from models.store.catalogue import Plan, Template
from models.store.instances import Instance, State
from models.store.members import User
from models.store.organizations import Organization
from models.store.session import Store
from models.store.tables import metadata

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def fresh_sqlite(folder: Path) -> Store:
    """An empty store with every table, in a file of its own."""
    made = Store(f"sqlite:///{folder / 'store.sqlite'}")
    metadata.create_all(made.engine)
    return made


@pytest.fixture(scope="module")
def postgres() -> Iterator[Store]:
    """A PostgreSQL database of this test module alone, with every table; dropped afterwards."""
    with an_empty_postgres() as made:
        metadata.create_all(made.engine)
        yield made


class an_empty_postgres:
    """A new database on the server of MOORAGE_TEST_POSTGRES for the length of a with statement."""

    def __enter__(self) -> Store:
        server = make_url(os.environ["MOORAGE_TEST_POSTGRES"])
        self.name = f"moorage_test_{secrets.token_hex(6)}"
        self.engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with self.engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {self.name}"))
        self.store = Store(server.set(database=self.name).render_as_string(hide_password=False))
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()
        with self.engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)"))
        self.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store with every table; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        made = fresh_sqlite(tmp_path)
        yield made
        made.close()
        return
    shared: Store = request.getfixturevalue("postgres")
    yield shared
    with shared.engine.begin() as connection:
        names = ", ".join(f'"{table}"' for table in metadata.tables)
        with guards.lifted(connection):
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@dataclass(frozen=True)
class NoWarehouse:
    """A warehouse in which nothing was ever collected."""

    def query(self, sql: str, params: object = None) -> pl.DataFrame:
        return pl.DataFrame()


@dataclass(frozen=True)
class Cluster:
    """A cluster that is what its snapshot says."""

    now: Snapshot = field(default_factory=lambda: a_snapshot())

    def snapshot(self) -> Snapshot:
        return self.now

    def current(self, entity: str) -> pl.DataFrame:
        return pl.DataFrame()

    def sources(self) -> tuple[()]:
        return ()


def a_context(
    session: Session, actor: Actor, *, now: datetime = NOW, cluster: Cluster | None = None, edge: str = "page"
) -> Context:
    return Context(session, NoWarehouse(), cluster or Cluster(), actor, now, edge)


def a_job(name: str = "test") -> Actor:
    return job_actor(name)


@dataclass(frozen=True)
class Customer:
    """An organization with its first owner."""

    organization: Organization
    owner: User

    @property
    def actor(self) -> Actor:
        return member_actor(self.owner.id, self.owner.name, {self.organization.id: MemberRole.OWNER})


def a_customer(session: Session, name: str = "Kopi Kita", *, now: datetime = NOW) -> Customer:
    organization = organizations.add(session, name=name, now=now, country="ID")
    organization.label = organization.slug
    owner = a_person(session, f"{name} Owner", now=now)
    members.join(session, user_id=owner.id, organization_id=organization.id, role=MemberRole.OWNER, now=now)
    return Customer(organization, owner)


def a_person(session: Session, name: str = "Ayu", *, now: datetime = NOW) -> User:
    return members.add_user(
        session, email=f"{name.lower().replace(' ', '.')}.{secrets.token_hex(3)}@example.com", name=name, now=now
    )


def a_member(session: Session, customer: Customer, role: MemberRole, name: str = "Budi", *, now: datetime = NOW) -> Actor:
    """A further member of the customer, ready to act."""
    person = a_person(session, name, now=now)
    members.join(session, user_id=person.id, organization_id=customer.organization.id, role=role, now=now)
    return member_actor(person.id, person.name, {customer.organization.id: role})


def a_staff_member(session: Session, role: StaffRole = StaffRole.OWNER, name: str = "Citra", *, now: datetime = NOW) -> Actor:
    person = a_person(session, name, now=now)
    staff.appoint(session, user_id=person.id, role=role, now=now)
    return staff_actor(person.id, person.name, role)


def a_stranger(session: Session, *, now: datetime = NOW) -> Actor:
    """The owner of an organization of their own, with nothing in anybody else's."""
    return a_customer(session, "Stranger", now=now).actor


def a_plan(session: Session, template: str = "n8n", name: str = "small", *, price: int = 150_000, now: datetime = NOW) -> Plan:
    if session.get(Template, template) is None:
        session.add(Template(id=template, name=template.title(), created_at=now))
        session.flush()
    plan = Plan(
        template=template, name=name, cpu_cores=0.5, memory_bytes=512 << 20, storage_bytes=5 << 30, price_minor=price,
        currency="IDR", created_at=now,
    )  # fmt: skip
    session.add(plan)
    session.flush()
    return plan


def an_instance(
    session: Session, customer: Customer, name: str = "n8n", *, state: State = State.READY, now: datetime = NOW, **facts: object
) -> Instance:
    made = Instance(organization_id=customer.organization.id, name=name, state=state, created_at=now, **facts)
    session.add(made)
    session.flush()
    assert instances.by_id(session, made.id) is made
    return made


def a_namespace(name: str, *, now: datetime = NOW, labels: dict[str, str] | None = None) -> Namespace:
    return Namespace(name, f"ns-{name}", "Active", now, labels or {})


def a_pod(
    namespace: str,
    name: str,
    *,
    cpu: float = 0.25,
    memory: int = 256 << 20,
    now: datetime = NOW,
    labels: dict[str, str] | None = None,
) -> Pod:
    wanted = Resources(cpu, memory, 1)
    main = Container("main", "image", wanted, wanted, ready=True)
    facts = {"request": wanted, "limit": wanted, "ready": True, "labels": labels or {}}
    return Pod(namespace, name, f"{namespace}/{name}", Phase.RUNNING, "node-1", now, (main,), **facts)


def a_snapshot(*things: Namespace | Pod, now: datetime = NOW, stale_since: datetime | None = None) -> Snapshot:
    """A cluster named `default`; namespaces of pods exist also when they are not listed."""
    pods = {thing.uid: thing for thing in things if isinstance(thing, Pod)}
    namespaces = {pod.namespace: a_namespace(pod.namespace, now=now) for pod in pods.values()}
    namespaces |= {thing.name: thing for thing in things if isinstance(thing, Namespace)}
    return Snapshot("default", now, {}, pods, namespaces=namespaces, stale_since=stale_since)
