"""PostgreSQL and Valkey beside an app on the node that runs containers: reached from inside the app's own pod by what was set for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.services import components
from app.services.orders import OrderView
from models.domain.instances import State
from tests.live.conftest import until
from tests.live.test_real_orders import Street, street
from tests.orders.on_bed import eventually, idle, until_state
from tests.provisioner.grounds import command

__all__ = ["street"]
pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
CLIENT = Path(__file__).with_name("inner_client.py").read_text(encoding="utf-8")


def from_inside(street: Street, app: OrderView) -> dict[str, Any]:
    """What a program in the app's own pod finds."""
    words = [*command(), "exec", "-n", street.namespace(app), "deploy/web", "--", "python3", "-c", CLIENT]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_database_and_a_cache_are_reached_by_their_settings_and_the_data_outlives_a_removal(street: Street) -> None:
    shop = street.shop
    app = shop.order("container", name="beside", parameters={"image": "example/web:1", "health": "/healthz"})
    until_state(shop, app, State.READY)
    for one in ("postgresql", "valkey"):
        with shop.acting() as ctx:
            components.add(ctx, instance_id=app.instance_id, component=one)
        eventually(shop, app, lambda: idle(shop, app))
    assert from_inside(street, app) == {"kept": ["kopi"], "cache": "halo", "parts": ["postgresql", "5432", "app", "app"]}
    with shop.acting() as ctx:
        components.remove(ctx, instance_id=app.instance_id, component="postgresql")
    eventually(shop, app, lambda: idle(shop, app))
    assert shop.cluster.read("Deployment", street.namespace(app), "postgresql") is None
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="postgresql")
    eventually(shop, app, lambda: idle(shop, app))
    assert from_inside(street, app)["kept"] == ["kopi", "kopi"]
    for one in ("postgresql", "valkey"):
        with shop.acting() as ctx:
            components.remove(ctx, instance_id=app.instance_id, component=one)
        eventually(shop, app, lambda: idle(shop, app))
        with shop.acting() as ctx:
            components.discard(ctx, instance_id=app.instance_id, component=one, typed_name=one)
        eventually(shop, app, lambda: idle(shop, app))
    until(lambda: not shop.cluster.find("PersistentVolumeClaim", street.namespace(app), {}), 60, "what was given up is gone")
