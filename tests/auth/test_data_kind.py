"""What was begun as the demo never becomes live, and what is live is never filled with inventions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import container
from app.cli import edge
from app.config import Settings
from app.demo import load
from models.domain.access import job_actor
from models.domain.errors import Misconfigured
from models.store import audit, settings
from models.store.audit import Audit
from models.store.session import Store
from tests.stories import NOW, an_empty_postgres

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: c, context: {cluster: a, user: u}}]
current-context: c
"""


def demo(folder: Path, address: str = "") -> Settings:
    made = Settings(data=folder / "data", store_url=address, warehouse_memory="200MB")
    container.prepare_directory(made)
    return made


def live(folder: Path, address: str = "") -> Settings:
    file = folder / "kubeconfig"
    file.write_text(KUBECONFIG)
    return demo(folder, address).model_copy(update={"kubeconfig": file, "prometheus_url": "http://127.0.0.1:1"})


def begin(wanted: Settings) -> None:
    container.open_store(wanted, migrate=True).close()
    container.build_server(wanted).close()


def refused(wanted: Settings, words: str) -> None:
    """By what collects, by what works beside it, by every command."""
    with pytest.raises(Misconfigured, match=words):
        container.build_server(wanted)
    with pytest.raises(Misconfigured, match=words):
        container.build_worker(wanted)
    with pytest.raises(Misconfigured, match=words), edge.transaction(wanted):
        pass


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a store that is not there yet: in the directory, and an empty database."""
    if request.param == "sqlite":
        yield ""
        return
    with an_empty_postgres() as made:
        yield made.url


def test_a_demo_cannot_be_started_live(tmp_path: Path, address: str) -> None:
    begin(demo(tmp_path, address))
    refused(live(tmp_path, address), r"SIMULATED demo, with its published passwords.*another, empty directory with --data")
    container.build_server(demo(tmp_path, address)).close()


def test_a_live_directory_cannot_be_started_without_its_flags(tmp_path: Path, address: str) -> None:
    begin(live(tmp_path, address))
    refused(demo(tmp_path, address), r"is of a live cluster.*MOORAGE_KUBECONFIG")
    assert not container.world_file(demo(tmp_path, address)).exists()
    with edge.transaction(live(tmp_path, address)):
        pass


def _without_mark(address: str) -> None:
    with_it = Store(address)
    with with_it.transaction() as session:
        row = settings.by_key(session, "data_kind")
        assert row is not None
        session.delete(row)
    with_it.close()


def test_a_demo_from_before_the_mark_is_known_by_its_loading(tmp_path: Path) -> None:
    wanted = demo(tmp_path)
    container.open_store(wanted, migrate=True).close()
    made = container.build_server(wanted)
    load(made, days=1, raw_days=0.02)
    made.close()
    _without_mark(wanted.store)
    container.world_file(wanted).unlink()
    refused(live(tmp_path), "SIMULATED demo")


def test_a_live_store_from_before_the_mark_is_known_by_its_first_administrator(tmp_path: Path) -> None:
    wanted = live(tmp_path)
    begin(wanted)
    _without_mark(wanted.store)
    opened = Store(wanted.store)
    actor = job_actor("console")
    with opened.transaction() as session:
        session.add(
            Audit(
                at=NOW,
                actor_id=actor.id,
                actor_kind=actor.kind,
                actor_name=actor.name,
                edge="cli",
                action="staff.first_admin_link",
                subject="link",
            )
        )
    with opened.reading() as session:
        assert len(audit.search(session, limit=None)) == 1
    opened.close()
    refused(demo(tmp_path), "is of a live cluster")


def test_a_demo_directory_with_an_empty_database_is_still_the_demo(tmp_path: Path) -> None:
    """Its warehouse holds inventions, whatever the database beside it says."""
    begin(demo(tmp_path))
    container.world_file(demo(tmp_path)).write_text("{}")
    other = live(tmp_path, f"sqlite:///{tmp_path / 'other.sqlite'}")
    container.open_store(other, migrate=True).close()
    with pytest.raises(Misconfigured, match="SIMULATED demo"):
        container.build_server(other)


def test_a_live_directory_remembers_its_sources(tmp_path: Path) -> None:
    """So `token make --data` needs no kubeconfig; what somebody names still wins, and a demo remembers nothing."""
    made = live(tmp_path)
    begin(made)
    found = edge.settings(made.data)
    assert (found.kubeconfig, found.prometheus_url) == (made.kubeconfig, made.prometheus_url)
    other = tmp_path / "other"
    other.write_text(KUBECONFIG)
    named = edge.settings(made.data, kubeconfig=other, prometheus_url="http://127.0.0.1:2")
    assert (named.kubeconfig, named.prometheus_url) == (other, "http://127.0.0.1:2")
    with edge.reading(found) as ctx:
        assert ctx.now
    (made.data / "sources.json").write_text("{")
    with pytest.raises(Misconfigured, match="once more"):
        edge.settings(made.data)
    simulated = demo(tmp_path / "demo")
    begin(simulated)
    assert edge.settings(simulated.data).kubeconfig is None
