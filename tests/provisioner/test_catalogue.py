"""Templates are read whole or refused with file, line and sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.domain.errors import Invalid
from provisioner.catalogue import FOLDER, load, parse
from provisioner.catalogue.loading import Broken
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.wanted import check_parameters

GHOST = (FOLDER / "ghost.yaml").read_text(encoding="utf-8")


def refusal(text: str) -> tuple[int, str]:
    with pytest.raises(Broken) as refused:
        parse(text, "ghost.yaml")
    first = refused.value.problems[0]
    assert str(first).startswith(f"ghost.yaml:{first.line}: ")
    return first.line, first.sentence


def line_of(part: str) -> int:
    return next(number for number, line in enumerate(GHOST.splitlines(), 1) if part in line)


def test_the_catalogue_can_be_read() -> None:
    found = load()
    assert {"n8n", "ghost", "wordpress", "container"} <= set(found)
    for template in found.values():
        assert template.plans[0].trial_days
        assert bytes_of(template.plans[0].memory) <= bytes_of(template.plans[-1].memory)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("category: publishing", "category: blogs", "category: Input should be"),
        ("    grace_seconds: 65", "    grace_second: 65", "grace_second: is not known here"),
        ("    grace_seconds: 65", "    grace_seconds: soon", "grace_seconds"),
        ("    cpu_share: 0.6", "    cpu_share: 6", "cpu_share"),
        ("      url: ${url}", "      url: ${adress}", "“${adress}” refers to nothing"),
        ("password: ${secret.database-password}", "password: ${secret.databse}", "“${secret.databse}” refers to nothing"),
        ("exposes: web", "exposes: site", "there is no component “site”"),
        ("category: publishing", "name: Ghoul", "“name” stands here twice"),
        ("category: publishing", "category: blogs: new", "this is not YAML"),
        ("memory: 2Gi", "memory: 2G", "write 512Mi or 10Gi"),
        ("EUR: 2700", "CHF: 2700", "has a price in each of EUR, IDR, USD"),
        ("  - {of: web, files: [content]}", "  - {of: web, files: [contents]}", "has no volume “contents”"),
        ("      MYSQL_PASSWORD_FILE: database-password", "      MYSQL_PASSWORD_FILE: passwort", "there is no secret “passwort”"),
        ("    of: web", "    of: site", "there is no component “site”"),
        ("exposes: web", "connections: {redis: {A: B}}\nexposes: web", "there is no component “redis” that could be added"),
        ("proof:", "proof:\n  kind: basic", "a basic sign-in has the fields user and password"),
        ("owner-password: {kind: password, length: 20}", "owner-password: {kind: argon2, length: 20}", "says `of` which secret"),
        ("exposes: web", "connections: {valkey: {A: B}}\nexposes: web", "“valkey” gives no variable “B”"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, says: str) -> None:
    assert old in GHOST
    number, sentence = refusal(GHOST.replace(old, new, 1))
    assert says in sentence
    assert number == line_of(old)


def test_shares_add_up() -> None:
    changed = GHOST.replace("    memory_share: 0.5\n    grace_seconds: 65", "    memory_share: 0.4\n    grace_seconds: 65")
    assert refusal(changed) == (line_of("components:"), "the memory_share of all components must add up to 1")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("id: one\nname: 3\n")
    (tmp_path / "two.yaml").write_text(GHOST)
    with pytest.raises(Broken) as refused:
        load(tmp_path)
    said = str(refused.value)
    assert "one.yaml:1: words: is missing" in said
    assert "two.yaml:1: the id is “ghost”; it must be the name of the file, “two”" in said


def test_a_licence_that_forbids_resale_says_so() -> None:
    found = load()
    assert found["n8n"].licence.resale == "agreement"
    assert "agreement" in found["n8n"].licence.note


@pytest.mark.parametrize(("text", "cores"), [("250m", "0.25"), ("1", "1"), ("1.5", "1.5")])
def test_cores(text: str, cores: str) -> None:
    assert str(cores_of(text)) == cores


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1,5", "many", "1e3"])
def test_no_cores(text: str) -> None:
    with pytest.raises(ValueError, match="write 250m"):
        cores_of(text)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "image"),
        ({"image": "no image"}, "image"),
        ({"image": "UPPER/case"}, "image"),
        ({"image": "a", "port": 0}, "port"),
        ({"image": "a", "port": "80a"}, "port"),
        ({"image": "a", "port": True}, "port"),
        ({"image": "a", "copies": 11}, "copies"),
        ({"image": "a", "health": "health"}, "health"),
        ({"image": "a", "environment": {"A B": "x"}}, "environment"),
        ({"image": "a", "environment": {"A": 3}}, "environment"),
        ({"image": "a", "command": "rm -rf"}, "command"),
        ({"image": "a", "volume": "/"}, "volume"),
    ],
)
def test_parameters_that_cannot_be(given: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_parameters(load()["container"], given)
    assert refused.value.field == field


def test_parameters_are_filled_in() -> None:
    found = check_parameters(load()["container"], {"image": " ghcr.io/a/b@sha256:" + "0" * 64 + " ", "port": "9000"})
    assert found == {"image": "ghcr.io/a/b@sha256:" + "0" * 64, "port": 9000, "health": "/", "copies": 1}
