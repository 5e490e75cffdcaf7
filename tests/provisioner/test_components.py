"""Components beside an app: one file each, rendered with their own size, found by variables, and never over what somebody else said."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from models.domain.components import Keeping
from provisioner.catalogue import Template, load
from provisioner.catalogue.addons import COMPONENTS, AddOn, clash, joined, load_components, parse_component
from provisioner.catalogue.loading import Broken
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.connections import connections, given
from provisioner.desired import Phase, desired
from provisioner.labels import Object
from provisioner.reconcile import agreement, discarded
from provisioner.secrets import draw, homes
from provisioner.wanted import Addition, Wanted
from tests.provisioner.orders import EVERY, NAMES, TEMPLATES, an_instance
from tests.provisioner.test_desired import environment, objects, pods

ADDONS = load_components()
POSTGRESQL = (COMPONENTS / "postgresql.yaml").read_text(encoding="utf-8")


def beside(template: Template, *names: str, keeping: Keeping = Keeping.RUNS, **facts: Any) -> Wanted:
    """The template with these components added."""
    additions = tuple(Addition(ADDONS[name], keeping) for name in names)
    running = [one.addon for one in additions if one.keeping is Keeping.RUNS]
    made = an_instance(template, **facts)
    return replace(made, template=joined(made.template, running), additions=additions)


def container_of(wanted: Wanted, name: str) -> Object:
    return next(spec["containers"][0] for one, spec in pods(wanted) if one["metadata"]["name"] == name)


def named(wanted: Wanted, kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects(wanted) if one["kind"] == kind}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    POSTGRES_DB: app", "    POSTGRES_DB: ${host}", "“${host}” refers to nothing"),
        ("  PGPASSWORD: ${secret.password}", "  PGPASSWORD: ${secret.pass}", "“${secret.pass}” refers to nothing"),
        ("  PGHOST: ${service.postgresql}", "  PGHOST: ${service.database}", "“${service.database}” refers to nothing"),
        ("  PGUSER: app", "  pguser: app", "is written in capitals"),
        ("    POSTGRES_PASSWORD_FILE: password", "    POSTGRES_PASSWORD_FILE: passwort", "there is no secret “passwort”"),
        ("  storage: 5Gi", "  storage: 5G", "write 512Mi or 10Gi"),
        ("  memory: 256Mi", "  memories: 256Mi", "is not known here"),
        ("price: {IDR: 59000, USD: 400, EUR: 400}", "price: {IDR: 59000}", "has a price in each of EUR, IDR, USD"),
        ("  startup:", "  starting:", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, says: str) -> None:
    assert old in POSTGRESQL
    with pytest.raises(Broken) as refused:
        parse_component(POSTGRESQL.replace(old, new, 1), "postgresql.yaml")
    if says and not says.startswith("has a price"):
        line = next(number for number, text in enumerate(POSTGRESQL.splitlines(), 1) if old in text)
        assert any(one.line == line and says in one.sentence for one in refused.value.problems), str(refused.value)
    assert says in str(refused.value)


def test_databases_and_a_cache_can_be_added_to_every_template() -> None:
    assert {"postgresql", "mariadb", "mysql", "valkey"} <= set(ADDONS)
    for template in load().values():
        assert [clash(template, addon) for addon in ADDONS.values()] == [""] * len(ADDONS)


@pytest.mark.parametrize("name", sorted(ADDONS))
@pytest.mark.parametrize(("template", "plan"), EVERY, ids=NAMES)
def test_it_fits_into_the_quota_and_is_as_closed_as_the_rest(template: Template, plan: Any, name: str) -> None:
    wanted = beside(template, name, plan=plan)
    addon = ADDONS[name]
    hard = named(wanted, "ResourceQuota")["plan"]["spec"]["hard"]
    largest = named(wanted, "LimitRange")["plan"]["spec"]["limits"]
    cores, memory = Decimal(0), 0
    for one, spec in pods(wanted):
        assert spec["securityContext"]["runAsNonRoot"]
        for part in spec["containers"]:
            assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert bytes_of(part["resources"]["limits"]["memory"]) <= bytes_of(largest[0]["max"]["memory"])
            assert cores_of(part["resources"]["limits"]["cpu"]) <= cores_of(largest[0]["max"]["cpu"])
            if one["kind"] == "Deployment":
                cores += cores_of(part["resources"]["limits"]["cpu"])
                memory += bytes_of(part["resources"]["limits"]["memory"])
    assert cores <= cores_of(hard["limits.cpu"]) - Decimal("0.5")
    assert memory <= bytes_of(hard["limits.memory"]) - (256 << 20)
    assert container_of(wanted, name)["resources"]["limits"]["memory"] == addon.component.memory
    claims = [bytes_of(one["spec"]["resources"]["requests"]["storage"]) for one in named(wanted, "PersistentVolumeClaim").values()]
    assert sum(claims) <= bytes_of(hard["requests.storage"])
    assert len(claims) == int(hard["persistentvolumeclaims"])
    assert max(claims) <= bytes_of(largest[1]["max"]["storage"])
    exposed = wanted.template.exposes
    before = next(spec for one, spec in pods(an_instance(template, plan)) if one["metadata"]["name"] == exposed)
    assert container_of(wanted, exposed)["resources"] == before["containers"][0]["resources"], "the plan stays the app's"


def test_the_app_finds_it_by_variables_whose_secrets_are_in_no_manifest() -> None:
    wanted = beside(TEMPLATES["container"], "postgresql", "valkey")
    found = environment(container_of(wanted, "web"))
    assert found["PGHOST"] == "postgresql"
    assert found["PGPASSWORD"] == {"secretKeyRef": {"name": "secrets-postgresql", "key": "postgresql-password"}}
    assert found["DATABASE_URL"] == "postgresql://app:$(MOORAGE_SECRET_POSTGRESQL_PASSWORD)@postgresql:5432/app"
    assert found["REDIS_URL"] == "redis://:$(MOORAGE_SECRET_VALKEY_PASSWORD)@valkey:6379/0"
    names = [one["name"] for one in container_of(wanted, "web")["env"]]
    assert names.index("MOORAGE_SECRET_POSTGRESQL_PASSWORD") < names.index("DATABASE_URL"), "it is expanded only from there"
    assert len(names) == len(set(names))
    values = draw(wanted.template)
    assert not any(value in json.dumps(objects(wanted)) for value in values.values())
    assert homes(wanted) == {"secrets-postgresql": ("postgresql-password",), "secrets-valkey": ("valkey-password",)}


def test_what_somebody_else_said_stays_and_is_told() -> None:
    given_before = {"image": "a/b:1", "environment": {"DATABASE_URL": "mine://", "PGPORT": "1"}}
    wanted = beside(TEMPLATES["container"], "postgresql", "mysql", parameters=given_before)
    found = environment(container_of(wanted, "web"))
    assert (found["DATABASE_URL"], found["PGPORT"], found["PGHOST"]) == ("mine://", "1", "postgresql")
    taken = {(one.component, one.variable): one.taken_by for one in connections(wanted) if one.taken_by}
    assert taken == {
        ("postgresql", "DATABASE_URL"): "customer",
        ("postgresql", "PGPORT"): "customer",
        ("mysql", "DATABASE_URL"): "customer",
    }
    both = beside(TEMPLATES["container"], "mysql", "postgresql")
    assert [one.taken_by for one in connections(both) if one.variable == "DATABASE_URL"] == ["", "mysql"]
    assert given(both)["DATABASE_URL"].startswith("mysql://")
    named_so = TEMPLATES["container"].model_copy(
        update={"components": (TEMPLATES["container"].components[0].model_copy(update={"environment": {"PGHOST": "theirs"}}),)}
    )
    own = beside(named_so, "postgresql")
    assert environment(container_of(own, "web"))["PGHOST"] == "theirs"
    assert [one.taken_by for one in connections(own) if one.variable == "PGHOST"] == ["template"]


def test_a_template_may_call_them_otherwise() -> None:
    template = TEMPLATES["container"].model_copy(update={"connections": {"valkey": {"APP_CACHE": "REDIS_URL"}}})
    found = environment(container_of(beside(template, "valkey", "postgresql"), "web"))
    assert found["APP_CACHE"] == "redis://:$(MOORAGE_SECRET_VALKEY_PASSWORD)@valkey:6379/0"
    assert "REDIS_URL" not in found
    assert found["PGHOST"] == "postgresql"


def test_it_comes_before_the_app_and_no_step_is_run_again() -> None:
    wanted = beside(TEMPLATES["wordpress"], "valkey")
    inside = next(step for step in desired(wanted) if step.phase is Phase.INSIDE)
    assert {"valkey", "database"} == {one["metadata"]["name"] for one in inside.objects if one["kind"] == "Deployment"}
    assert named(wanted, "Job").keys() == named(an_instance(TEMPLATES["wordpress"]), "Job").keys()


def test_taken_away_it_leaves_its_volume_and_nothing_else() -> None:
    wanted = beside(TEMPLATES["container"], "postgresql", keeping=Keeping.KEPT)
    assert list(named(wanted, "PersistentVolumeClaim")) == ["postgresql-data"]
    assert list(named(wanted, "Deployment")) == ["web"]
    assert not given(wanted)
    hard = named(wanted, "ResourceQuota")["plan"]["spec"]["hard"]
    assert (hard["persistentvolumeclaims"], bytes_of(hard["requests.storage"])) == ("1", (5 + 1) << 30)
    assert not discarded(wanted)


def test_only_what_is_new_or_given_up_may_lose_data() -> None:
    claim = ("data", "PersistentVolumeClaim", "postgresql-data")
    new = beside(TEMPLATES["container"], "postgresql")
    stood = replace(new, additions=(replace(new.additions[0], made=True),))
    assert (agreement(new), agreement(stood)) == ({claim}, frozenset())
    gone = replace(stood, additions=(replace(stood.additions[0], keeping=Keeping.DISCARDED),))
    assert (agreement(gone), discarded(gone)) == ({claim}, ("postgresql-data",))
    assert not named(replace(gone, template=TEMPLATES["container"]), "PersistentVolumeClaim")


def test_a_part_with_the_same_name_stands_in_its_way() -> None:
    addon: AddOn = ADDONS["postgresql"]
    taken = joined(TEMPLATES["container"], [addon])
    assert clash(taken, addon) == "postgresql"
