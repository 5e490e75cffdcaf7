"""A stack on the node that runs containers: one address over TLS leads to two components, which find each other and their cache."""

from __future__ import annotations

import subprocess

import pytest

from models.domain.instances import State
from tests.live.test_real_orders import Street, street
from tests.orders.on_bed import until_state
from tests.provisioner.grounds import command

__all__ = ["street"]
pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
COMPONENTS = [
    {"name": "front", "image": "example/web:1", "path": "/", "health": "/healthz"},
    {"name": "back", "image": "example/web:1", "path": "/env", "port": 9000, "uses": ["valkey"], "environment": {"WHO": "back"}},
]
ASK = "import urllib.request; print(urllib.request.urlopen('http://back:9000/healthz', timeout=20).read().decode())"


def test_both_paths_answer_and_the_components_find_each_other(street: Street) -> None:
    shop = street.shop
    app = shop.order("stack", parameters={"components": COMPONENTS})
    until_state(shop, app, State.READY)
    with street.entrance.visitor(street.host(app)) as visitor:
        first, second = visitor.get("/"), visitor.get("/env")
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.text.startswith("Hello from front-")
        found = second.json()["env"]
        assert visitor.get("/elsewhere").status_code == 404
    assert (found["WHO"], found["PORT"], found["PUBLIC_URL"]) == ("back", "9000", app.address)
    assert found["REDIS_URL"].endswith("@valkey:6379/0")
    words = [*command(), "exec", "-n", street.namespace(app), "deploy/front", "--", "python3", "-c", ASK]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "ok", done.stderr[-2000:]
    assert any("/env" in line for line in street.written(app, "back"))
