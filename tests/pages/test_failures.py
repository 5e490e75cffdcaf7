"""Failures and the timeline in the reader's language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.container import Container
from app.ui import failures
from app.ui.messages import CATALOGUES, CUSTOMER, Say, plain
from models.domain import errors
from models.domain.access import MemberRole, Permission, job_actor
from models.domain.changesets import Purpose
from models.domain.errors import Invalid, NotFound, PlatformError
from models.store import members
from tests.pages.conftest import open_page, texts

ROOT = Path(__file__).resolve().parents[2]


def _trees(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text())


def _sentences() -> set[str]:
    """All texts of the services and the domain, with `{}` for values."""
    found = set()
    for tree in _trees("app/services", "app/auth", "models/domain", "provisioner"):
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def _actions(tree: ast.Module) -> Iterator[ast.expr]:
    """What is written as `action` of an audit row: at the call, in a variable before it, or handed to a function that takes it."""
    handed = {
        one.name: [a.arg for a in one.args.args].index("action")
        for one in tree.body
        if isinstance(one, ast.FunctionDef) and "action" in [a.arg for a in one.args.args]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("audit.record"):
            yield next(k.value for k in node.keywords if k.arg == "action")
        elif isinstance(node, ast.Call) and (place := handed.get(ast.unparse(node.func))) is not None:
            yield node.args[place]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "action":
            yield node.value


def _codes() -> set[str]:
    found: set[str] = set()
    for tree in _trees("app/services", "app/demo"):
        for value in _actions(tree):
            choices = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
            if ast.unparse(value) == "f'instances.{purpose.value}'":  # one for each purpose that this module works for
                said = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
                found |= {f"instances.{one.value}" for one in Purpose if f"Purpose.{one.name}" in said}
                continue
            for one in choices:
                assert isinstance(one, ast.Constant) or ast.unparse(one) == "action", ast.unparse(one)
            found |= {str(one.value) for one in choices if isinstance(one, ast.Constant)}
    return found


def _reader(language: str, *rights: Permission) -> Any:
    return cast(Any, SimpleNamespace(say=Say(language), actor=SimpleNamespace(everywhere=frozenset(rights))))


def test_every_action_that_services_record_has_words_in_every_language() -> None:
    codes = _codes()
    assert {"members.invite", "staff.join", "members.remove", "second_factor.disable", "demo.load"} <= codes
    assert {f"did.{code}" for code in codes} == {key for key in CUSTOMER if key.startswith("did.")}
    for catalogue in CATALOGUES.values():
        assert all(catalogue[f"did.{code}"] != code for code in codes)


def test_every_kind_of_failure_has_a_sentence_in_every_language() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, PlatformError)]
    wanted = {f"error.{k.code}" for k in kinds} - {"error.misconfigured"}  # told as unavailable
    assert len(kinds) > 8
    assert wanted <= CUSTOMER


@pytest.mark.parametrize("language", failures.SENTENCES)
def test_what_is_translated_is_really_said(language: str) -> None:
    known = failures.SENTENCES[language]
    assert set(known) - _sentences() == set(), "sentences that nobody says any more"
    assert all(english.count("{}") == own.count("{}") for english, own in known.items())


def test_known_sentences_keep_their_values_and_others_say_their_kind() -> None:
    said = failures.words(
        _reader("id"), Invalid("The password is too short: choose at least 12 characters, for example four words.")
    )
    assert "paling sedikit 12 huruf" in said
    assert "Peran" not in said
    assert failures.words(_reader("id"), NotFound("Something quite new is not here.")) == plain(Say("id").text("error.not_found"))
    assert failures.words(_reader("en"), NotFound("Something quite new")) == "Something quite new"


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.Misconfigured])
def test_who_can_mend_it_reads_the_whole_sentence_in_any_language(kind: type[PlatformError]) -> None:
    whole = kind("The file /srv/key is damaged.")
    assert failures.words(_reader("id", Permission.SEE_CLUSTER), whole) == plain(whole)
    for language in CATALOGUES:
        assert "srv" not in failures.words(_reader(language), whole)


def test_an_indonesian_page_says_nothing_english_of_a_failure_and_no_code_of_the_audit(small_demo: Container) -> None:
    from app.demo import sign_ins

    customer = sign_ins()[1].email
    with small_demo.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, customer)
        assert user is not None
    at = open_page(small_demo, customer, "customer/team")
    at.selectbox(key="change_who").set_value(user.id)
    at.selectbox(key="change_role").set_value(MemberRole.VIEWER)
    said = texts(at.button(key="change_save").click().run())
    assert "Ini pemilik terakhir" in said
    assert "last owner" not in said
    open_page(small_demo, customer, "customer/team").button(key="export_make").click().run()
    at = open_page(small_demo, customer, "customer/team")
    timeline = next(one.value for one in at.dataframe if "action" in one.value.columns)
    assert "Mengambil semua data" in list(timeline["action"])
    assert set(timeline["edge"]) == {"Portal"}
    assert not any("." in action for action in timeline["action"])
