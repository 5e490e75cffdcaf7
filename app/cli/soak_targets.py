"""What `moorage soak` kills, on which database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Found = dict[str, Any]
"""`work`: how many units were done; `problems`: what was lost, doubled or torn, in sentences."""


@dataclass(frozen=True, slots=True)
class Target:
    """`run` takes an empty folder, a number of kills, a seed and the server of PostgreSQL."""

    run: Callable[[Path, int, int, str], Found]
    postgres: bool = False


Stored = Callable[[str, Path, int, int], Found]


def _on_sqlite(test: Stored) -> Target:
    def run(folder: Path, kills: int, seed: int, _server: str) -> Found:
        url = f"sqlite:///{folder / 'store.sqlite'}"
        _migrate(url)
        return test(url, folder, kills, seed)

    return Target(run)


def _on_postgres(test: Stored) -> Target:
    def run(folder: Path, kills: int, seed: int, server: str) -> Found:
        with _database(server, folder) as url:
            _migrate(url)
            return test(url, folder, kills, seed)

    return Target(run, postgres=True)


def _migrate(url: str) -> None:
    from models import migrations
    from models.store.session import Store

    store = Store(url)
    migrations.upgrade(store)
    store.close()


def _provisioner(url: str, folder: Path, kills: int, seed: int) -> Found:
    from app.soak import provisioner

    verdict = provisioner.run(url, folder, kills=kills, seed=seed)
    return {"work": verdict.apps, "inside": verdict.inside, "problems": list(verdict.problems)}


def _renewals(url: str, folder: Path, kills: int, seed: int) -> Found:
    from app.soak import renewals

    verdict = renewals.run(url, folder, kills=kills, seed=seed)
    return {"work": verdict.invoices, "inside": verdict.inside, "problems": list(verdict.problems)}


def _jobs(url: str, folder: Path, kills: int, seed: int) -> Found:
    from app.soak import jobs

    verdict = jobs.run(url, folder, kills=kills, seed=seed)
    return {
        "work": verdict.noted,
        "inside": verdict.inside,
        "takeovers": verdict.takeovers,
        "overtaken": verdict.overtaken,
        "problems": list(verdict.problems),
    }


def _collector(uri: str, data_path: str, folder: Path, kills: int, seed: int) -> Found:
    from app.soak import collector

    found = collector.run(folder, kills=kills, seed=seed, uri=uri, data_path=data_path)
    return {"work": found.ticks, "inside": found.inside, "starting": found.starting, "problems": list(found.problems)}


def _writer(uri: str, data_path: str, _folder: Path, kills: int, seed: int) -> Found:
    from collectors.warehouse import kills as writer

    found = writer.run(uri, kills, data_path=data_path, seed=seed)
    counts = {"ticks are lost": found.lost, "ticks are there half or twice": found.wrong, "gaps are left": found.gaps}
    problems = [*found.problems, *(f"{number} {noun}" for noun, number in counts.items() if number)]
    if not found.windows_equal:
        problems.append("windows that were kept differ from windows made anew")
    return {"work": found.stored, "compactions": found.compactions, "problems": problems}


Test = Callable[[str, str, Path, int, int], Found]


def _on_file(test: Test) -> Target:
    return Target(lambda folder, kills, seed, _: test(str(folder / "warehouse.duckdb"), "", folder, kills, seed))


def _on_lake(test: Test) -> Target:
    return Target(lambda folder, kills, seed, _: test(f"ducklake:sqlite:{folder / 'catalogue.sqlite'}", "", folder, kills, seed))


def _on_shared_lake(test: Test) -> Target:
    def run(folder: Path, kills: int, seed: int, server: str) -> Found:
        from sqlalchemy import make_url

        with _database(server, folder) as url:
            at = make_url(url)
            parts = {"host": at.host, "port": at.port, "user": at.username, "password": at.password, "dbname": at.database}
            dsn = " ".join(f"{word}={value}" for word, value in parts.items() if value)
            return test(f"ducklake:postgres:{dsn}", f"{folder / 'lake'}/", folder, kills, seed)

    return Target(run, postgres=True)


@contextmanager
def _database(server: str, folder: Path) -> Iterator[str]:
    """A new database on the server, gone afterwards."""
    from sqlalchemy import create_engine, make_url, text

    name = folder.name.lower().replace("-", "_")
    engine = create_engine(make_url(server), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    finally:
        engine.dispose()


BY_NAME = {
    "jobs on SQLite": _on_sqlite(_jobs),
    "jobs on PostgreSQL": _on_postgres(_jobs),
    "provisioner on SQLite": _on_sqlite(_provisioner),
    "provisioner on PostgreSQL": _on_postgres(_provisioner),
    "renewals on SQLite": _on_sqlite(_renewals),
    "renewals on PostgreSQL": _on_postgres(_renewals),
    "collector on DuckDB": _on_file(_collector),
    "collector on DuckLake": _on_lake(_collector),
    "collector on DuckLake in PostgreSQL": _on_shared_lake(_collector),
    "writer on DuckDB": _on_file(_writer),
    "writer on DuckLake": _on_lake(_writer),
    "writer on DuckLake in PostgreSQL": _on_shared_lake(_writer),
}
