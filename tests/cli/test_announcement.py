"""What `up` says of a cluster and a Prometheus that it cannot reach."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from app import config
from app.cli import server
from collectors.sources.kubernetes import KubernetesInventory
from models.domain.clock import SystemClock
from models.domain.errors import Unavailable
from tests import own_loop
from tests.collect.stub_prometheus import body, send, stub_prometheus


def test_a_wrong_kubeconfig_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "CLUSTER_SECONDS", 120)  # a busy machine takes its time to begin; what is known is said at once
    (tmp_path / "kubeconfig").write_text("{{{{ not yaml")
    inventory = KubernetesInventory(tmp_path / "kubeconfig", clock=SystemClock())
    inventory.start()
    try:
        said = server.unreached(made(inventory))
    finally:
        inventory.stop()
    assert said.startswith("cluster: not reached, because Cannot use the kubeconfig ")
    assert "Name a readable kubeconfig" in said
    assert "\n" not in said


def test_a_cluster_that_is_only_slow_is_not_waited_for_for_long(monkeypatch):
    monkeypatch.setattr(server, "CLUSTER_SECONDS", 0)

    def first() -> None:
        raise Unavailable("The cluster is being read for the first time; this takes seconds.")

    said = server.unreached(made(SimpleNamespace(snapshot=first, findings=lambda: ())))
    assert said == "cluster: not reached, because The cluster is being read for the first time; this takes seconds."


@pytest.mark.parametrize("inventory", [None, SimpleNamespace(snapshot=lambda: None)])
def test_a_cluster_that_answers_needs_no_line(inventory):
    assert server.unreached(made(inventory)) == ""


@pytest.mark.parametrize("live", [True, False])
def test_the_start_says_it_after_where_the_server_is(monkeypatch, capsys, live):
    async def listens(*_: object) -> None: ...

    def gone() -> None:
        raise Unavailable("The Kubernetes API does not answer.")

    monkeypatch.setattr(uvicorn.Server, "startup", listens)
    asked = threading.Event()

    def nothing_measured(_: object) -> str:
        asked.set()
        return ""

    monkeypatch.setattr(server, "announcement", lambda *_: ["Moorage is ready"])
    monkeypatch.setattr(server, "unmeasured", nothing_measured)
    failing = SimpleNamespace(code="failing_nodes")
    starting = server._Server.__new__(server._Server)
    starting._made = made(SimpleNamespace(snapshot=gone, findings=lambda: (failing,)))
    starting._found, starting._beside = SimpleNamespace(live=live), None
    own_loop.run(starting.startup())
    said = ["cluster: not reached, because The Kubernetes API does not answer."] if live else []
    assert capsys.readouterr().out.splitlines() == ["Moorage is ready", *said]
    assert asked.wait(30 if live else 0) == live, "Prometheus is asked beside it"


@pytest.mark.loopback
def test_a_prometheus_that_gives_nothing_is_said():
    with stub_prometheus() as stub:
        found = SimpleNamespace(settings=config.load(prometheus_url=stub.url))
        assert server.unmeasured(found) == ""
        stub.behave = lambda handler, *_: send(handler, body([]))
        assert server.unmeasured(found) == f"prometheus: {stub.url} answers and scrapes nothing at all. Look at its targets page."
        stub.behave = lambda handler, *_: send(handler, b"starting", 503)
        assert (
            server.unmeasured(found)
            == f"prometheus: not read, because Prometheus at {stub.url} answers 503: starting. It is tried again."
        )


def made(inventory: Any) -> Any:
    return SimpleNamespace(inventory=inventory)


@pytest.mark.loopback
def test_answers_are_not_held_back_for_the_acknowledgement_of_the_one_before():
    """Nagle's algorithm and a client's delayed ACK cost each answer 40 ms."""

    async def accepted() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with server._listening("127.0.0.1", 0) as taken:
            made = await asyncio.start_server(connected, sock=taken)
            _, writer = await asyncio.open_connection(*taken.getsockname())
            found = await told
            writer.close()
            await writer.wait_closed()
            made.close()
            await made.wait_closed()
        return found

    assert own_loop.run(accepted()) == 1
