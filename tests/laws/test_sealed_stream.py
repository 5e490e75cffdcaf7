"""Laws of sealed streams and bundles: what goes in comes out, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth import sealed_stream
from app.auth.seal import Seal
from app.auth.sealed_stream import CHUNK, opened, sealed
from models.domain.errors import Invalid, Misconfigured, PlatformError
from provisioner import bundle

SEAL = Seal({"k1": bytes(32), "k2": bytes(range(32))}, "k2")
HEAD = len(sealed_stream.MAGIC) + 1 + 2 + 32 + 32
SIZES = st.one_of(st.integers(0, 50), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7]))
FEW = settings(max_examples=40, deadline=None)


def content(size: int, seed: int = 0) -> bytes:
    return bytes((n * 31 + seed) % 251 for n in range(size))


def cut(whole: bytes, step: int) -> Iterator[bytes]:
    return (whole[begin : begin + step] for begin in range(0, len(whole), step))


@FEW
@given(size=SIZES, wrote=st.integers(1, 3 * CHUNK), read=st.integers(1, 3 * CHUNK))
def test_however_it_is_cut_it_comes_out_as_it_went_in(size: int, wrote: int, read: int) -> None:
    whole = content(size)
    stream = b"".join(sealed(cut(whole, max(wrote, size // 50 + 1)), SEAL, "a"))
    assert b"".join(opened(cut(stream, max(read, size // 50 + 1)), SEAL, "a")) == whole
    assert len(stream) == HEAD + size + 16 * max(1, -(-size // CHUNK))


@FEW
@given(size=SIZES, at=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_no_byte_can_be_changed(size: int, at: int, flip: int) -> None:
    stream = bytearray(b"".join(sealed([content(size)], SEAL, "a")))
    stream[at % len(stream)] ^= flip
    with pytest.raises(PlatformError):
        list(opened([bytes(stream)], SEAL, "a"))


@FEW
@given(size=SIZES, kept=st.integers(0, 10**9))
def test_it_cannot_be_cut_off_anywhere(size: int, kept: int) -> None:
    stream = b"".join(sealed([content(size)], SEAL, "a"))
    with pytest.raises(Invalid):
        list(opened([stream[: kept % len(stream)]], SEAL, "a"))


@pytest.mark.parametrize("chunks", [2, 3])
def test_cut_off_between_chunks_put_in_another_order_repeated_or_joined_it_does_not_open(chunks: int) -> None:
    stream = b"".join(sealed([content(chunks * CHUNK)], SEAL, "a"))
    other = b"".join(sealed([content(chunks * CHUNK, seed=1)], SEAL, "a"))
    length = CHUNK + 16
    head, parts = stream[:HEAD], [stream[HEAD + n * length : HEAD + (n + 1) * length] for n in range(chunks)]
    foreign = other[HEAD : HEAD + length]
    for broken in (parts[:-1], parts[::-1], [parts[0], *parts], [foreign, *parts[1:]], parts[1:], [*parts, parts[-1]]):
        with pytest.raises(Invalid, match="damaged"):
            list(opened([head, *broken], SEAL, "a"))
    assert b"".join(opened([head, *parts], SEAL, "a")) == content(chunks * CHUNK)


def test_another_key_another_purpose_and_a_lost_key_are_said() -> None:
    stream = b"".join(sealed([b"secret"], SEAL, "app-backup:ins_1"))
    with pytest.raises(Misconfigured, match="key does not open this backup"):
        list(opened([stream], SEAL, "app-backup:ins_2"))
    with pytest.raises(Misconfigured, match="key does not open this backup"):
        list(opened([stream], Seal({"k2": bytes(32)}, "k2"), "app-backup:ins_1"))
    with pytest.raises(Misconfigured, match="not in the key file"):
        list(opened([stream], Seal({"k1": bytes(32)}, "k1"), "app-backup:ins_1"))
    with pytest.raises(Invalid, match="no backup that Moorage sealed"):
        list(opened([b"something else"], SEAL, "a"))
    newer = Seal({"k2": bytes(range(32)), "k3": bytes(31) + b"x"}, "k3")
    assert b"".join(opened([stream], newer, "app-backup:ins_1")) == b"secret", "after the key was replaced"


def test_two_streams_of_the_same_content_have_nothing_in_common() -> None:
    one, two = (b"".join(sealed([content(CHUNK)], SEAL, "a")) for _ in range(2))
    assert one[HEAD:] != two[HEAD:]
    assert not {one[n : n + 16] for n in range(HEAD, len(one), 16)} & {two[n : n + 16] for n in range(HEAD, len(two), 16)}


def test_never_more_than_a_few_chunks_are_held() -> None:
    handed = taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal handed
        for _ in range(200):
            handed += CHUNK
            yield bytes(CHUNK)

    for piece in opened(sealed(endless(), SEAL, "a"), SEAL, "a"):
        taken += len(piece)
        assert handed - taken <= 4 * CHUNK
    assert taken == 200 * CHUNK


PARTS = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3), st.lists(st.binary(max_size=60), max_size=5)),
    max_size=5,
)


@FEW
@given(parts=PARTS, step=st.integers(1, 40), unread=st.booleans())
def test_parts_come_out_of_a_bundle_as_they_went_in(
    parts: list[tuple[dict[str, str], list[bytes]]], step: int, unread: bool
) -> None:
    whole = b"".join(bundle.pack(parts))
    found: list[tuple[Any, bytes]] = []
    for head, pieces in bundle.unpack(cut(whole, step)):
        found.append((head, b"" if unread else b"".join(pieces)))
    assert found == [(head, b"" if unread else b"".join(pieces)) for head, pieces in parts]


@FEW
@given(parts=PARTS, kept=st.integers(0, 10**9))
def test_a_bundle_that_ends_too_early_is_none(parts: list[tuple[dict[str, str], list[bytes]]], kept: int) -> None:
    whole = b"".join(bundle.pack(parts))
    with pytest.raises(Invalid):
        list(bundle.unpack([whole[: kept % len(whole)]]))


def test_what_stands_behind_the_end_is_refused() -> None:
    whole = b"".join(bundle.pack([({}, [b"x"])]))
    with pytest.raises(Invalid):
        list(bundle.unpack([whole, b"Z\x00\x00\x00\x00"]))
    with pytest.raises(Invalid):
        list(bundle.unpack([whole, b"x"]))
