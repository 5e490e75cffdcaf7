"""Tokens that stand in files are read again when they are refused, as service accounts' are exchanged while the program runs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from app import config, container
from collectors.sources import kubernetes_connection
from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.port import Window
from collectors.sources.prometheus import PrometheusSource
from models.domain.clock import SystemClock
from models.domain.errors import Misconfigured
from tests.collect.stub_prometheus import Stub, send, stub_prometheus
from tests.collect.test_kubernetes_trouble import KINDS, Api, answer, kubeconfig, names, raised, serving, until

pytestmark = pytest.mark.loopback
END = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WINDOW = Window(END - timedelta(seconds=30), END)


class Guard:
    """Lets in who has the token that is right now."""

    def __init__(self) -> None:
        self.right = "first"

    def refuses(self, handler: BaseHTTPRequestHandler) -> bool:
        return handler.headers.get("Authorization") != f"Bearer {self.right}"


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def stub(guard: Guard) -> Iterator[Stub]:
    with stub_prometheus() as made:
        made.behave = lambda handler, *_: guard.refuses(handler) and send(handler, b"Unauthorized", 401)
        yield made


def test_a_token_of_a_file_is_read_again_when_it_is_refused(stub: Stub, guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    source = PrometheusSource(stub.url, token_file=file)
    assert source.read(WINDOW).frames["pod"].height
    file.write_text("second")
    assert source.read(WINDOW).frames["pod"].height, "the first still holds, so nothing is read again"
    guard.right = "second"
    with ThreadPoolExecutor(8) as readers:  # all are refused at once, and none of them gives up
        rows = list(readers.map(lambda _: source.read(WINDOW).frames["pod"].height, range(8)))
    assert min(rows) > 0
    assert set(stub.tokens) == {"Bearer first", "Bearer second"}
    source.close()


def test_a_token_that_stays_refused_is_said_and_taken_as_soon_as_it_is_exchanged(stub: Stub, guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    source = PrometheusSource(stub.url, token_file=file)
    with pytest.raises(Misconfigured, match=r"refuses the token \(401.*the file that prometheus_token_file names"):
        source.oldest()
    file.write_text("first")
    assert source.oldest() is not None
    source.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read from .*token: No such file"),
        (b"", "holds no token"),
        (b"two words", "holds no token"),
        (b"\xff\xfe", "it is no text"),
    ],
)
def test_a_file_without_a_token_has_a_sentence(stub: Stub, tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    source = PrometheusSource(stub.url, token_file=tmp_path / "token")
    with pytest.raises(Misconfigured, match=words) as told:
        source.oldest()
    assert "prometheus_token_file" in str(told.value)
    source.close()


def test_both_settings_at_once_are_refused(tmp_path: Path) -> None:
    found = config.load(data=tmp_path, prometheus_token="a", prometheus_token_file=tmp_path / "token")
    with pytest.raises(Misconfigured, match="both set"):
        container.check_live(found)


def test_the_source_of_the_settings_takes_the_file(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    found = config.load(data=tmp_path, prometheus_url=stub.url, prometheus_token_file=tmp_path / "token")
    source = container.prometheus(found, None)
    assert source.oldest() is not None
    source.close()


def test_a_kubeconfigs_token_file_is_read_again_when_it_is_refused(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_connection, "_RENEW_SECONDS", 0.0)
    with serving() as api:
        path = _with_token_file(tmp_path, api)
        api.behave = lambda handler, kind, watch: guard.refuses(handler) and answer(handler, 401, b"{}")
        inventory = KubernetesInventory(path, clock=SystemClock(), kinds=KINDS)
        inventory.start()
        try:
            until(lambda: names(inventory) == {"one"})
            guard.right = "second"
            inventory.resync()
            until(lambda: inventory.snapshot().stale_since)
            assert "refuses the credentials" in inventory.snapshot().trouble
            (tmp_path / "token").write_text("second")
            until(lambda: inventory.snapshot().stale_since is None)
        finally:
            api.over.set()
            inventory.stop()


def test_a_kubeconfig_whose_token_file_is_missing_has_a_sentence(tmp_path: Path) -> None:
    with serving() as api:
        path = _with_token_file(tmp_path, api)
        (tmp_path / "token").unlink()
        inventory = KubernetesInventory(path, clock=SystemClock(), kinds=KINDS)
        inventory.start()
        try:
            error = until(lambda: raised(inventory, "Cannot use"))
        finally:
            api.over.set()
            inventory.stop()
    assert "token" in str(error)


def _with_token_file(folder: Path, api: Api) -> Path:
    (folder / "token").write_text("first")
    path = kubeconfig(folder, api.url)
    found = yaml.safe_load(path.read_text())
    found["users"][0]["user"] = {"tokenFile": str(folder / "token")}
    path.write_text(yaml.safe_dump(found))
    return path
