"""The catalogue of texts: nothing missing, nothing that does not fit, nothing that nobody says."""

from __future__ import annotations

import ast
import importlib
import re
import string
from pathlib import Path

import pytest

from app.ui import navigation
from app.ui.messages import CATALOGUES, CUSTOMER, Say, plain

ROOT = Path(__file__).resolve().parents[2]
FILES = [*sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "app" / "ui").glob("*.py"))]
ENGLISH = CATALOGUES["en"]


def said(source: str) -> set[str]:
    """Keys that stand literally in calls of `say(...)`, `say.text(...)` and `layout.empty(viewer, ...)`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        place = 1 if name in ("layout.empty",) else 0
        if re.search(r"(^|\.)(say|text)$", name) or place:
            for argument in node.args[place : place + 1]:
                choices = (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,)
                found |= {c.value for c in choices if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return {key for key in found if re.fullmatch(r"[a-z_]+(\.[\w-]+)+", key)}


def fields(text: str | tuple[str, str]) -> set[str]:
    patterns = (text,) if isinstance(text, str) else text
    return {name for p in patterns for _, name, _, _ in string.Formatter().parse(p) if name}


def test_the_search_finds_keys() -> None:
    assert said('st.markdown(say("a.b"))\nsay.text("c.d" if x else "e.f", n=1)\nlayout.empty(viewer, "g.h")') == {
        "a.b",
        "c.d",
        "e.f",
        "g.h",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_key_that_is_said_exists(path: Path) -> None:
    assert said(path.read_text()) - set(ENGLISH) == set()


def test_every_page_and_section_has_a_title() -> None:
    wanted = {f"page.{e.name}" for e in navigation.ENTRIES} | {f"section.{e.section}" for e in navigation.ENTRIES}
    assert wanted <= CUSTOMER


@pytest.mark.parametrize("language", [code for code in CATALOGUES if code != "en"])
def test_what_customers_read_is_there_in_every_language(language: str) -> None:
    assert CUSTOMER - set(CATALOGUES[language]) == set()
    assert set(CATALOGUES[language]) - CUSTOMER == set(), "texts that no English page has"


@pytest.mark.parametrize("language", [code for code in CATALOGUES if code != "en"])
def test_translations_take_the_same_values(language: str) -> None:
    for key, text in CATALOGUES[language].items():
        assert fields(text) == fields(ENGLISH[key]), key
        assert isinstance(text, tuple) == isinstance(ENGLISH[key], tuple), key


def test_indonesian_has_one_word_for_e_mail_on_pages_forms_and_in_mails() -> None:
    from app.auth.forms import indonesian as forms
    from app.gateways import mail_texts
    from app.ui.messages import failures_indonesian

    said = " ".join(map(str, (CATALOGUES["id"], forms.__dict__, failures_indonesian.SENTENCES, mail_texts.TEXTS["id"])))
    assert "alamat email" in said
    assert "surel" not in said.lower()


def test_no_module_defines_a_text_of_another_one_again() -> None:
    names = sorted(path.stem for path in (ROOT / "app" / "ui" / "messages").glob("*_english.py"))
    modules = [importlib.import_module(f"app.ui.messages.{name}") for name in names]
    parts = [one for module in modules for one in (module.TEXTS, getattr(module, "STAFF", {}))]
    assert len(parts) > 4
    assert len(ENGLISH) == sum(len(part) for part in parts)


def test_customer_pages_say_only_what_every_language_has() -> None:
    files = [*(ROOT / "pages" / "customer").glob("*.py")]
    files += [
        ROOT / "app" / "ui" / f"{name}.py"
        for name in (
            "app_panels",
            "account_forms",
            "upkeep_panels",
            "token_forms",
            "people_panels",
            "frame",
            "offer_cards",
            "checkout_form",
            "order_progress",
            "parameter_fields",
            "listed_fields",
        )
    ]
    assert set().union(*(said(f.read_text()) for f in files)) - CUSTOMER <= {"table.staff"}


def test_a_value_is_letters_and_nothing_else() -> None:
    said_aloud = Say("en")("gauge.with_trials", date="**bold** [link](http://x) :red[c] $x$ <b>")
    assert "**" not in said_aloud.replace("\\*\\*", "")
    assert plain(plain("a*b")) == plain("a*b")
