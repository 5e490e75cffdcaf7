"""Seal, passwords and one-time codes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from app.auth import passwords, tokens
from app.auth.forms import english, indonesian
from app.auth.forms.words import preferred
from app.auth.seal import Seal
from app.gateways import mail_texts
from models.domain.errors import Invalid, Misconfigured

KEY = Seal({"k1": b"1" * 32}, "k1")


@given(st.text(), st.text())
def test_what_was_sealed_opens_for_its_purpose_only(text: str, purpose: str) -> None:
    sealed = KEY.seal(text, purpose)
    assert KEY.unseal(sealed, purpose) == text
    assert sealed != KEY.seal(text, purpose), "the same text never looks the same twice"
    with pytest.raises(Invalid):
        KEY.unseal(sealed, purpose + "x")


@given(st.text(min_size=1), st.data())
def test_a_changed_value_does_not_open(text: str, data: st.DataObject) -> None:
    sealed = KEY.seal(text, "p")
    at = data.draw(st.integers(3, len(sealed) - 5))
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    with pytest.raises(Invalid):
        KEY.unseal(changed, "p")


def test_keys_rotate_and_old_values_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "seal.json"
    first = Seal.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed, signature = first.seal("secret", "p"), first.sign("text", "p")
    second = Seal.rotate(path)
    assert second.current != first.current
    assert second.unseal(sealed, "p") == "secret"
    assert second.stale(sealed)
    assert not second.stale(second.seal("secret", "p"))
    assert second.signed(signature, "text", "p")
    assert Seal.open(path).unseal(second.seal("newer", "p"), "p") == "newer"
    with pytest.raises(Misconfigured):
        first.unseal(second.seal("newer", "p"), "p")


def test_a_signature_is_good_for_its_text_and_purpose(tmp_path: Path) -> None:
    seal, other = Seal.open(tmp_path / "a"), Seal.open(tmp_path / "b")
    signature = seal.sign("text", "p")
    assert seal.signed(signature, "text", "p")
    assert not seal.signed(signature, "text", "q")
    assert not seal.signed(signature, "texts", "p")
    assert not other.signed(signature, "text", "p")


def test_a_key_file_that_others_can_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seal.json"
    Seal.open(path)
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        Seal.open(path)
    path.chmod(0o600)
    for content in ("", "[]", '{"current": "k1", "keys": {}}', json.dumps({"current": "k1", "keys": {"k1": "short"}})):
        path.write_text(content)
        with pytest.raises(Misconfigured):
            Seal.open(path)


def test_passwords_are_hashed_with_argon2id_at_full_strength() -> None:
    stored = passwords.hashed("four words are enough")
    facts = extract_parameters(stored)
    assert (facts.type.name, facts.memory_cost, facts.time_cost) == ("ID", 65536, 3)
    assert stored != passwords.hashed("four words are enough")
    right, wrong = passwords.verify(stored, "four words are enough"), passwords.verify(stored, "four words are enougH")
    assert (right.good, right.renewed, right.against) == (True, None, stored)
    assert not wrong.good


def test_nobody_and_a_damaged_hash_never_fit() -> None:
    assert not passwords.verify(None, "nobody has this password").good
    assert not passwords.verify("not a hash", "x").good


def test_a_weaker_hash_is_made_anew() -> None:
    weak = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
    from argon2 import PasswordHasher

    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("four words are enough")
    renewed = passwords.verify(stored, "four words are enough").renewed
    assert renewed
    assert extract_parameters(renewed).memory_cost == 65536
    assert not passwords.verify(weak, "x").good


@pytest.mark.parametrize(
    ("password", "sentence"),
    [("short", "too short"), ("a" * 300, "too long"), ("abab" * 5, "repeats"), ("Ayu Lestari Dewi", "own name")],
)
def test_a_password_that_may_not_be_chosen_says_why(password: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as refused:
        passwords.check(password, about=("ayu lestari dewi",))
    assert refused.value.field == "password"
    assert str(refused.value) in indonesian.ERRORS


def test_tokens_are_long_random_and_recognisable() -> None:
    made = {tokens.fresh() for _ in range(50)}
    assert len(made) == 50
    for secret, digest, hint in made:
        assert secret.startswith("moorage_")
        assert len(secret) == 8 + 43
        assert secret.startswith(hint)
        assert len(hint) == 12
        assert secret not in digest


def test_the_forms_say_everything_in_both_languages() -> None:
    assert english.TEXTS.keys() == indonesian.TEXTS.keys()
    for key, text in english.TEXTS.items():
        assert _names(text) == _names(indonesian.TEXTS[key]), key
        assert indonesian.TEXTS[key]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("id", "id"),
        ("ID-id,en", "id"),
        ("de", "en"),
        ("en;q=0.5,id;q=0.9", "id"),
        ("id;q=0", "en"),
        ("id;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_browsers_favourite_among_ours(header: str, language: str) -> None:
    assert preferred(header).language == language


@pytest.mark.parametrize("kind", mail_texts.TEXTS["en"])
@pytest.mark.parametrize("locale", ["en", "id-ID", "de"])
def test_every_mail_has_words_in_every_language_and_no_foreign_markup(kind: str, locale: str) -> None:
    facts = [
        "name",
        "until",
        "account",
        "inviter",
        "role",
        "at",
        "device",
        "network",
        "address",
        "change",
        "title",
        "body",
        "app",
        "template",
        "url",
        "number",
        "amount",
        "due",
        "stops",
    ]
    values = {name: f"<b>{name}</b>\nX" for name in facts}
    mail = mail_texts.render(kind, locale, link="https://portal.test/x?a=1&b=2", **values)
    assert "\n" not in mail.subject
    assert "<b>" not in mail.html
    text = mail_texts.TEXTS[mail_texts.language(locale)][kind]
    assert ("https://portal.test/x?a=1&b=2" in mail.text) is True
    assert text.heading.split("{")[0] in mail.text
    assert mail_texts.TEXTS["en"].keys() == mail_texts.TEXTS["id"].keys()


def _names(text: str) -> set[str]:
    from string import Formatter

    return {name for _, name, _, _ in Formatter().parse(text) if name}
