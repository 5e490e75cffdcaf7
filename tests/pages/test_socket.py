"""Attacks by raw messages on the pages' websocket of a running server: foreign pages, panels, addresses, widgets, tabs, headers;
then sessions and roles that end while a page is open."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

import app.demo as demo
from app import config, container
from app.auth import sessions
from app.auth.policy import Policy
from app.ui import gate, navigation
from models.domain.access import MemberRole, StaffRole
from models.domain.clock import SystemClock
from models.store import instances, members, organizations, staff
from models.store import sessions as session_rows
from models.store.members import Invitation, User
from models.store.organizations import Organization
from models.store.session import Store
from models.store.tokens import ApiToken
from tests.pages.socket_tab import Heard, Tab, chosen, opened, pressed

pytestmark = [pytest.mark.loopback, pytest.mark.xdist_group("browser")]
ADMIN, CUSTOMER = (person.email for person in demo.sign_ins())
STAFF_PAGES = [entry.name for entry in navigation.ENTRIES if entry.staff]
CLOCK = SystemClock()


@dataclass(frozen=True)
class Ground:
    """The running server and its store, whose owner the attacked and the attackers are unaware of."""

    url: str
    settings: config.Settings
    store: Store
    own: frozenset[str]
    """Words that stand for the customer's organization."""
    foreign: frozenset[str]
    """Words that stand for other organizations, their people and apps, and for machines of the cluster."""
    addresses: Mapping[str, str]
    """Query of the staff pages about one thing, which is never the customer's."""

    def cookie(self, email: str) -> str:
        with self.store.transaction() as session:
            return _cookie(session, self.settings, _user(session, email))

    def tab(self, email: str, **more: str) -> Tab:
        return Tab(self.url, self.cookie(email), **more)

    def leaks(self, heard: Heard, *sent: str) -> set[str]:
        """Foreign words that were heard; what was sent itself may come back as the address."""
        said = heard.raw
        return {word for word in self.foreign if word in said and not any(word in one for one in sent)}


def _user(session: Session, email: str) -> User:
    user = members.user_by_email(session, email)
    assert user is not None
    return user


def _cookie(session: Session, settings: config.Settings, user: User) -> str:
    return sessions.begin(
        session, user_id=user.id, strong=True, policy=Policy.of(settings), now=CLOCK.now(), device="raw", address="127.0.0.1"
    )


def _words(session: Session, row: Organization) -> set[str]:
    found = {row.id, row.name, row.slug}
    for user, _ in members.of_organization(session, row.id):
        found |= {user.id, user.email}
    for app in instances.everything(session):
        if app.organization_id == row.id:
            found |= {app.id, app.namespace, app.address.removeprefix("https://")}
    return {word for word in found if word}


@pytest.fixture(scope="module")
def ground(server: str, server_data: Path) -> Iterator[Ground]:
    settings = config.load(data=server_data)
    store = container.open_store(settings)
    with store.transaction() as session:
        admin, customer = _cookie(session, settings, _user(session, ADMIN)), _user(session, CUSTOMER)
        mine = [row for row, _ in members.of_user(session, customer.id)]
        others = [row for row in organizations.everything(session) if row.id not in {m.id for m in mine}]
        own = {word for row in mine for word in _words(session, row)}
        foreign = {word for row in others for word in _words(session, row)}
        spaces = {app.namespace for app in instances.everything(session) if any(app.organization_id == row.id for row in others)}
    pods = _asked(server, admin, "pods?limit=200")
    node = _asked(server, admin, "nodes?limit=100")
    pod = next(pod for pod in pods if pod["namespace"] in spaces)
    foreign |= {pod["uid"], *(one["name"] for one in node)}
    addresses = {"node": f"name={node[0]['name']}", "pod": f"uid={pod['uid']}", "organization": f"id={others[0].id}"}
    yield Ground(server, settings, store, frozenset(own), frozenset(w for w in foreign if not any(w in o for o in own)), addresses)
    store.close()


def _asked(url: str, cookie: str, path: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{url}/api/v1/{path}", headers={"Cookie": f"sid={cookie}"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        found: list[dict[str, Any]] = json.load(reply)["items"]
    return found


@dataclass(frozen=True)
class Seen:
    """What the staff sees of a page: what an attacker could know of it at best."""

    script: str
    fragments: frozenset[str]
    widgets: Mapping[str, str]
    says: frozenset[str]


@pytest.fixture(scope="module")
def seen(ground: Ground) -> dict[str, Seen]:
    found = {}
    with ground.tab(ADMIN) as tab:
        pages = tab.ask().pages
        for name in STAFF_PAGES:
            heard = tab.ask(name, query=ground.addresses.get(name, ""))
            found[name] = Seen(pages[name], frozenset(heard.fragments), heard.widgets, frozenset(ground.leaks(heard)))
    return found


def test_what_is_looked_for_stands_on_the_pages_of_the_staff(ground: Ground, seen: dict[str, Seen]) -> None:
    """Else the other tests would find nothing anywhere."""
    for name in ("overview", "cluster", "node", "pod", "organizations", "organization", "mapping"):
        assert seen[name].says, name
        assert seen[name].widgets, name
    assert all(seen[name].fragments for name in ("overview", "cluster", "collection", "jobs"))
    with ground.tab(CUSTOMER) as tab:
        said = tab.ask("home").raw
        assert any(word in said for word in ground.own)


@pytest.mark.parametrize("name", STAFF_PAGES)
def test_a_customer_reaches_no_page_of_the_staff(ground: Ground, seen: dict[str, Seen], name: str) -> None:
    page, query = seen[name], ground.addresses.get(name, "")
    pushed = dict.fromkeys(page.widgets.values(), pressed)
    typed = {widget: chosen(sorted(ground.foreign)[0]) for widget in page.widgets.values()}
    clicked = {widget: opened('{"row": 0, "column": "open"}') for widget in page.widgets.values()}
    with ground.tab(CUSTOMER) as tab:
        tab.ask("home")
        said = [tab.ask(name, query=query), tab.ask("", script=page.script, query=query), tab.ask(name, script=page.script)]
        said += [tab.ask(name, script=page.script, query=query, widgets=w) for w in (pushed, typed, clicked)]
        for fragment in page.fragments:
            said += [tab.poke(name, script=page.script, query=query, fragment=fragment)]
            said += [tab.poke("home", script="", fragment=fragment, query=query, widgets=pushed)]
    for heard in said:
        assert not ground.leaks(heard, query, sorted(ground.foreign)[0])
        assert not set(heard.pages) & set(STAFF_PAGES)


def test_foreign_ids_in_the_address_open_nothing(ground: Ground) -> None:
    with ground.store.reading() as session:
        mine = {row.id for row, _ in members.of_user(session, _user(session, CUSTOMER).id)}
        apps = [app for app in instances.everything(session) if app.organization_id not in mine][:2]
    with ground.tab(CUSTOMER) as tab:
        for app in apps:
            for page in ("home", "team", "app", "account"):
                sent = f"org={app.organization_id}&id={app.id}&name={app.namespace}&uid={app.id}"
                assert not ground.leaks(tab.ask(page, query=sent), sent)


@dataclass(frozen=True)
class Pair:
    """An owner of two organizations, and a foreign one with people and an open invitation."""

    attacker: str
    homes: tuple[str, str]
    owner: str
    owner_id: str
    member_id: str
    organization: str
    invitation: str


@pytest.fixture
def pair(ground: Ground) -> Pair:
    mark, now = secrets.token_hex(4), CLOCK.now()
    with ground.store.transaction() as session:
        people = [
            members.add_user(session, email=f"{who}-{mark}@raw.example", name=f"{who.title()} {mark}", now=now)
            for who in ("attacker", "attacked", "colleague")
        ]
        rows = [organizations.add(session, name=f"{name} {mark}", now=now) for name in ("Left", "Right", "Foreign")]
        for row in rows[:2]:
            members.join(session, user_id=people[0].id, organization_id=row.id, role=MemberRole.OWNER, now=now)
        members.join(session, user_id=people[1].id, organization_id=rows[2].id, role=MemberRole.OWNER, now=now)
        members.join(session, user_id=people[2].id, organization_id=rows[2].id, role=MemberRole.DEVELOPER, now=now)
        waiting = Invitation(
            organization_id=rows[2].id, email=f"invited-{mark}@raw.example", role="viewer", token_hash=sessions.digest(mark),
            invited_by="x", created_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        session.add(waiting)
        session.flush()
        return Pair(
            people[0].email, (rows[0].id, rows[1].id), people[1].email, people[1].id, people[2].id, rows[2].id, waiting.id
        )  # fmt: skip


def _standing(ground: Ground, pair: Pair) -> tuple[dict[str, MemberRole], bool, int]:
    """What an attack would change of the foreign organization: roles, whether the invitation waits, tokens."""
    with ground.store.reading() as session:
        waiting = members.invitation_by_id(session, pair.invitation)
        tokens = session.exec(select(ApiToken).where(ApiToken.organization_id == pair.organization)).all()
        return members.roles_in(session, pair.organization), bool(waiting and waiting.revoked_at is None), len(tokens)


def test_widgets_with_foreign_values_change_and_show_nothing(ground: Ground, pair: Pair) -> None:
    before = _standing(ground, pair)
    with ground.tab(pair.owner) as tab:
        theirs = tab.ask("team").widgets | tab.ask("account").widgets
    take_back = theirs[f"take_back_{pair.invitation}"]
    with ground.store.reading() as session:
        row, colleague = organizations.by_id(session, pair.organization), session.get(User, pair.member_id)
        assert row is not None
        assert colleague is not None
        words = _words(session, row) | {row.name}
        values = (pair.organization, row.name, pair.member_id, f"{colleague.name} ({colleague.email})")
    with ground.tab(pair.attacker) as tab:
        own = tab.ask("team").widgets
        account = tab.ask("account").widgets
        for key in ("organization_choice", "change_who", "change_save", "remove", "remove_sure"):
            assert key in own, sorted(own)
        for value in values:
            change = {own["change_who"]: chosen(value), own["change_role"]: chosen("Viewer"), own["change_save"]: pressed}
            take = {take_back: pressed, theirs["change_who"]: chosen(value), theirs["remove"]: pressed}
            for page, widgets in (
                ("home", {own["organization_choice"]: chosen(value)}),
                ("team", {own["organization_choice"]: chosen(value)}),
                ("team", change),
                ("team", take),
                ("team", change | take),
                ("account", {account["token_within"]: chosen(value)}),
            ):
                for query in ("", f"org={pair.organization}"):
                    heard = tab.ask(page, query=query, widgets=widgets)
                    assert not {w for w in words if w in heard.raw and w not in (value, pair.organization) and w not in value}
    assert _standing(ground, pair) == before


def test_a_button_of_ones_own_does_work_by_raw_message(ground: Ground, pair: Pair) -> None:
    """Else the test above would prove nothing about buttons."""
    with ground.tab(pair.owner) as tab:
        tab.ask("team", widgets={tab.ask("team").widgets[f"take_back_{pair.invitation}"]: pressed})
    assert _standing(ground, pair)[1] is False


def test_nobody_takes_over_the_tab_of_somebody_else(ground: Ground) -> None:
    with ground.tab(ADMIN) as theirs:
        first = theirs.ask("organizations")
        assert ground.leaks(first)
        with ground.tab(CUSTOMER, resumes=first.session) as tab:
            heard = tab.ask("organizations")
            assert heard.session != first.session
            assert not ground.leaks(heard)
        assert ground.leaks(theirs.ask("organizations")), "and it is not torn down"
    with ground.tab(CUSTOMER, resumes=first.session) as tab:
        assert not ground.leaks(tab.ask("organizations"))


def test_forged_headers_make_nobody_of_a_socket(ground: Ground) -> None:
    cookie = ground.cookie(ADMIN)
    with ground.store.reading() as session:
        forged = {"X-Portal-User": _user(session, ADMIN).id, "X-Portal-Sid": sessions.digest(cookie)}
    with Tab(ground.url, ground.cookie(CUSTOMER), **forged) as tab:
        heard = tab.ask("organizations")
    assert not ground.leaks(heard)
    assert "organizations" not in heard.pages


@pytest.mark.parametrize("email", [ADMIN, CUSTOMER])
def test_nobody_gives_the_server_orders_of_the_developer_menu(ground: Ground, email: str) -> None:
    """An emptied cache takes what every tab keeps with it: here the key of a second factor that is being set up."""

    def keys(heard: Heard) -> list[str]:
        return [one.code.code_text for one in heard.drawn if one.WhichOneof("type") == "code"]

    with ground.tab(email) as tab:
        begin = tab.ask("account").widgets["factor_begin"]
        offered = keys(tab.ask("account", widgets={begin: pressed}))
        assert len(offered) == 1
        assert keys(tab.ask("account")) == offered
        assert keys(tab.order("account", clear_cache=True)) == offered
        told = tab.order("account", set_run_on_save=True).messages
        assert not any(message.session_status_changed.run_on_save for message in told)


@pytest.mark.parametrize("kind", ["fragment", "page", "widget"])
def test_after_a_revocation_an_open_page_gets_the_redirect_and_nothing_else(ground: Ground, kind: str) -> None:
    cookie = ground.cookie(CUSTOMER)
    with Tab(ground.url, cookie) as tab:
        home = tab.ask("home")
        assert any(word in home.raw for word in ground.own)
        team = tab.ask("team") if kind == "widget" else home
        with ground.store.transaction() as session:
            row = session_rows.by_hash(session, sessions.digest(cookie))
            assert row is not None
            assert session_rows.revoke(session, now=CLOCK.now(), user_id=row.user_id, only=row.id)
        if kind == "fragment":
            assert home.fragments
            said = [tab.ask("home", fragment=fragment) for fragment in home.fragments]
        elif kind == "page":
            said = [tab.ask("home"), tab.ask("team"), tab.ask("account")]
        else:
            said = [tab.ask("team", widgets={team.widgets["export_make"]: pressed})]
    for heard in said:
        assert heard.closed or [one.html.body for one in heard.drawn if one.WhichOneof("type") == "html"][-1:] == [gate.TO_LOGIN]
        assert {one.WhichOneof("type") for one in heard.drawn} <= {"html", "empty"}
        assert not {word for word in ground.own if word in heard.raw}


def test_a_member_who_becomes_a_viewer_changes_nothing_with_the_next_message(ground: Ground, pair: Pair) -> None:
    with ground.tab(pair.owner) as tab:
        shown = tab.ask("team").widgets
        with ground.store.transaction() as session:
            row = members.membership(session, pair.organization, pair.owner_id)
            assert row is not None
            row.role = MemberRole.VIEWER
            session.add(row)
        before = _standing(ground, pair)
        push = {shown["change_save"]: pressed, shown[f"take_back_{pair.invitation}"]: pressed, shown["remove_sure"]: pressed}
        after = tab.ask("team", widgets=push)
    assert _standing(ground, pair) == before
    assert not {"change_save", "remove", "export_make", f"take_back_{pair.invitation}"} & set(after.widgets)


def test_a_member_who_is_removed_reads_nothing_with_the_next_message(ground: Ground, pair: Pair) -> None:
    with ground.tab(pair.owner) as tab:
        team, home = tab.ask("team"), tab.ask("home")
        assert f"take_back_{pair.invitation}" in team.widgets
        with ground.store.transaction() as session:
            session.delete(members.membership(session, pair.organization, pair.owner_id))
        assert home.fragments
        said = [tab.ask("home", fragment=one) for one in home.fragments]
        said += [tab.ask("team"), tab.ask("home"), tab.ask("team", query=f"org={pair.organization}")]
    with ground.store.reading() as session:
        row = organizations.by_id(session, pair.organization)
        assert row is not None
        for heard in said:
            assert row.name not in heard.raw
            assert pair.invitation not in heard.raw


def test_staff_who_lose_their_role_see_the_cluster_no_more(ground: Ground) -> None:
    email, now = f"leaving-{secrets.token_hex(4)}@raw.example", CLOCK.now()
    with ground.store.transaction() as session:
        user = members.add_user(session, email=email, name="Leaving", now=now)
        staff.appoint(session, user_id=user.id, role=StaffRole.OPERATOR, now=now)
    with ground.tab(email) as tab:
        shown = tab.ask("cluster")
        assert ground.leaks(shown)
        assert shown.fragments
        with ground.store.transaction() as session:
            session.delete(staff.by_user(session, user.id))
        said = [tab.ask("cluster", fragment=fragment) for fragment in shown.fragments]
        said += [tab.ask("cluster"), tab.ask("organizations")]
    for heard in said:
        assert not ground.leaks(heard)


def test_a_timer_that_would_draw_the_same_again_is_answered_by_silence(ground: Ground) -> None:
    with ground.tab(ADMIN) as tab:
        (fragment,) = tab.ask("overview").fragments
        heard = [tab.wake("overview", fragment=fragment, patience=2.0) for _ in range(4)]
        # a tick of the demo, or its first forecast, may come in between
        assert sum(not one.messages for one in heard) >= 2
        assert tab.ask("overview", fragment=fragment).drawn


def test_a_timer_of_a_panel_that_follows_no_cluster_is_always_answered(ground: Ground) -> None:
    with ground.tab(ADMIN) as tab:
        fragments = tab.ask("jobs").fragments
        live = next(one for one in fragments if tab.wake("jobs", fragment=one).drawn)
        assert all(tab.wake("jobs", fragment=live).drawn for _ in range(3))
