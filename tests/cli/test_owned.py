"""What commands have of the warehouse that another process owns."""

import os

import pytest

from app import container, ownership
from app.cli import edge, owned
from app.doctor import local
from collectors import warehouse as warehouses
from models import migrations
from models.domain.clock import SystemClock
from models.domain.errors import Unavailable
from tests.cli.conftest import settings_of


def test_a_commands_reader_of_a_lake_is_opened_once_and_let_go(data, monkeypatch):
    lake = f"ducklake:sqlite:{data / 'lake.sqlite'}"
    warehouses.open(lake).close()
    opened, closed = [], []
    real = warehouses.reader

    def counted(uri):
        opened.append(made := real(uri))
        close = made.close
        monkeypatch.setattr(made, "close", lambda: (closed.append(made), close()))
        return made

    monkeypatch.setattr(warehouses, "reader", counted)
    made = container.build_cli(settings_of(data, warehouse_url=lake))
    assert made.warehouse.query("SELECT 1 AS one")["one"].to_list() == [1]
    assert made.warehouse.query("SELECT 2 AS two")["two"].to_list() == [2]
    assert len(opened) == 1
    made.close()
    assert closed == opened


def test_a_server_whose_lake_is_in_a_bucket_cannot_be_asked(data, monkeypatch):
    found = settings_of(data, warehouse_url="ducklake:postgres:dbname=lake", warehouse_data_path="s3://bucket/lake/")
    monkeypatch.setattr(ownership, "owner", lambda _: os.getpid())
    with pytest.raises(Unavailable, match="bucket"):
        owned.command(found, "rollup")


@pytest.mark.parametrize("words", [("backup",), ("user", "list"), ("token", "list", "--of", "x@example.com"), ("jobs", "list")])
def test_no_command_uses_a_store_that_is_being_replaced(command, data, words):
    with ownership.without_workers(data), pytest.raises(Unavailable, match="is being restored"):
        command(*words)


def test_nothing_is_restored_while_a_command_uses_the_store(command, data):
    command("backup")
    with edge.reading(settings_of(data)), pytest.raises(ownership.Owned, match="or another command"):
        command("restore", "latest", "--force")


def test_a_schema_is_not_changed_under_a_worker_that_runs_alone(command, data, monkeypatch):
    found = settings_of(data)
    with ownership.work(data):
        assert "has schema" in command("migrate")
        monkeypatch.setattr(migrations, "head", lambda: "one that is newer")
        with pytest.raises(ownership.Owned, match="A worker runs"):
            container.open_store(found, migrate=True)
    assert not ownership.works(data)
    monkeypatch.undo()
    container.open_store(found, migrate=True).close()


def test_a_worker_without_a_server_is_seen(data):
    def told():
        return [(one.verdict, one.sentence) for one in local.server(settings_of(data), SystemClock())]

    assert len(told()) == 1
    with ownership.work(data):
        assert any("worker runs" in text and "Start the server" in text for _, text in told())
        with ownership.own(data):
            assert len(told()) == 1
