"""Everything that a Kubernetes API can do wrong: the inventory goes on, or says in a sentence why it cannot."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.sources import kubernetes_objects as objects
from collectors.sources import kubernetes_watch
from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.kubernetes_watch import Kind
from models.domain.clock import SystemClock
from models.domain.cluster import Snapshot
from models.domain.errors import Misconfigured, PlatformError, Unavailable

pytestmark = pytest.mark.loopback
CREATED = "2026-11-25T10:00:00Z"
KINDS = (
    Kind("nodes", "/api/v1/nodes", objects.node, essential=True, seconds=(1, 1)),
    Kind("pods", "/api/v1/pods", objects.pod, essential=True, seconds=(1, 1)),
    Kind("events", "/api/v1/events", objects.event, seconds=(1, 1)),
)


def node(name: str = "node-1") -> dict[str, Any]:
    size = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": CREATED}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": CREATED, "resourceVersion": "5"},
        "spec": {},
        "status": {"capacity": size, "allocatable": size, "conditions": ready},
    }


def pod(name: str) -> dict[str, Any]:
    state = {"name": "web", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": CREATED}}}
    return {
        "metadata": {"name": name, "namespace": "a", "uid": f"uid-{name}", "creationTimestamp": CREATED, "resourceVersion": "7"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running", "startTime": CREATED, "containerStatuses": [state]},
    }


@dataclass
class Api:
    """Lists what it holds; a watch says what `watching` says of it and then stays open until the test ends."""

    url: str = ""
    held: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"nodes": [node()], "pods": [pod("one")], "events": []})
    watching: Callable[[str], list[dict[str, Any]]] = lambda kind: []
    behave: Callable[[BaseHTTPRequestHandler, str, bool], bool] = lambda handler, kind, watch: False
    lists: list[str] = field(default_factory=list)
    watches: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            kind, watch = path.rsplit("/", 1)[-1], "watch=true" in query
            (api.watches if watch else api.lists).append(kind)
            if api.behave(self, kind, watch):
                return
            if not watch:
                answer(self, 200, json.dumps({"metadata": {"resourceVersion": "9"}, "items": api.held.get(kind, [])}).encode())
                return
            self.send_response(200)
            self.end_headers()
            for message in api.watching(kind):
                self.wfile.write(json.dumps(message).encode() + b"\n")
            self.wfile.flush()
            api.over.wait(20)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield api
    finally:
        api.over.set()
        server.shutdown()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> bool:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    return True


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as made:
        yield made


@pytest.fixture
def inventory(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesInventory]:
    monkeypatch.setattr(kubernetes_watch, "GRACE_SECONDS", 1.0)
    made = KubernetesInventory(kubeconfig(tmp_path, api.url), clock=SystemClock(), kinds=KINDS)
    yield made
    made.stop()


def kubeconfig(folder: Path, url: str) -> Path:
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


def until(what: Callable[[], Any]) -> Any:
    for _ in range(1500):
        found = what()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail("it did not come to pass")


def seen(inventory: KubernetesInventory) -> Snapshot | None:
    try:
        return inventory.snapshot()
    except Unavailable:
        return None


def saying(inventory: KubernetesInventory, words: str) -> Snapshot | None:
    """The state with this trouble; on a busy machine another kind may have timed out before."""
    found = inventory.snapshot()
    return found if words in found.trouble else None


def names(inventory: KubernetesInventory) -> set[str]:
    found = seen(inventory)
    return {p.name for p in found.pods.values()} if found else set()


def test_a_version_that_the_server_no_longer_knows_means_listing_again(api: Api, inventory: KubernetesInventory) -> None:
    """410 inside the stream; meanwhile one pod went and another came."""
    told: list[str] = []

    def gone_once(kind: str) -> list[dict[str, Any]]:
        if kind == "pods" and not told:
            told.append(kind)
            api.held["pods"] = [pod("two")]
            return [{"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}]
        return []

    api.watching = gone_once
    inventory.start()
    until(lambda: names(inventory) == {"two"})
    rows = inventory.changes(SystemClock().now()).frames["pod_state"]
    assert rows.select("pod", "phase").rows() == [("one", "Running"), ("two", "Running"), ("one", "Gone")]


def test_410_as_the_answer_means_listing_again(api: Api, inventory: KubernetesInventory) -> None:
    told: list[str] = []

    def gone_once(handler: BaseHTTPRequestHandler, kind: str, watch: bool) -> bool:
        if watch and kind == "pods" and not told:
            told.append(kind)
            return answer(handler, 410, b'{"message": "expired"}')
        return False

    api.behave = gone_once
    inventory.start()
    until(lambda: api.lists.count("pods") == 2)
    until(lambda: names(inventory) == {"one"})


def test_a_silent_connection_is_opened_again(api: Api, inventory: KubernetesInventory) -> None:
    """The server was to end the watch after a second and does not: nobody is there any more."""
    inventory.start()
    until(lambda: api.watches.count("pods") >= 2)
    assert api.lists.count("pods") == 1, "it goes on from where it was"


def test_changes_of_the_stream_arrive(api: Api, inventory: KubernetesInventory) -> None:
    api.watching = lambda kind: [{"type": "ADDED", "object": pod("new")}] if kind == "pods" else []
    inventory.start()
    until(lambda: names(inventory) == {"one", "new"})


def test_an_object_that_cannot_be_understood_is_left_out_and_said(api: Api, inventory: KubernetesInventory) -> None:
    api.held["pods"].append({"metadata": {"uid": "x", "name": "odd"}, "spec": {}})
    inventory.start()
    until(lambda: names(inventory) == {"one"})
    assert {f.code: f.message for f in inventory.findings()} == {
        "skipped_pods": "1 of the cluster's pods could not be understood and are left out."
    }


ODD_MESSAGES: list[tuple[str, Any]] = [
    ("no type", {"kind": "Status", "status": "Failure", "code": 500}),
    ("no object", {"type": "MODIFIED"}),
    ("no metadata", {"type": "ADDED", "object": {}}),
    ("object null", {"type": "ADDED", "object": None}),
    ("error in text", {"type": "ERROR", "object": "gone"}),
    ("a list", [1]),
    ("a number", 1),
]


@pytest.mark.parametrize("message", [m[1] for m in ODD_MESSAGES], ids=[m[0] for m in ODD_MESSAGES])
def test_a_message_that_is_none_is_said_and_the_kind_listed_again(api: Api, inventory: KubernetesInventory, message: Any) -> None:
    told: list[str] = []

    def odd_until_told(kind: str) -> list[Any]:
        return [message] if kind == "pods" and not told else []

    api.watching = odd_until_told
    inventory.start()
    until(lambda: any(f.message.startswith("An error of the program in following pods (") for f in inventory.findings()))
    until(lambda: (found := seen(inventory)) is not None and "An error of the program" in found.trouble)
    told.append("enough")
    api.held["pods"] = [pod("two")]
    until(lambda: names(inventory) == {"two"} and inventory.snapshot().stale_since is None)
    until(lambda: not inventory.findings())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watcher_that_died_is_failing(api: Api, inventory: KubernetesInventory, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory.start()
    until(lambda: names(inventory) == {"one"})

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(kubernetes_watch.Watcher, "_watch", die)
    until(lambda: [f.message.count("ended by an error of the program") for f in inventory.findings()] == [1, 1, 1])
    found = inventory.snapshot()
    assert found.stale_since is not None
    assert "ended by an error of the program" in found.trouble


def test_a_kind_that_may_not_be_listed_is_said_and_the_rest_goes_on(api: Api, inventory: KubernetesInventory) -> None:
    refusal = json.dumps({"message": "events is forbidden"}).encode()
    api.behave = lambda handler, kind, watch: kind == "events" and answer(handler, 403, refusal)
    inventory.start()
    until(lambda: names(inventory) == {"one"})
    found = until(lambda: {f.code: f.message for f in inventory.findings()})
    assert found["denied_events"].startswith("The account may not list events: events is forbidden")
    assert "deploy/collector-rbac.yaml" in found["denied_events"]


def test_what_every_kind_says_is_said_once_with_the_kinds(api: Api, inventory: KubernetesInventory) -> None:
    api.behave = lambda handler, kind, watch: answer(handler, 503, b'{"message": "shutting down"}')
    inventory.start()
    (found,) = until(lambda: [f for f in inventory.findings() if "events" in f.message and "pods" in f.message])
    assert found.message.count("shutting down") == 1


TROUBLE: list[tuple[str, int, bytes, type[PlatformError], str]] = [
    ("expired", 401, b"{}", Misconfigured, "refuses the credentials"),
    ("forbidden", 403, b'{"message": "pods is forbidden"}', Misconfigured, "may not list"),
    ("503", 503, b'{"message": "shutting down"}', Unavailable, "answers 503: shutting down"),
    ("HTML", 200, b"<html></html>", Misconfigured, "does not answer like a Kubernetes API"),
    ("a list", 200, b"[]", Misconfigured, "does not answer like a Kubernetes API"),
]


@pytest.mark.parametrize(("status", "content", "kind", "words"), [t[1:] for t in TROUBLE], ids=[t[0] for t in TROUBLE])
def test_trouble_has_a_sentence(
    api: Api, inventory: KubernetesInventory, status: int, content: bytes, kind: type[PlatformError], words: str
) -> None:
    api.behave = lambda handler, asked, watch: answer(handler, status, content)
    inventory.start()
    error = until(lambda: raised(inventory, words))
    assert isinstance(error, kind)
    assert words in str(error)


def raised(inventory: KubernetesInventory, words: str) -> PlatformError | None:
    try:
        inventory.snapshot()
    except PlatformError as error:
        return error if words in str(error) else None
    return None


def test_an_api_that_went_away_leaves_the_last_state_and_says_since_when(api: Api, inventory: KubernetesInventory) -> None:
    inventory.start()
    until(lambda: names(inventory) == {"one"})
    api.behave = lambda handler, kind, watch: answer(handler, 503, b'{"message": "down"}')
    found = until(lambda: saying(inventory, "answers 503: down"))
    assert found.as_of == found.stale_since
    assert names(inventory) == {"one"}
    api.behave = lambda handler, kind, watch: False
    until(lambda: inventory.snapshot().stale_since is None)


def test_nobody_listens(tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    inventory = KubernetesInventory(kubeconfig(tmp_path, url), clock=SystemClock(), kinds=KINDS)
    inventory.start()
    try:
        error = until(lambda: raised(inventory, "does not answer"))
    finally:
        inventory.stop()
    assert isinstance(error, Unavailable)
    assert "connection refused" in str(error)


BAD_FILES = [
    ("missing", None),
    ("empty", ""),
    ("not YAML", "{"),
    ("a list", "- a"),
    ("no context", "clusters: []\nusers: []\ncontexts: []\ncurrent-context: x\n"),
]


@pytest.mark.parametrize("content", [b[1] for b in BAD_FILES], ids=[b[0] for b in BAD_FILES])
def test_a_kubeconfig_that_is_none_has_a_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    inventory = KubernetesInventory(path, clock=SystemClock(), kinds=KINDS)
    inventory.start()
    try:
        error = until(lambda: raised(inventory, "Cannot use"))
    finally:
        inventory.stop()
    assert isinstance(error, Misconfigured)
    assert str(path) in str(error)


def test_readers_cost_the_api_nothing(api: Api, tmp_path: Path) -> None:
    """One list and one watch a kind, however many look at once."""
    patient = tuple(replace(kind, seconds=(60, 60)) for kind in KINDS)
    inventory = KubernetesInventory(kubeconfig(tmp_path, api.url), clock=SystemClock(), kinds=patient)
    inventory.start()
    try:
        until(lambda: names(inventory) == {"one"} and len(api.watches) == len(KINDS))
        with ThreadPoolExecutor(100) as readers:
            seen_by = list(readers.map(lambda _: len(inventory.snapshot().pods), range(1000)))
        assert seen_by == [1] * 1000
        assert sorted(api.lists) == sorted(api.watches) == sorted(kind.name for kind in KINDS)
    finally:
        api.over.set()
        inventory.stop()
