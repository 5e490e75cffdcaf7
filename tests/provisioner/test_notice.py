"""What a suspended app is rendered to: no pods of its own, everything that it holds, and a page of ours at its address."""

from __future__ import annotations

import re
from dataclasses import replace

from provisioner.desired import desired
from provisioner.labels import EXPOSED, Object
from provisioner.wanted import Wanted
from tests.provisioner.orders import TEMPLATES, an_instance


def rendered(wanted: Wanted) -> dict[tuple[str, str], Object]:
    return {(one["kind"], one["metadata"]["name"]): one for step in desired(wanted) for one in step.objects}


def suspended(reason: str = "Unpaid since 3 November.") -> Wanted:
    return replace(an_instance(TEMPLATES["wordpress"]), running=False, notice=reason)


def backend(found: dict[tuple[str, str], Object]) -> str:
    name: str = found["Ingress", "app"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
    return name


def test_its_own_pods_end_and_ours_answers() -> None:
    found = rendered(suspended())
    copies = {name: one["spec"]["replicas"] for (kind, name), one in found.items() if kind == "Deployment"}
    assert copies == {"web": 0, "database": 0, "notice": 1}
    assert backend(found) == "notice"
    labels = found["Deployment", "notice"]["spec"]["template"]["metadata"]["labels"]
    assert labels[EXPOSED] == "http"
    assert found["Service", "notice"]["spec"]["selector"].items() <= labels.items()
    assert not [name for kind, name in found if kind == "Job"]


def test_everything_else_is_that_of_a_stopped_app_and_goes_when_it_is_over() -> None:
    stopped = rendered(replace(suspended(), notice=""))
    found = rendered(suspended())
    assert found.keys() - stopped.keys() == {("Deployment", "notice"), ("Service", "notice")}
    assert stopped.keys() <= found.keys()
    assert {key for key in stopped if stopped[key] != found[key]} == {("Ingress", "app")}
    assert backend(stopped) == "web"


def test_their_own_domains_say_it_too() -> None:
    found = rendered(replace(suspended(), domains=("shop.example",)))
    own = [one for (kind, name), one in found.items() if kind == "Ingress" and name != "app"]
    assert [one["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] for one in own] == ["notice"]


def test_what_people_write_is_no_markup_and_no_variable() -> None:
    found = rendered(suspended("<script>alert(1)</script> $(HOSTNAME)"))
    container = found["Deployment", "notice"]["spec"]["template"]["spec"]["containers"][0]
    page = next(one["value"] for one in container["env"] if one["name"] == "PAGE")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "$$(HOSTNAME)" in page
    assert not re.search(r"(?<!\$)\$\(", page)
