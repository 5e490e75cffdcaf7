"""The description of the API is whole: every operation says what it does, how it fails, and what an answer looks like."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.api import problems
from app.api.main import EXAMPLES, api
from tests.api.conftest import Program
from tests.api.paths import answered, operations

SCHEMA = api.openapi()
OPERATIONS = [(method, path, operation) for path, methods in SCHEMA["paths"].items() for method, operation in methods.items()]
NAMES = [operation["operationId"] for _, _, operation in OPERATIONS]


def test_names_are_unique_and_speak() -> None:
    assert len(set(NAMES)) == len(NAMES) > 40
    assert all("_" in name and name.islower() for name in NAMES)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_an_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert not operation["summary"].endswith(".")
    assert operation["tags"]
    for status in ("401", "422"):
        content = operation["responses"][status]["content"]
        assert "application/problem+json" in content, f"{status} is not described as a problem"
    if "{" in path and not path.startswith(("/v1/nodes/{name}/samples",)):
        assert "404" in operation["responses"]
    keyed = any(one["name"] == "Idempotency-Key" and one["required"] for one in operation.get("parameters", ()))
    assert keyed == (method == "post"), "every POST wants a key, and nothing else does"


def test_failures_have_one_shape() -> None:
    shapes = {
        json.dumps(answer["content"]["application/problem+json"]["schema"], sort_keys=True)
        for _, _, operation in OPERATIONS
        for status, answer in operation["responses"].items()
        if not status.startswith("2")
    }
    assert len(shapes) == 1


@pytest.mark.parametrize("status", sorted(problems.EXAMPLES))
def test_a_failure_is_shown_as_it_is_met(status: int) -> None:
    shown = problems.example(status)
    assert problems.STATUS.get(shown.code, status) == status
    assert shown.title == problems.TITLES[status]


def test_every_failure_has_an_example() -> None:
    for name, _, operation in operations(SCHEMA):
        for status, answer in operation["responses"].items():
            if not status.startswith("2"):
                shown = answer["content"]["application/problem+json"]["example"]
                assert str(shown["status"]) == status, name


def test_the_example_of_who_is_not_signed_in_is_the_real_answer(program: Program) -> None:
    assert program.client.get("/v1/me").json() == problems.example(401).model_dump()


def test_every_body_has_an_example() -> None:
    for name, _, operation in operations(SCHEMA):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            shape = SCHEMA["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            assert any("examples" in one for one in shape["properties"].values()), name


def test_what_a_cursor_or_a_range_may_be_refused_with_is_described() -> None:
    for _, path, operation in OPERATIONS:
        if {one["name"] for one in operation.get("parameters", ())} & {"cursor", "since", "until"}:
            assert "400" in operation["responses"], path


def test_lists_are_cut_the_same_way() -> None:
    for _, path, operation in OPERATIONS:
        names = {one["name"] for one in operation.get("parameters", ())}
        assert ("cursor" in names) <= ("limit" in names), path


def test_the_two_ways_to_sign_in_are_declared() -> None:
    assert SCHEMA["security"] == [{"token": []}, {"session": []}]
    assert set(SCHEMA["components"]["securitySchemes"]) == {"token", "session"}


def test_every_operation_has_a_real_answer_beside_it(program: Program) -> None:
    """With MOORAGE_WRITE_EXAMPLES=1 the answers of the demo are written anew."""
    if os.environ.get("MOORAGE_WRITE_EXAMPLES"):
        EXAMPLES.write_text(json.dumps(dict(sorted(answered(program).items())), indent=1, ensure_ascii=False) + "\n")
    known = json.loads(EXAMPLES.read_text())
    empty = {name for name, _, operation in operations(SCHEMA) if "204" in operation["responses"]}
    assert set(known) == set(NAMES) - empty


@pytest.mark.parametrize("name", sorted(json.loads(EXAMPLES.read_text())))
def test_an_example_fits_its_schema(name: str) -> None:
    _, _, operation = next(one for one in OPERATIONS if one[2]["operationId"] == name)
    answer = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    (content,) = answer["content"].values()
    example = json.loads(EXAMPLES.read_text())[name]
    schema = {**content["schema"], "components": SCHEMA["components"]}
    Draft202012Validator(schema).validate(example)
