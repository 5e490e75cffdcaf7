"""The commands of backups run for real on this machine: files with shell and tar, PostgreSQL with its own programs; sealed on the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from app.auth import sealed_stream
from app.auth.seal import Seal
from provisioner import app_backups
from provisioner.app_backups import Measured
from provisioner.catalogue import Template
from provisioner.catalogue.addons import component_named, joined
from provisioner.cluster.commands import CommandFailed, Place
from tests.own_postgres import own_postgres
from tests.provisioner.orders import TEMPLATES, an_instance

SEAL = Seal({"k": bytes(range(32))}, "k")
HOSTILE = b"\x00\xff'\";$(reboot)\r\n\x04\x1a" + "日本 é".encode() + bytes(range(256)) * 20_000
WORDS = 'it\'s "quoted"; -- \\ \n 日本 é ☕ $(id) %s'


@dataclass
class Local:
    """Commands as this machine runs them; paths of the container stand for others here."""

    environment: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def run(self, place: Place, command: Sequence[str], given: Iterable[bytes] | None = None, length: int = 0) -> Iterator[bytes]:
        words = [self.paths.get(word, word) for word in command]
        content = None if given is None else b"".join(given)
        assert content is None or len(content) == length
        done = subprocess.run(words, input=content, capture_output=True, env=os.environ | dict(self.environment), check=False)
        yield from (done.stdout[begin : begin + 65_536] for begin in range(0, len(done.stdout), 65_536))
        if done.returncode:
            raise CommandFailed(done.returncode, done.stderr.decode())


def saved(commands: Local, template: Template) -> tuple[bytes, Measured]:
    wanted = an_instance(template)
    where = {part.of: Place("here", "here", part.of) for part in app_backups.parts(template)}
    measured = Measured()
    content = app_backups.read(commands, wanted, where, measured)
    return b"".join(sealed_stream.sealed(content, SEAL, "a")), measured


def brought_back(commands: Local, template: Template, kept: tuple[bytes, Measured]) -> None:
    stream, measured = kept
    sizes = {(of, what): size for of, what, size in measured.parts}
    wanted = an_instance(template)
    parts = app_backups.parts(template)
    app_backups.check(sealed_stream.opened([stream], SEAL, "a"), template, list(sizes))
    where = {part.of: Place("here", "here", part.of) for part in parts}
    app_backups.write(commands, wanted, where, sealed_stream.opened([stream], SEAL, "a"), sizes)


def tree(folder: Path) -> dict[str, object]:
    """Everything below, by name: content, where a link leads, or that it is a directory; and its mode."""
    found: dict[str, object] = {}
    for one in sorted(folder.rglob("*")):
        what = os.readlink(one) if one.is_symlink() else one.read_bytes() if one.is_file() else "directory"
        found[str(one.relative_to(folder))] = what if one.is_symlink() else (what, one.stat().st_mode & 0o777)
    return found


def test_files_come_back_as_they_were_and_nothing_else_is_left(tmp_path: Path) -> None:
    volume = tmp_path / "data"
    (volume / "deep" / "er").mkdir(parents=True)
    for name in ("plain", ".hidden", "..two", "-rf", "with space", "line\nbreak", 'it\'s "x" é', "*", "--help"):
        (volume / name).write_bytes(name.encode() + HOSTILE[:999])
    (volume / "deep" / "er" / "large").write_bytes(HOSTILE)
    (volume / "deep" / "runs").write_text("#!/bin/sh\n")
    (volume / "deep" / "runs").chmod(0o750)
    (volume / "dangling").symlink_to("nowhere")
    (volume / "empty").mkdir()
    (volume / "lost+found").mkdir()
    before = tree(volume)
    commands, n8n = Local(paths={"/home/node/.n8n": str(volume)}), TEMPLATES["n8n"]
    stream = saved(commands, n8n)
    (volume / "plain").unlink()
    (volume / "deep" / "er" / "large").write_text("overwritten")
    (volume / ".later").write_text("came afterwards")
    (volume / "new").mkdir()
    brought_back(commands, n8n, stream)
    assert tree(volume) == before


def test_an_empty_volume_comes_back_empty_and_a_missing_one_is_a_failure(tmp_path: Path) -> None:
    volume = tmp_path / "data"
    volume.mkdir()
    commands, n8n = Local(paths={"/home/node/.n8n": str(volume)}), TEMPLATES["n8n"]
    stream = saved(commands, n8n)
    (volume / "later").write_text("x")
    brought_back(commands, n8n, stream)
    assert tree(volume) == {}
    volume.rmdir()
    with pytest.raises(CommandFailed):
        saved(commands, n8n)
    with pytest.raises(CommandFailed):
        brought_back(commands, n8n, stream)


@pytest.mark.loopback
@pytest.mark.parametrize("template", [joined(TEMPLATES["container"], [component_named("postgresql")]), TEMPLATES["umami"]])
def test_a_postgresql_comes_back_as_it_was(tmp_path: Path, template: Template) -> None:
    """With the commands of the component that customers add, and with those of the apps that bring one along."""
    password = tmp_path / "password"
    password.write_text("unused, this server trusts")
    with own_postgres() as server:
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("CREATE ROLE app LOGIN SUPERUSER")
            admin.execute("CREATE DATABASE app OWNER app")
        commands = Local({"PGPORT": str(server.port), "POSTGRES_PASSWORD_FILE": str(password)})
        dsn = f"host=127.0.0.1 port={server.port} user=app dbname=app"
        with psycopg.connect(dsn) as mine:
            mine.execute("CREATE TABLE kept (id serial PRIMARY KEY, words text UNIQUE, raw bytea)")
            mine.execute("INSERT INTO kept (words, raw) VALUES (%s, %s), (NULL, NULL)", (WORDS, HOSTILE))
        stream = saved(commands, template)
        with psycopg.connect(dsn) as mine:
            mine.execute("UPDATE kept SET words = 'gone', raw = NULL WHERE id = 1")
            mine.execute("INSERT INTO kept (words) VALUES ('later')")
            mine.execute("CREATE TABLE later (id int)")
        brought_back(commands, template, stream)
        with psycopg.connect(dsn) as mine:
            assert mine.execute("SELECT id, words, raw FROM kept ORDER BY id").fetchall() == [(1, WORDS, HOSTILE), (2, None, None)]
            mine.execute("INSERT INTO kept (words) VALUES ('next')")
            assert mine.execute("SELECT max(id) FROM kept").fetchone() == (3,), "the sequence goes on where it was"
            if template.id == "umami":
                assert mine.execute("SELECT to_regclass('later')").fetchone() == (None,), "a newer version's tables go"
            mine.execute("DROP TABLE kept")
        brought_back(commands, template, stream)
        with psycopg.connect(dsn) as mine:
            assert mine.execute("SELECT count(*) FROM kept").fetchone() == (2,)
