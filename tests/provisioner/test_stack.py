"""A stack: the components that a customer lists become workloads beside each other, with one way in and a plan that is divided."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from models.domain.errors import Invalid
from provisioner.catalogue.addons import joined, load_components
from provisioner.catalogue.listed import LEAST_MEMORY, MOST, SIZES, check_size
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.catalogue.schema import Plan
from provisioner.desired import Phase, desired
from provisioner.labels import EXPOSED, Object
from provisioner.wanted import Addition, Wanted, check_parameters
from tests.provisioner.orders import TEMPLATES, an_instance
from tests.provisioner.test_components import container_of, named
from tests.provisioner.test_desired import environment, objects

STACK = TEMPLATES["stack"]
ADDONS = load_components()
REACT = [
    {"name": "web", "image": "ghcr.io/kopi/react:3", "port": 3000, "path": "/", "health": "/"},
    {
        "name": "api", "image": "ghcr.io/kopi/api:3", "port": 8000, "path": "/api", "health": "/api/health", "size": "medium",
        "copies": 2, "uses": ["postgresql"], "environment": {"DEBUG": "$(HOME)", "NOTE": "${secret.x} ${host}"},
        "command": ["gunicorn", "${host}", "app:main"],
    },
]  # fmt: skip
"""A React front-end, a Python back-end, PostgreSQL."""
SERVICES = [
    {"name": "gateway", "image": "ghcr.io/kopi/gateway:1", "path": "/"},
    {"name": "orders", "image": "ghcr.io/kopi/orders:1", "path": "/api/orders", "uses": ["postgresql", "valkey"]},
    {"name": "catalog", "image": "ghcr.io/kopi/catalog:1", "path": "/api"},
    {"name": "mailer", "image": "ghcr.io/kopi/mailer:1"},
    {"name": "search", "image": "ghcr.io/kopi/search:1", "uses": ["valkey"]},
]
"""Five microservices."""


def stack(components: list[Any], *beside: str, **facts: Any) -> Wanted:
    made = an_instance(STACK, parameters={"components": components}, **facts)
    addons = [ADDONS[name] for name in beside]
    return replace(made, template=joined(made.template, addons), additions=tuple(map(Addition, addons)))


def paths(wanted: Wanted) -> list[tuple[str, str]]:
    (rule,) = named(wanted, "Ingress")["app"]["spec"]["rules"]
    return [(one["path"], one["backend"]["service"]["name"]) for one in rule["http"]["paths"]]


def labels(one: Object) -> dict[str, str]:
    found: dict[str, str] = one["spec"]["template"]["metadata"]["labels"]
    return found


def test_each_component_is_a_workload_and_the_longest_path_comes_first() -> None:
    wanted = stack(SERVICES, "postgresql", "valkey")
    assert set(named(wanted, "Deployment")) == {"gateway", "orders", "catalog", "mailer", "search", "postgresql", "valkey"}
    assert set(named(wanted, "Service")) == set(named(wanted, "Deployment"))
    assert paths(wanted) == [("/api/orders", "orders"), ("/api", "catalog"), ("/", "gateway")]
    assert wanted.routes == ("/api/orders", "/api", "/")
    open_ = {name for name, one in named(wanted, "Deployment").items() if EXPOSED in labels(one)}
    assert open_ == {"gateway", "orders", "catalog"}


def test_databases_come_first_and_the_listed_ones_together() -> None:
    by_phase = {
        step.phase: {one["metadata"]["name"] for one in step.objects if one["kind"] == "Deployment"}
        for step in desired(stack(SERVICES, "postgresql", "valkey"))
    }
    assert by_phase[Phase.INSIDE] == {"postgresql", "valkey"}
    assert by_phase[Phase.APP] == {"gateway", "orders", "catalog", "mailer", "search"}


def test_connection_settings_go_to_those_who_use_it_and_to_no_other() -> None:
    wanted = stack(SERVICES, "postgresql", "valkey")

    def told(name: str) -> set[str]:
        return {"PGHOST", "REDIS_URL"} & environment(container_of(wanted, name)).keys()

    assert (told("orders"), told("search")) == ({"PGHOST", "REDIS_URL"}, {"REDIS_URL"})
    assert not told("gateway") | told("mailer")
    nobody = stack([SERVICES[0], SERVICES[2]], "valkey")
    assert "REDIS_URL" in environment(container_of(nobody, "gateway")), "one that nobody names belongs to the entrance"


def test_what_was_said_of_one_is_taken_as_it_was_written() -> None:
    wanted = stack(REACT, "postgresql")
    api = container_of(wanted, "api")
    found = environment(api)
    assert (found["DEBUG"], found["NOTE"]) == ("$$(HOME)", "${secret.x} ${host}")
    assert api["command"] == ["gunicorn", "${host}", "app:main"]
    assert (found["PORT"], found["PUBLIC_URL"]) == ("8000", "https://kopi.stack.apps.example")
    assert api["readinessProbe"]["httpGet"]["path"] == "/api/health"
    assert named(wanted, "Deployment")["api"]["spec"]["replicas"] == 2
    assert "command" not in container_of(wanted, "web")
    silent = container_of(stack(SERVICES), "mailer")
    assert silent["startupProbe"]["tcpSocket"] == silent["readinessProbe"]["tcpSocket"] == {"port": "http"}


@pytest.mark.parametrize("plan", STACK.plans, ids=lambda plan: plan.name)
@pytest.mark.parametrize("components", [REACT, SERVICES], ids=["react", "services"])
def test_the_plan_is_divided_by_size_over_all_copies(components: list[Any], plan: Plan) -> None:
    wanted = stack(components, plan=plan)
    check_size(wanted.template, plan)
    weights = {one["name"]: SIZES[one.get("size", "small")] for one in components}
    whole = sum(weights[one["name"]] * one.get("copies", 1) for one in components)
    cores, memory = Decimal(0), 0
    for name, weight in weights.items():
        most, copies = container_of(wanted, name)["resources"]["limits"], named(wanted, "Deployment")[name]["spec"]["replicas"]
        assert abs(bytes_of(most["memory"]) - bytes_of(plan.memory) * weight / whole) <= 1 << 20
        cores, memory = cores + cores_of(most["cpu"]) * copies, memory + bytes_of(most["memory"]) * copies
    assert memory <= bytes_of(plan.memory)
    assert cores <= cores_of(plan.cpu) + Decimal(len(weights)) / 1000
    hard = named(wanted, "ResourceQuota")["plan"]["spec"]["hard"]
    pods = sum(one["spec"]["replicas"] for one in objects(wanted) if one["kind"] == "Deployment")
    assert int(hard["pods"]) >= pods * 2, "all may be replaced at once"
    assert int(hard["count/deployments.apps"]) >= len(weights) * 2, "all may be called otherwise at once"
    assert cores_of(hard["limits.cpu"]) >= cores * 2
    assert bytes_of(hard["limits.memory"]) >= memory * 2
    assert bytes_of(hard["limits.ephemeral-storage"]) >= pods * 2 * (2 << 30)


def test_a_plan_that_is_too_small_for_so_many_says_what_would_do() -> None:
    many = [{**one, "copies": 10} for one in SERVICES]
    wanted = stack(many)
    with pytest.raises(
        Invalid, match=rf"leaves 15 MiB for the smallest; {LEAST_MEMORY >> 20} are needed. Choose a larger plan"
    ) as refused:
        check_size(wanted.template, wanted.plan)
    assert refused.value.field == "plan"


def test_suspended_every_path_shows_the_notice() -> None:
    assert paths(replace(stack(REACT), running=False, notice="unpaid")) == [("/", "notice")]


def test_own_domains_lead_to_the_same_paths() -> None:
    wanted = replace(stack(REACT), domains=("kopi.example",))
    (own,) = [one for name, one in named(wanted, "Ingress").items() if name.startswith("own-")]
    assert [one["path"] for one in own["spec"]["rules"][0]["http"]["paths"]] == ["/api", "/"]


GOOD = {"name": "web", "image": "a/b:1", "path": "/"}


@pytest.mark.parametrize(
    ("components", "says"),
    [
        ("web", "Components are a list"),
        (["web"], "Components are a list"),
        ([], "Which components does it have?"),
        ([{**GOOD, "name": f"c{n}", "path": f"/{n}"} for n in range(MOST + 1)], f"1 to {MOST} components; {MOST + 1} are listed"),
        ([{**GOOD, "name": "My Api"}], "The name of component 1"),
        ([{**GOOD, "name": "1st"}], "begins with a letter"),
        ([{**GOOD, "name": "postgresql"}], "“postgresql” is a name of the platform's own"),
        ([{**GOOD, "name": "notice"}], "“notice” is a name of the platform's own"),
        ([GOOD, {**GOOD, "path": "/api"}], "Two components are called “web”"),
        ([GOOD, {**GOOD, "name": "api"}], "Two components want the path /"),
        ([{**GOOD, "path": "/api"}], "No component answers at the path /"),
        ([{**GOOD, "path": "api"}], "Component web: A path is / or like /api"),
        ([{**GOOD, "path": "/../etc"}], "Component web: A path is / or like /api"),
        ([{**GOOD, "path": "/${host}"}], "Component web: A path is / or like /api"),
        ([{**GOOD, "image": ""}], "Component web: An image looks like"),
        ([{**GOOD, "image": "Not An Image"}], "Component web: An image looks like"),
        ([{**GOOD, "port": 70000}], "Component web: A port is a whole number"),
        ([{**GOOD, "copies": 11}], "Component web: There can be 1 to 10 copies"),
        ([{**GOOD, "size": "huge"}], "Component web: A size is one of small, medium, large"),
        ([{**GOOD, "uses": ["oracle"]}], "Component web: There is no component “oracle” to use"),
        ([{**GOOD, "uses": "postgresql"}], "Component web: What a component uses is a list"),
        ([{**GOOD, "environment": {"A-B": "1"}}], "Component web: “A-B” is no name of an environment variable"),
        ([{**GOOD, "command": "sh -c x"}], "Component web: A command is a list of words"),
        ([{**GOOD, "health": "health"}], "Component web: A path begins with a slash"),
        ([{**GOOD, "prot": 1}], "web: a component has no “prot”"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(components: Any, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_parameters(STACK, {"components": components})
    assert says in str(refused.value)
    assert refused.value.field == "components"


def test_what_is_understood_is_understood_again() -> None:
    once = check_parameters(STACK, {"components": REACT})
    assert check_parameters(STACK, once) == once
    assert once["components"][0] == {
        "name": "web", "image": "ghcr.io/kopi/react:3", "port": 3000, "path": "/", "environment": {}, "command": [], "copies": 1,
        "health": "/", "size": "small", "uses": [],
    }  # fmt: skip
