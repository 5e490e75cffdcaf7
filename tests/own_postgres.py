"""A PostgreSQL of one test alone, which it may stop, kill and start again without taking it from others."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.running_server import free_port


@dataclass(frozen=True, slots=True)
class OwnPostgres:
    """Its programs, its folder and its port."""

    programs: Path
    folder: Path
    port: int

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=moorage dbname=postgres"

    def start(self) -> None:
        """Returns when it answers."""
        self._control("start", "-w", "-t", "120", "-l", str(self.folder / "log"), "-o", f"-p {self.port} -k {self.folder} {QUICK}")

    def stop(self) -> None:
        """As in a power cut: nobody's transaction is ended in order."""
        self._control("stop", "-w", "-t", "120", "-m", "immediate")

    def ensure(self) -> None:
        """Start it when it does not run."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            self.start()

    def bounce(self) -> None:
        self.stop()
        self.start()

    def empty(self) -> None:
        """Nothing in it, and nobody connected to it."""
        with psycopg.connect(self.dsn, autocommit=True) as admin:
            admin.execute("DROP SCHEMA public CASCADE")
            admin.execute("CREATE SCHEMA public")

    def run(self, program: str, *arguments: str) -> None:
        """As the user postgres where the tests run as root, which PostgreSQL refuses to run as."""
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            user=user,
            check=False,
        )
        assert done.returncode == 0, f"{program} {arguments[0]} ended with {done.returncode}; see {self.folder}/log"

    def _control(self, what: str, *arguments: str) -> None:
        self.run("pg_ctl", what, "-D", str(self.folder / "data"), *arguments)


QUICK = "-c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40 -c shared_buffers=16MB"


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A fresh one that runs; stopped and taken away afterwards."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        missing = "no PostgreSQL is installed here that a test could stop"
        (pytest.fail if os.environ.get("MOORAGE_TEST_ALL") == "1" else pytest.skip)(missing)
    folder = Path(tempfile.mkdtemp(prefix="moorage-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    one = OwnPostgres(found[-1].parent, folder, free_port())
    try:
        one.run("initdb", "-D", str(folder / "data"), "-U", "moorage", "-A", "trust", "-N")
        one.start()
        with psycopg.connect(one.dsn) as asked:
            asked.execute("SELECT 1")
        yield one
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)
