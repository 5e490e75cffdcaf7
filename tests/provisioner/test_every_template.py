"""What every template of the catalogue must hold with every plan; a new one is tested by being there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from argon2 import PasswordHasher

from provisioner.app_backups import parts
from provisioner.catalogue import Component, Plan, Template
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.catalogue.schema import REFERENCE
from provisioner.desired import Phase, desired
from provisioner.labels import Object
from provisioner.secrets import draw, homes, sealed
from provisioner.wanted import Wanted
from tests.provisioner.orders import EVERY, NAMES, TEMPLATES, an_instance

every = pytest.mark.parametrize(("template", "plan"), EVERY, ids=NAMES)
each = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
LEAST_MEMORY, LEAST_CLAIM = 48 << 20, 100 << 20
"""What a container can start with at all, and the smallest volume that the limits of a namespace allow."""
_SET = re.compile(r"\b([A-Z][A-Z0-9_]*)=")
_USED = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)")


def made(wanted: Wanted, *kinds: str) -> Iterator[Object]:
    return (one for step in desired(wanted) for one in step.objects if one["kind"] in kinds)


@every
def test_every_container_has_room_and_is_watched(template: Template, plan: Plan) -> None:
    wanted = an_instance(template, plan)
    for one in made(wanted, "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert {"startupProbe", "readinessProbe"} <= container.keys()
        assert bytes_of(container["resources"]["limits"]["memory"]) >= LEAST_MEMORY, container["name"]
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] <= template.ready_within_seconds, "a start may last so long"
    for claim in made(wanted, "PersistentVolumeClaim"):
        assert bytes_of(claim["spec"]["resources"]["requests"]["storage"]) >= LEAST_CLAIM, claim["metadata"]["name"]


@every
def test_the_quota_has_room_for_the_new_pod_beside_the_old_one(template: Template, plan: Plan) -> None:
    """Where a Deployment is changed without a pause; a quota without room for it would hold the change up for ever."""
    wanted = an_instance(template, plan)
    (quota,) = made(wanted, "ResourceQuota")
    cores, memory = Decimal(0), 0
    for one in made(wanted, "Deployment"):
        pods = one["spec"]["replicas"] + (1 if one["spec"]["strategy"]["type"] == "RollingUpdate" else 0)
        (container,) = one["spec"]["template"]["spec"]["containers"]
        cores += cores_of(container["resources"]["limits"]["cpu"]) * pods
        memory += bytes_of(container["resources"]["limits"]["memory"]) * pods
    assert cores <= cores_of(quota["spec"]["hard"]["limits.cpu"])
    assert memory <= bytes_of(quota["spec"]["hard"]["limits.memory"])


@each
def test_drawn_values_are_the_same_whatever_changes(template: Template) -> None:
    """Another plan, a stop, a restart, a suspension: the Secrets have the same names and keys, so they are never drawn again."""
    first, last = an_instance(template, template.plans[0]), an_instance(template, template.plans[-1])
    for other in (
        last,
        replace(first, running=False),
        replace(first, restarts=3),
        replace(first, notice="Unpaid"),
        replace(first, still=True),
    ):
        assert homes(other) == homes(first)
    values = draw(template)
    assert values.keys() == template.secrets.keys()
    for home, names in homes(first).items():
        assert sealed(first, {name: values[name] for name in names}, home)["immutable"]
    for name, secret in template.secrets.items():
        assert secret.of is not None or len(values[name]) >= 8
        assert secret.of is None or values[secret.of] not in values[name]


def test_a_drawn_password_has_letters_of_both_sizes_and_a_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("a" * 20 + "aB" * 10 + "1b" * 10 + "aB3d" * 5)
    monkeypatch.setattr("provisioner.secrets.secrets.choice", lambda _: next(letters))
    template = TEMPLATES["ghost"]
    only = template.model_copy(update={"secrets": {"owner-password": template.secrets["owner-password"]}})
    assert draw(only) == {"owner-password": "aB3d" * 5}


def test_a_hash_is_that_of_the_drawn_value() -> None:
    values = draw(TEMPLATES["vaultwarden"])
    assert PasswordHasher().verify(values["admin-token-hash"], values["admin-token"])
    assert values["admin-token-hash"].startswith("$argon2id$v=19$")


@each
def test_a_backup_has_every_volume_and_its_commands_find_what_they_use(template: Template) -> None:
    components = {one.name: one for one in template.components}
    dumped = {one.of for one in template.backup if one.dump}
    files = {(one.of, name) for one in template.backup for name in one.files}
    for component in components.values():
        for volume in component.volumes:
            assert component.name in dumped or (component.name, volume.name) in files, (
                f"{component.name}/{volume.name} is not saved"
            )
    for one in template.backup:
        known = _known(components[one.of])
        for command in (one.dump, one.restore):
            script = " ".join(command)
            lacking = set(_USED.findall(script)) - known - set(_SET.findall(script))
            assert not lacking, f"{one.of} has no variables {lacking}"
    assert [part.of for part in parts(template)] == [
        one.of for one in template.backup for _ in range(bool(one.dump) + len(one.files))
    ]


def test_what_was_tried_for_one_postgresql_holds_for_all() -> None:
    """`test_backup_programs` runs the commands of one app for real."""
    found = {
        (one.dump, tuple(word.replace(" --no-owner", "") for word in one.restore))
        for template in TEMPLATES.values()
        for one in template.backup
        for component in template.components
        if component.name == one.of and component.image.startswith("postgres:")
    }
    assert len(found) == 1


@each
def test_who_signs_in_first_is_the_customer(template: Template) -> None:
    """A drawn password is given to the app before there is an entrance, and proven by a sign-in before the app is called ready."""
    secret = {name for one in template.credentials if one.secret for kind, name in REFERENCE.findall(one.value) if kind == "secret"}
    if not secret:
        assert template.category == "own", "what we make has an owner"
        return
    given = _given(template)
    hashes = {name for name, one in template.secrets.items() if one.of in secret}
    assert secret & given or hashes & given, "the app is never told the password that its owner gets"
    assert template.proof is not None
    assert secret <= {name for text in template.proof.fields.values() for _, name in REFERENCE.findall(text)}
    phases = [step.phase for step in desired(an_instance(template))]
    assert phases[-1] is Phase.ENTRANCE
    assert (Phase.SETUP in phases) == bool(template.setup)


@each
def test_it_is_described_to_people_in_both_languages(template: Template) -> None:
    assert template.words["en"].text != template.words["id"].text
    assert "surel" not in template.words["id"].summary + template.words["id"].text
    prices = [plan.price["IDR"] for plan in template.plans]
    assert prices == sorted(prices)
    assert [bytes_of(plan.memory) for plan in template.plans] == sorted(bytes_of(plan.memory) for plan in template.plans)
    assert [plan.people for plan in template.plans] == sorted(plan.people for plan in template.plans)


def _known(component: Component) -> set[str]:
    return {*component.environment, *component.secret_files}


def _given(template: Template) -> set[str]:
    """Secrets that the app is told, by its environment, files, or a setup step."""
    texts = [text for one in template.components for text in (*one.environment.values(), *one.arguments, *one.command)]
    texts += [text for step in template.setup for text in (*step.environment.values(), *step.command)]
    found = {name for text in texts for kind, name in REFERENCE.findall(text) if kind == "secret"}
    return found | {name for one in template.components for name in one.secret_files.values()}
