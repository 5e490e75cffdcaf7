"""One mailbox under many spellings, one network under many addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.repeats import domains, mailbox, network

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Sari@Kopi.Example", "sari@kopi.example"),
        ("sari+trial2@kopi.example", "sari@kopi.example"),
        ("s.a.r.i+x@gmail.com", "sari@gmail.com"),
        ("sa.ri@googlemail.com", "sari@gmail.com"),
        ("sa.ri@kopi.example", "sa.ri@kopi.example"),
        ("+only@kopi.example", "+only@kopi.example"),
    ],
)
def test_a_mailbox_is_known_by_what_its_spellings_share(written: str, meant: str) -> None:
    assert mailbox(written) == meant


@given(WORD, WORD, WORD)
def test_a_detail_never_makes_another_mailbox(local: str, detail: str, domain: str) -> None:
    plain = f"{local}@{domain}.example"
    assert mailbox(f"{local}+{detail}@{domain}.example") == mailbox(plain) == mailbox(mailbox(plain))


@given(WORD, WORD)
def test_whoever_has_another_name_has_another_mailbox(one: str, other: str) -> None:
    assert (mailbox(f"{one}@kopi.example") == mailbox(f"{other}@kopi.example")) == (one == other)


def test_both_names_of_a_provider_are_looked_for() -> None:
    assert domains(mailbox("sari@googlemail.com")) == ("gmail.com", "googlemail.com")
    assert domains("sari@kopi.example") == ("kopi.example",)


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_neighbouring_addresses_are_one_network(address: str, meant: str) -> None:
    assert network(address) == meant
