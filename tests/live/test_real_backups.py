"""Backups on the node that runs containers: a real dump and real files, destroyed, and back; a last backup before the deletion."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.backup_driver import BackupDriver
from app.gateways.backup_target import DirectoryTarget
from app.services import app_backups, components, instances, operations
from app.services.orders import OrderView
from collectors.sources.kubernetes_connection import Connection, Refused
from models.domain.app_backups import BackupReason, BackupState, RestoreState
from models.domain.instances import State
from provisioner.catalogue import Template
from provisioner.cluster.commands import Place
from provisioner.cluster.live_commands import LiveCommands
from provisioner.labels import COMPONENT
from tests.live.conftest import until
from tests.live.test_real_orders import on_this_bed
from tests.orders.conftest import Shop
from tests.orders.on_bed import eventually, idle, shop_on, until_state
from tests.provisioner.grounds import live

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
SOON = 240.0
HOSTILE = b"\x00\xff'\";$(reboot)\r\n\x04\x1a" + "日本 é".encode() + bytes(range(256)) * 4000
ROW = 'it\'s "quoted"; -- \\ 日本 é ☕'


@dataclass
class Ward:
    """A shop on the real node, with its hands in the pods."""

    shop: Shop
    commands: LiveCommands

    def place(self, app: OrderView, component: str) -> Place:
        with self.shop.acting() as ctx:
            namespace = instances.get(ctx, instance_id=app.instance_id).namespace
        pods = [
            one
            for one in self.shop.cluster.find("Pod", namespace, {COMPONENT: component})
            if "deletionTimestamp" not in one["metadata"]
        ]
        return Place(namespace, pods[0]["metadata"]["name"], component)

    def sql(self, app: OrderView, text: str) -> str:
        client = 'PGPASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")" exec psql -v ON_ERROR_STOP=1 -qAt -h 127.0.0.1 -U app app'
        return b"".join(
            self.commands.run(self.place(app, "postgresql"), ["sh", "-c", client], [text.encode()], len(text.encode()))
        ).decode()

    def file(self, app: OrderView, name: str, content: bytes | None = None) -> bytes:
        words = ["sh", "-c", 'exec cat > "$1"', "sh", name] if content is not None else ["cat", name]
        return b"".join(
            self.commands.run(self.place(app, "web"), words, None if content is None else [content], len(content or b""))
        )


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = Path(tmp_path_factory.mktemp("backups"))
    with live(folder, real=True) as site:
        connection = Connection(folder / "kubeconfig")
        commands = LiveCommands(connection.websocket, Refused)
        with shop_on(site, folder, templates=_files_only()) as shop:
            driver = BackupDriver(shop.container, site.cluster, commands, DirectoryTarget(folder / "app-backups"))
            driver.start()
            try:
                yield Ward(shop, commands)
            finally:
                driver.stop(30)
        connection.close()


def test_a_real_dump_destroyed_rows_and_back(ward: Ward) -> None:
    shop = ward.shop
    app = shop.order("container", name="rows", parameters={"image": "example/web:1", "health": "/healthz"})
    until_state(shop, app, State.READY)
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="postgresql")
    eventually(shop, app, lambda: idle(shop, app))
    ward.sql(app, f"CREATE TABLE kept (words text, raw bytea); INSERT INTO kept VALUES ({_text(ROW)}, '\\x{HOSTILE.hex()}');")
    saved = _saved(ward, app)
    assert [(part.of, part.what) for part in saved.parts] == [("postgresql", "dump")]
    ward.sql(app, "DROP TABLE kept;")
    _brought_back(ward, app, saved)
    assert ward.sql(app, "SELECT encode(convert_to(words, 'UTF8'), 'hex'), md5(raw), length(raw) FROM kept;").strip() == "|".join(
        (ROW.encode().hex(), hashlib.md5(HOSTILE).hexdigest(), str(len(HOSTILE)))
    )
    _deleted(ward, app)


def test_real_files_destroyed_and_back(ward: Ward) -> None:
    shop = ward.shop
    app = shop.order("wordpress")
    until_state(shop, app, State.READY)
    odd = '/var/www/html/wp-content/it\'s a "file" é.bin'
    ward.file(app, odd, HOSTILE)
    saved = _saved(ward, app)
    destroy = "rm -rf /var/www/html/wp-content; echo > /var/www/html/intruder"
    list(ward.commands.run(ward.place(app, "web"), ["sh", "-c", destroy]))
    _brought_back(ward, app, saved)
    assert ward.file(app, odd) == HOSTILE
    listed = b"".join(ward.commands.run(ward.place(app, "web"), ["ls", "/var/www/html"])).decode().split()
    assert "intruder" not in listed
    assert "wp-login.php" in listed
    _deleted(ward, app)


def _brought_back(ward: Ward, app: OrderView, saved: app_backups.BackupView) -> None:
    with ward.shop.acting() as ctx:
        asked = app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    until(lambda: _restore(ward, app, asked.id) is RestoreState.DONE, SOON)
    until_state(ward.shop, app, State.READY)


def _deleted(ward: Ward, app: OrderView) -> None:
    """A last backup is made first."""
    with ward.shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    until_state(ward.shop, app, State.GONE)
    with ward.shop.acting() as ctx:
        last = app_backups.of_app(ctx, instance_id=app.instance_id).backups[0]
    assert (last.reason, last.state, last.usable) == (BackupReason.DELETION, BackupState.DONE, True)


def _saved(ward: Ward, app: OrderView) -> app_backups.BackupView:
    with ward.shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)

    def view() -> app_backups.BackupView:
        with ward.shop.acting() as ctx:
            return app_backups.get(ctx, backup_id=asked.id)

    until(lambda: view().state in (BackupState.DONE, BackupState.FAILED), SOON)
    assert view().state is BackupState.DONE, view().why
    return view()


def _restore(ward: Ward, app: OrderView, restore_id: str) -> RestoreState:
    with ward.shop.acting() as ctx:
        found = app_backups.of_app(ctx, instance_id=app.instance_id).restores
    one = next(one for one in found if one.id == restore_id)
    assert one.state is not RestoreState.FAILED, one.why
    return one.state


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


def _files_only() -> list[Template]:
    """The bed's image of MariaDB has no mariadb-dump, which the official one has: of WordPress the files alone are saved here."""
    return [
        one.model_copy(update={"backup": tuple(entry for entry in one.backup if entry.files)}) if one.id == "wordpress" else one
        for one in on_this_bed()
    ]
