"""What only a real node shows, in the running product: throttling, a kill for memory, traffic and probes in API and pages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.live.conftest import Bed, until
from tests.live.looks import Looks, looking
from tests.live.portal import PATIENCE, Portal, running
from tests.live.test_real_node import HOST as OTHER_HOST
from tests.live.test_real_node import OBJECTS
from tests.live.test_real_node import SPACE as OTHER_SPACE

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.browser, pytest.mark.xdist_group("bed")]
SPACE, HOST, LABEL = "pages-live", "pages.example.test", "pages-live-owner"


@pytest.fixture(scope="module")
def portal(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The product, and on the cluster three pods and an address that belong to a customer by the label of their namespace."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}).replace(OTHER_SPACE, SPACE).replace(OTHER_HOST, HOST)
    manifest = tmp_path_factory.mktemp("apps") / "pages.json"
    manifest.write_text(text)
    words = ["--kubeconfig", str(bed.kubeconfig), "--prometheus", bed.prometheus]
    ingress = urlsplit(os.environ["INGRESS_URL"]).netloc
    bed.kubectl("create", "namespace", SPACE)
    try:
        until(lambda: "default" in bed.kubectl("get", "serviceaccounts", "-n", SPACE, "-o", "name"), 30, "the namespace is ready")
        bed.kubectl("apply", "-f", str(manifest))
        bed.kubectl("label", "namespace", SPACE, f"example.com/customer={LABEL}")
        data = tmp_path_factory.mktemp("product") / "data"
        settings = {"organization_label": "example.com/customer", "ingress_address": ingress}
        with running(data, words, tick_seconds="5", probe_seconds="5", **settings) as made:
            yield made
    finally:
        bed.kubectl("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture(scope="module")
def looks(portal: Portal) -> Iterator[Looks]:
    with looking(portal.url, portal.admin.cookies["sid"]) as made:
        yield made


def test_throttling_a_kill_for_memory_traffic_and_probes_are_on_the_pages(portal: Portal, looks: Looks) -> None:
    def pod(name: str) -> Any:
        rows = [one for one in portal.get("/pods", search=f"{SPACE}/{name}", limit=5)["items"] if one["name"] == name]
        return portal.get(f"/pods/{rows[0]['uid']}") if rows else None

    def of(name: str) -> Any:
        found = pod(name)
        return found["containers"][0] if found and found["containers"] else {}

    until(lambda: (of("busy").get("throttled_share") or 0) > 0.5, PATIENCE, "a loop with a twentieth of a core is held back")
    looks.open(f"pod?uid={pod('busy')['pod']['uid']}")
    looks.comes("Held back at the CPU limit")
    looks.cell(r"(5\d|[6-9]\d|100)(\.\d+)?")  # percent of the time, as the table holds it

    until(lambda: of("hungry").get("last_reason") == "OOMKilled", PATIENCE, "the kill is known")
    uid = pod("hungry")["pod"]["uid"]

    def named() -> set[str]:
        rows = portal.get("/overview")["trouble"]
        return {row["trouble"]["kind"] for row in rows if row["trouble"]["subject"] == f"pod:{uid}"}

    until(lambda: named() & {"crash_loop", "out_of_memory"}, PATIENCE, "it is in the trouble list")
    looks.open(f"pod?uid={uid}")
    looks.cell(r"OOMKilled \(137\)")
    looks.open("overview")
    looks.comes("hungry", "memory")

    wanted = {"name": "Real Pages", "label": LABEL}
    made = portal.api.post("/api/v1/organizations", json=wanted, headers={"Idempotency-Key": "real-pages"})
    assert made.status_code == 201, made.text
    home = made.json()["id"]
    until(lambda: pod("web")["pod"]["organization"] == "Real Pages", 60, "the label gives it to them")
    up = "SELECT count(*) AS n FROM probe WHERE outcome = 'up' AND address LIKE '%pages.example.test%'"
    until(lambda: json.loads(portal.command("warehouse", "sql", up, "--format", "json"))[0]["n"], PATIENCE, "its address answers")
    looks.open(f"organization?id={home}")
    looks.comes("Real Pages is in good standing", "Addresses")
    looks.cell(r"https?://pages\.example\.test.*")
    looks.cell("answers now")

    for _ in range(30):
        assert httpx.get(f"{os.environ['INGRESS_URL']}/healthz", headers={"Host": HOST}, timeout=30).status_code == 200
    asked = f"SELECT max(requests_total) AS n FROM ingress_sample WHERE namespace = '{SPACE}' AND target = 'web:80'"
    until(
        lambda: (json.loads(portal.command("warehouse", "sql", asked, "--format", "json"))[0]["n"] or 0) >= 30, 60, "it is counted"
    )
    looks.open("cluster")
    told = looks.comes("Ingress", "nodes ready")
    assert "No ingress tells" not in told
