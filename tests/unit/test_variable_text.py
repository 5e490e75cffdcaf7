"""What people type as environment variables is read as they mean it, and written so that it is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.variable_text import read, write
from models.domain.errors import Invalid

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.one_of(st.sampled_from("\"\\\n\r\t =#'nr$(\u2028\x0b"), st.characters(codec="utf-8")), max_size=20)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_read_back(variables: dict[str, str]) -> None:
    assert read(write(variables)) == variables


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\n\n B = two words \nC==x", {"A": "1", "B": "two words", "C": "=x"}),
        ('KEY="-----BEGIN\nabc=\n-----END\n"\nB=2', {"KEY": "-----BEGIN\nabc=\n-----END\n", "B": "2"}),
        ('A="one\\ntwo" \nB=say "hi"', {"A": "one\ntwo", "B": 'say "hi"'}),
        ('A="\\d\\\\n"', {"A": "\\d\\n"}),
        ('A=""', {"A": ""}),
        ("A=1\r\nB=2", {"A": "1", "B": "2"}),
    ],
)
def test_it_is_read_as_it_is_meant(text: str, found: dict[str, str]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "field"), [("A", "bad_environment"), ("1A=2", "bad_environment"), ('A="x', "bad_quotes"), ('A="x" y', "bad_quotes")]
)
def test_what_cannot_be_read_is_said(text: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(text)
    assert refused.value.field == field


def test_only_what_has_to_be_is_quoted() -> None:
    assert write({"A": "1 2", "B": "a\nb", "C": '"x"'}) == 'A=1 2\nB="a\nb"\nC="\\"x\\""'
