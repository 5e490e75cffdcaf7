"""Orders from the command line: placed, looked at, decided, brought into the simulated cluster."""

import re

import pytest

from models.domain.errors import Conflict, Invalid, NotFound
from models.store import orders, organizations
from models.store.session import Store
from tests.cli.conftest import settings_of


@pytest.fixture
def organization(data):
    store = Store(settings_of(data).store)
    with store.reading() as session:
        found = organizations.everything(session)[0].id
    store.close()
    return found


def test_an_app_is_ordered_shown_and_made(command, organization):
    assert "changes" in command("catalogue", "publish")
    again = command("catalogue", "publish")
    assert "Everything was offered as it is" in again
    assert "n8n is not on sale: Its licence forbids" in again
    placed = command("orders", "place", organization, "container", "trial", "--say", "image=ghcr.io/kopi/shop:1.4")
    order = re.match(r"ord_\w+", placed)[0]
    assert "https://kopi-kita.container.apps.localhost, payment" in placed
    assert order in command("orders", "list", "--open")
    assert "Nothing is done in the cluster before the order is accepted" in command("changes", order)
    made = command("apply", order)
    assert made.splitlines()[-1] == "done: done"
    shown = command("changes", order)
    assert "Make its own namespace." in shown
    assert "The cluster is as it is wanted." in shown
    assert order not in command("orders", "list", "--open")
    assert order in command("orders", "list")


def test_an_order_is_decided(command, organization):
    command("catalogue", "publish")
    order = re.match(r"ord_\w+", command("orders", "place", organization, "wordpress", "starter"))[0]
    assert "is accepted" in command("orders", "decide", order, "received")
    assert "would: Make its own namespace." in command("changes", order)
    with pytest.raises(Conflict):
        command("orders", "decide", order, "cancel")
    with pytest.raises(Invalid, match="is no decision"):
        command("orders", "decide", order, "maybe")


def test_slips_of_the_pen_are_said(command, organization):
    command("catalogue", "publish")
    with pytest.raises(NotFound):
        command("orders", "place", organization, "word-press", "trial")
    with pytest.raises(Invalid, match="is not NAME=VALUE"):
        command("orders", "place", organization, "container", "trial", "--say", "image")
    with pytest.raises(NotFound):
        command("changes", "ord_none")


def test_a_component_is_added_listed_taken_away_and_its_data_deleted(command, organization, data):
    command("catalogue", "publish")
    order = re.match(r"ord_\w+", command("orders", "place", organization, "container", "trial", "--say", "image=a/b:1"))[0]
    assert command("apply", order).splitlines()[-1] == "done: done"
    store = Store(settings_of(data).store)
    with store.reading() as session:
        instance = orders.by_id(session, order).instance_id
    store.close()
    assert "postgresql beside container" in command("components", "add", instance, "postgresql")
    assert command("apply", instance).splitlines()[-1] == "done: done"
    (line,) = [one for one in command("components", "list", instance).splitlines() if one.startswith("postgresql")]
    assert "runs" in line
    assert "DATABASE_URL" in line
    assert "its data is kept" in command("components", "remove", instance, "postgresql")
    assert command("apply", instance).splitlines()[-1] == "done: done"
    with pytest.raises(Invalid, match="cannot be brought back"):
        command("components", "discard", instance, "postgresql")
    assert "is deleted" in command("components", "discard", instance, "postgresql", "--yes-delete", "postgresql")
    assert command("apply", instance).splitlines()[-1] == "done: done"


def test_a_stack_is_ordered_from_a_file(command, organization, tmp_path):
    command("catalogue", "publish")
    listed = tmp_path / "stack.yaml"
    listed.write_text(
        "- {name: web, image: ghcr.io/kopi/react:3, path: /, port: 3000}\n"
        "- {name: api, image: ghcr.io/kopi/api:3, path: /api, uses: [valkey]}\n",
        encoding="utf-8",
    )
    order = re.match(r"ord_\w+", command("orders", "place", organization, "stack", "trial", "--components", str(listed)))[0]
    assert command("apply", order).splitlines()[-1] == "done: done"
    shown = command("changes", order)
    assert {"web", "api", "valkey"} <= set(re.findall(r"[a-z]+", shown))
    listed.write_text("- {name: web", encoding="utf-8")
    with pytest.raises(Invalid, match="cannot be read as a YAML or JSON list"):
        command("orders", "place", organization, "stack", "starter", "--components", str(listed))
