"""Every page through the entry script: as staff, as a customer, on a first start, and for people who may not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import app.demo as demo
from app.container import Container
from app.services import cluster as cluster_service
from app.services import organizations as organization_service
from app.ui import navigation, node_map, pod_facts
from app.ui.format import formatter
from app.ui.messages import Say
from models.domain.access import StaffRole, job_actor
from models.domain.instances import State
from models.domain.settings import REGISTRY
from models.store import instances, members, staff
from tests.pages.conftest import open_page, texts

ROOT = Path(__file__).resolve().parents[2]
ADMIN, CUSTOMER = (person.email for person in demo.sign_ins())
STAFF_PAGES = [e for e in navigation.ENTRIES if e.staff]
OWN_PAGES = [e for e in navigation.ENTRIES if not e.staff]
NOTHING_HERE = Say("id").text("error.not_found")


def _things(made: Container) -> dict[str, dict[str, str]]:
    """Parameters that open the detail pages, of things that exist."""
    snapshot = made.cluster.snapshot()
    with made.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        mine = {o.id for o, _ in members.of_user(ctx.session, user.id)}
        app = next(i for i in instances.everything(ctx.session) if i.organization_id in mine)
        organization = app.organization_id
    crashing = max(snapshot.pods.values(), key=lambda p: p.restarts)
    return {
        "node": {"name": sorted(snapshot.nodes)[0]},
        "pod": {"uid": crashing.uid},
        "organization": {"id": organization},
        "app": {"id": app.id},
    }


def _foreign(made: Container) -> tuple[str, str, str, str]:
    """Id and name of an app and of its organization, neither of which is the customer's."""
    with made.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        mine = {o.id for o, _ in members.of_user(ctx.session, user.id)}
        app = next(i for i in instances.everything(ctx.session) if i.organization_id not in mine)
        owner = organization_service.get(ctx, organization_id=app.organization_id)
        return app.id, app.address, owner.id, owner.name


@pytest.mark.parametrize("entry", STAFF_PAGES, ids=lambda e: e.name)
def test_staff_page_shows_the_demo(small_demo: Container, entry: navigation.Entry) -> None:
    at = open_page(small_demo, ADMIN, entry.file[:-3], **_things(small_demo).get(entry.name, {}))
    assert not at.exception
    assert len(at.title) == 1
    assert at.title[0].value
    assert not at.error
    assert "Simulated data" in texts(at)


@pytest.mark.parametrize("entry", OWN_PAGES, ids=lambda e: e.name)
def test_customer_page_shows_the_demo(small_demo: Container, entry: navigation.Entry) -> None:
    at = open_page(small_demo, CUSTOMER, entry.file[:-3], **_things(small_demo).get(entry.name, {}))
    assert not at.exception
    assert len(at.title) == 1
    assert at.title[0].value
    assert not at.error
    assert "Data simulasi" in texts(at)


@pytest.mark.parametrize("entry", [e for e in STAFF_PAGES if e.name not in ("node", "pod", "organization")], ids=lambda e: e.name)
def test_staff_page_on_a_first_start(nothing: Container, entry: navigation.Entry) -> None:
    at = open_page(nothing, "admin@first.example", entry.file[:-3])
    assert not at.exception
    assert at.title or at.warning, "a page without a cluster says so"


@pytest.mark.parametrize("entry", [e for e in OWN_PAGES if e.name != "app"], ids=lambda e: e.name)
def test_customer_page_on_a_first_start(nothing: Container, entry: navigation.Entry) -> None:
    at = open_page(nothing, "owner@first.example", entry.file[:-3])
    assert not at.exception
    assert at.title or at.warning, "a page without a cluster says so"


@pytest.mark.parametrize("entry", STAFF_PAGES, ids=lambda e: e.name)
def test_a_customer_has_no_staff_page(small_demo: Container, entry: navigation.Entry) -> None:
    with pytest.raises(ValueError, match="navigation page"):
        open_page(small_demo, CUSTOMER, entry.file[:-3])


def test_an_analyst_has_the_cluster_but_not_the_people(small_demo: Container) -> None:
    with small_demo.transaction(job_actor("test"), "cli") as ctx:
        person = members.add_user(ctx.session, email="analyst@moorage.example", name="Ana", now=ctx.now)
        staff.appoint(ctx.session, user_id=person.id, role=StaffRole.ANALYST, now=ctx.now)
    assert not open_page(small_demo, "analyst@moorage.example", "admin/cluster").exception
    for refused in ("admin/members", "admin/settings", "admin/audit", "admin/mail", "admin/mapping", "admin/jobs"):
        with pytest.raises(ValueError, match="navigation page"):
            open_page(small_demo, "analyst@moorage.example", refused)


def test_somebody_elses_app_is_not_found_and_nothing_of_it_is_said(small_demo: Container) -> None:
    app, address, _, name = _foreign(small_demo)
    at = open_page(small_demo, CUSTOMER, "customer/app", id=app)
    unknown = open_page(small_demo, CUSTOMER, "customer/app", id="nothing-of-that-id")
    assert not at.exception
    assert NOTHING_HERE in at.info[0].value.replace("\\", "")
    assert [one.value for one in at.info] == [one.value for one in unknown.info]
    assert not at.title
    assert name not in texts(at)
    assert address not in texts(at)


@pytest.mark.parametrize("page", ["customer/home", "customer/team"])
def test_somebody_elses_organization_in_the_address_changes_nothing(small_demo: Container, page: str) -> None:
    _, _, foreign, name = _foreign(small_demo)
    own, with_foreign = open_page(small_demo, CUSTOMER, page), open_page(small_demo, CUSTOMER, page, org=foreign)
    assert [t.value for t in own.title] == [t.value for t in with_foreign.title]
    assert name not in texts(with_foreign)


@pytest.mark.parametrize(("page", "parameter"), [("admin/pod", "uid"), ("admin/node", "name"), ("admin/organization", "id")])
def test_what_does_not_exist_is_said_so(small_demo: Container, page: str, parameter: str) -> None:
    at = open_page(small_demo, ADMIN, page, **{parameter: "no-such-thing"})
    assert not at.exception
    assert len(at.info) == 1
    assert not at.title


def test_without_a_session_nothing_but_the_way_to_the_sign_in(small_demo: Container) -> None:
    at = open_page(small_demo, ADMIN)
    at.user = {"username": "somebody", "sid": "0" * 64}
    at.run()
    assert not at.title
    assert not at.metric
    assert not at.exception


def test_home_counts_the_customers_own_apps(small_demo: Container) -> None:
    at = open_page(small_demo, CUSTOMER, "customer/home")
    with small_demo.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        mine = {o.id for o, _ in members.of_user(ctx.session, user.id)}
        names = {i.name for i in instances.everything(ctx.session) if i.organization_id in mine and i.state is not State.GONE}
    assert {s.value.replace("\\", "") for s in at.subheader} == names


def test_filters_of_the_pod_table_come_from_the_address(small_demo: Container) -> None:
    every = open_page(small_demo, ADMIN, "admin/cluster")
    one = open_page(small_demo, ADMIN, "admin/cluster", node="node-2", q="n8n")
    count = re.compile(r"^(\d+) of (\d+)")
    all_pods, some = (next(m for c in at.caption if (m := count.match(c.value))) for at in (every, one))
    assert all_pods[1] == all_pods[2] == some[2]
    expected = [p for p in small_demo.cluster.snapshot().pods.values() if p.node == "node-2"]
    assert 0 < int(some[1]) <= len(expected)


def test_what_if_loses_a_node_on_paper(small_demo: Container) -> None:
    at = open_page(small_demo, ADMIN, "admin/capacity")
    chooser = next(s for s in at.selectbox if s.label == "Lose a node")
    chooser.select("node-1")
    next(b for b in at.button if b.label == "Show").click().run()
    assert not at.exception
    assert len(at.error) + len(at.success) == 1, "one answer to one question"
    told = next(d.value for d in at.dataframe if "outcome" in d.value.columns)
    assert len(told) > 0
    assert len(small_demo.cluster.snapshot().nodes) == 3


def test_every_setting_has_a_name_in_words(nothing: Container) -> None:
    at = open_page(nothing, "admin@first.example", "admin/settings")
    fields = [*at.number_input, *at.toggle, *at.selectbox, *at.text_input]
    assert len(fields) == len(REGISTRY)
    assert not [one.label for one in fields if "_" in one.label]


def test_what_we_say_of_a_pod_is_said_in_words(small_demo: Container) -> None:
    viewer = cast(Any, SimpleNamespace(say=Say("en")))
    assert pod_facts.reason(viewer, "no_data") == "the cluster cannot be reached"
    assert pod_facts.reason(viewer, "CrashLoopBackOff") == "CrashLoopBackOff"


def test_a_setting_is_changed_once_and_audited(nothing: Container) -> None:
    at = open_page(nothing, "admin@first.example", "admin/settings")
    field = next(n for n in at.number_input if n.label.startswith("Length of a trial"))
    field.set_value(21).run()
    next(b for b in at.button if b.key == "save_trial_days").click().run()
    assert not at.exception
    assert not at.error
    audit = open_page(nothing, "admin@first.example", "admin/audit")
    assert list(audit.dataframe[0].value["action"]).count("settings.put") == 1


def test_a_member_is_invited_from_the_team_page(nothing: Container) -> None:
    at = open_page(nothing, "owner@first.example", "customer/team")
    next(t for t in at.text_input if t.label == "E-mail").set_value("new@first.example")
    next(b for b in at.button if b.label == "Send invitation").click().run()
    assert not at.exception
    assert not at.error
    assert "new@first" in texts(at).replace("\\", "")


def test_a_token_is_shown_once(nothing: Container) -> None:
    at = open_page(nothing, "owner@first.example", "customer/account")
    next(t for t in at.text_input if t.label == "What is it for").set_value("reports")
    at.multiselect[0].select("own.instances.see")
    next(b for b in at.button if b.label == "Make it").click().run()
    assert not at.exception
    assert not at.error
    assert len(at.code) == 1
    assert not at.run().code


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*/*.py")), ids=lambda p: p.stem)
def test_a_page_is_thin_and_asks_first_who_is_there(path: Path) -> None:
    source = path.read_text()
    if path.stem == "__init__":
        assert not source
        return
    assert len(source.splitlines()) <= 90
    assert "gate.require(" in source
    entry = navigation.BY_NAME[path.stem]
    right = "" if entry.permission is None else f"Permission.{entry.permission.name}"
    assert f"gate.require({right})" in source


def test_capacity_says_how_many_pods_the_worst_loss_takes_down(small_demo: Container) -> None:
    at = open_page(small_demo, ADMIN, "admin/capacity")
    said = texts(at).replace("\\", "")
    assert re.search(
        r"Not every node can be lost\]: without node-\d, (\d+) pods would be down \((\d+) by their disks, (\d+) for want", said
    )


@pytest.mark.parametrize(("by", "told"), [("state", "Healthy"), ("template", "wordpress")])
def test_the_map_says_what_its_colours_mean(small_demo: Container, by: str, told: str) -> None:
    with small_demo.reading(job_actor("test"), "cli") as ctx:
        pods = cluster_service.pods(ctx, limit=cluster_service.MOST_PODS).rows
    seen = cast(Any, SimpleNamespace(say=Say("en"), format=formatter("en", "UTC")))
    meant = node_map.legend(seen, pods, by)
    [count] = re.findall(rf"</span> {told} (\d+)<", meant)
    group = {"state": lambda p: p.condition.state.value.capitalize(), "template": lambda p: p.template}[by]
    assert int(count) == sum(group(p) == told for p in pods)


def test_the_map_colours_the_largest_organizations_and_says_how_many_others_there_are(small_demo: Container) -> None:
    with small_demo.reading(job_actor("test"), "cli") as ctx:
        pods = cluster_service.pods(ctx, limit=cluster_service.MOST_PODS).rows
    seen = cast(Any, SimpleNamespace(say=Say("en"), format=formatter("en", "UTC")))
    tones = node_map.colours(pods, "organization")
    assert len(set(tones.values())) == len(tones) == len(node_map.PALETTE) + 1, "no two have the same colour"
    owned = Counter(p.organization for p in pods if p.organization)
    assert min(owned[name] for name in tones if name) >= max(n for name, n in owned.items() if name not in tones)
    others = [n for name, n in owned.items() if name not in tones]
    assert f"</span> {len(others)} others {sum(others)}<" in node_map.legend(seen, pods, "organization")


def test_the_audit_and_the_country_are_told_in_words(small_demo: Container) -> None:
    done = open_page(small_demo, ADMIN, "admin/audit").dataframe[0].value
    assert "Loaded the demo" in list(done["what"])
    assert "Country" in (said := texts(open_page(small_demo, ADMIN, "admin/organization", **_things(small_demo)["organization"])))
    assert "Indonesia" in said
