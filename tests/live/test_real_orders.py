"""Orders on the node that runs containers: the address answers with the real page over TLS, and what was delivered signs in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.gateways.sign_in import HttpDoorman, Tried
from app.services import app_logs, changesets, credentials, instances
from app.services.orders import OrderView
from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.kubernetes_connection import Connection
from collectors.sources.kubernetes_logs import KubernetesLogs
from collectors.sources.prober import HttpProber
from models.domain.clock import SystemClock
from models.domain.instances import State
from provisioner.catalogue import Template
from provisioner.catalogue.schema import SignIn
from tests.live.conftest import Bed, until
from tests.live.entrance import Entrance, entrance
from tests.orders.conftest import Shop
from tests.orders.on_bed import Looked, shop_on, until_state
from tests.provisioner.grounds import kubectl, live
from tests.provisioner.orders import TEMPLATES

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
SOON = timedelta(minutes=5)
DOMAINS = ["wordpress.apps.example", "container.apps.example", "stack.apps.example"]


def on_this_bed() -> list[Template]:
    """The catalogue. The bed has MariaDB 11.8 without its last number, which is all that is changed."""
    found = dict(TEMPLATES)
    wordpress = found["wordpress"]
    parts = tuple(one.model_copy(update={"image": one.image.replace("11.8.8", "11.8")}) for one in wordpress.components)
    return [*(found | {"wordpress": wordpress.model_copy(update={"components": parts})}).values()]


@dataclass
class Noting:
    """A doorman whose answers are kept."""

    inner: HttpDoorman
    said: dict[str, list[Tried]] = field(default_factory=dict)

    def sign_in(self, address: str, request: SignIn) -> Tried:
        tried = self.inner.sign_in(address, request)
        self.said.setdefault(address, []).append(tried)
        return tried


@dataclass
class Street:
    """A shop, and the way in from outside."""

    shop: Shop
    entrance: Entrance
    logs: KubernetesLogs
    doorman: Noting

    def host(self, app: OrderView) -> str:
        with self.shop.acting() as ctx:
            return str(urlsplit(instances.get(ctx, instance_id=app.instance_id).address).hostname)

    def namespace(self, app: OrderView) -> str:
        with self.shop.acting() as ctx:
            return instances.get(ctx, instance_id=app.instance_id).namespace

    def delivered(self, app: OrderView) -> dict[str, str]:
        """What its owner sees after `reveal`, by English label."""
        with self.shop.acting() as ctx:
            found = credentials.reveal(ctx, instance_id=app.instance_id, seal=self.shop.container.seal, recent=True)
        return {one.label["en"]: one.value for one in found}

    def written(self, app: OrderView, source: str = "", **how: Any) -> list[str]:
        with self.shop.acting() as ctx:
            kept = app_logs.sources(ctx, instance_id=app.instance_id)
            chosen = next((one.id for one in kept if one.part == source), "")
            log = app_logs.read(
                ctx, instance_id=app.instance_id, logs=self.logs, seal=self.shop.container.seal, source=chosen, **how
            )
        return [line.text for line in log.lines]


@pytest.fixture(scope="module")
def street(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = Path(tmp_path_factory.mktemp("real"))
    inventory = KubernetesInventory(bed.kubeconfig, clock=SystemClock())
    inventory.start()
    patch = pytest.MonkeyPatch()
    try:
        assert inventory.wait(60)
        with entrance(folder, kubectl, DOMAINS) as way, live(folder, real=True) as site:
            patch.setenv("SSL_CERT_FILE", str(way.trusted))
            prober, doorman = HttpProber(way.place), Noting(HttpDoorman(way.place))
            connection = Connection(folder / "kubeconfig")
            with shop_on(site, folder, prober=prober, doorman=doorman, cluster=Looked(inventory), templates=on_this_bed()) as shop:
                yield Street(shop, way, KubernetesLogs(connection), doorman)
            prober.close()
            connection.close()
    finally:
        patch.undo()
        inventory.stop()


def test_wordpress_answers_at_its_address_and_its_owner_signs_in(street: Street) -> None:
    shop = street.shop
    began = shop.clock.now()
    app = shop.order("wordpress")
    until_state(shop, app, State.READY)
    assert shop.clock.now() - began < SOON
    host, space = street.host(app), street.namespace(app)
    with street.entrance.visitor(host) as visitor:
        page = visitor.get("/")
        assert page.status_code == 200
        assert shop.customer.organization.name in page.text
        assert "wp-content" in page.text
        delivered = street.delivered(app)
        assert delivered["Administration"] == f"https://{host}/wp-admin/"
        assert not signed_in(visitor, delivered["Sign-in"], "not-" + delivered["Password"])
        assert signed_in(visitor, delivered["Sign-in"], delivered["Password"])
        desk = visitor.get("/wp-admin/", follow_redirects=True)
        assert desk.status_code == 200
        assert "Dashboard" in desk.text
    with shop.acting(shop.staff) as ctx:
        (work,) = changesets.list_(ctx, instance_id=app.instance_id)
        steps = [step.name for step in changesets.steps(ctx, change_set_id=work.id) if step.verb == "phase"]
    assert steps == ["walls", "storage", "inside", "app", "setup", "entrance", "address"]
    assert work.reason == ""
    # it was called ready because the drawn password signed in, and was tried no more often than it had to be
    assert street.doorman.said[f"https://{host}"][-1] == Tried(True)
    assert not any(tried.refused for tried in street.doorman.said[f"https://{host}"])
    (job,) = shop.cluster.find("Job", space, {})
    assert job["status"]["succeeded"] == 1
    # the setup step's own words, of a real container; the drawn password is in none of them
    said = until(lambda: street.written(app, "install"), 30, "the setup step's log")
    assert any("WordPress installed successfully" in line for line in said)
    assert delivered["Password"] not in "".join(said)


def test_an_image_of_their_own_answers_and_its_log_is_followed(street: Street) -> None:
    shop = street.shop
    word = secrets.token_hex(8)
    given = {"image": "example/web:1", "health": "/healthz", "environment": {"GREETING": "halo", "API_TOKEN": word}}
    began = shop.clock.now()
    app = shop.order("container", parameters=given)
    until_state(shop, app, State.READY)
    assert shop.clock.now() - began < SOON
    with street.entrance.visitor(street.host(app)) as visitor:
        assert visitor.get("/").text.startswith("Hello from web-")
        inside = visitor.get("/env").json()
        assert inside["uid"] == 10001
        assert inside["env"]["GREETING"] == "halo"
        assert inside["env"]["PUBLIC_URL"] == f"https://{street.host(app)}"
        assert inside["headers"]["X-Forwarded-Proto"] == "https"
        assert not any(name.startswith(("WEB_SERVICE", "WEB_PORT")) for name in inside["env"])
        visitor.get("/log", params={"line": f"first {word}"})
        until(lambda: "first ••••••" in street.written(app), 30, "the line is there, without the secret")
        since = shop.clock.now()
        visitor.get("/log", params={"line": "second"})
        until(lambda: "second" in street.written(app, since=since), 30, "what is written meanwhile follows")
        assert "first ••••••" not in street.written(app, since=since)
        # the probe is the kubelet's own: what says that it is ill gets no visitors
        visitor.get("/unhealthy")
        until(lambda: visitor.get("/").status_code >= 404, 90, "an app that is ill is left out")


def signed_in(visitor: httpx.Client, name: str, password: str) -> bool:
    """As the form of wp-login.php does it."""
    visitor.get("/wp-login.php")
    form = {"log": name, "pwd": password, "wp-submit": "Log In", "redirect_to": "/wp-admin/", "testcookie": "1"}
    answer = visitor.post("/wp-login.php", data=form)
    return answer.status_code == 302 and any(cookie.startswith("wordpress_logged_in") for cookie in visitor.cookies)
