"""The target of backups of apps: whole or not at all, names that stay inside, sentences for what goes wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.gateways.backup_target import DirectoryTarget
from models.domain.errors import Invalid, NotFound, Unavailable


def test_what_was_put_is_there_until_it_is_deleted(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path / "far" / "away")
    assert list(target.names()) == []
    stored = target.put("ins_1/bak_1.1", [b"one", b"", b"two"])
    assert (stored.size, stored.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert b"".join(target.get("ins_1/bak_1.1")) == b"onetwo"
    assert target.size("ins_1/bak_1.1") == 6
    assert list(target.names()) == ["ins_1/bak_1.1"]
    assert target.delete("ins_1/bak_1.1")
    assert not target.delete("ins_1/bak_1.1")
    assert target.size("ins_1/bak_1.1") is None
    assert not (tmp_path / "far" / "away" / "ins_1").exists()
    with pytest.raises(NotFound):
        list(target.get("ins_1/bak_1.1"))


def test_what_breaks_off_leaves_nothing_and_what_was_there_before_stays(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path)
    target.put("ins_1/a", [b"before"])

    def broken() -> Iterator[bytes]:
        yield b"half"
        assert [name for name in target.names() if ".part-" in name], "a name of its own until it is whole"
        raise Unavailable("the dump ended")

    with pytest.raises(Unavailable, match="the dump ended"):
        target.put("ins_1/a", broken())
    assert list(target.names()) == ["ins_1/a"]
    assert b"".join(target.get("ins_1/a")) == b"before"


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    DirectoryTarget(tmp_path).put("ins_1/a", [b"x"])
    assert (tmp_path / "ins_1" / "a").stat().st_mode & 0o077 == 0
    assert (tmp_path / "ins_1").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../b", ".hidden", "a//b", "", "a b", "ä", "a/."])
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    target = DirectoryTarget(tmp_path)
    for call in (
        lambda: target.put(name, [b"x"]),
        lambda: list(target.get(name)),
        lambda: target.delete(name),
        lambda: target.size(name),
    ):
        with pytest.raises(Invalid):
            call()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(Unavailable, match="backups of apps cannot be used"):
        DirectoryTarget(tmp_path / "file").put("ins_1/a", [b"x"])
