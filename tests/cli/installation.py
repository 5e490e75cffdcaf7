"""A healthy installation, of which a test breaks one thing: real files, stub servers on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app import config, container
from app.config import Settings
from collectors import warehouse as warehouses
from models.domain.clock import Clock, SystemClock
from tests.collect.stub_prometheus import Stub, stub_prometheus

Answer = tuple[int, object]


@dataclass
class Kubernetes:
    """An API server that knows its version and what may be done; `deny` are resources that may not be read."""

    url: str = ""
    deny: set[str] = field(default_factory=set)
    answer: Callable[[str], Answer] | None = None
    withheld: int = 0
    """So many bytes more are announced than sent."""
    ahead: timedelta = timedelta(0)
    held: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    """Objects of a kind by its name."""
    over: threading.Event = field(default_factory=threading.Event)

    def reply(self, path: str, body: dict[str, Any]) -> Answer:
        if self.answer is not None:
            return self.answer(path)
        if path == "/version":
            return 200, {"gitVersion": "v1.32.0"}
        if not body:
            return 200, {"metadata": {"resourceVersion": "1"}, "items": self.held.get(path.split("?")[0].rsplit("/", 1)[-1], [])}
        asked = body["spec"]["resourceAttributes"]
        return 201, {"status": {"allowed": asked["resource"] not in self.deny}}


@contextmanager
def stub_kubernetes() -> Iterator[Kubernetes]:
    stub = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if "watch=true" in self.path:
                self.send_response_only(200)
                self.end_headers()
                self.wfile.flush()
                stub.over.wait(20)  # nothing ever changes
                return
            status, told = stub.reply(self.path, body)
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(SystemClock().now() + stub.ahead, usegmt=True))
            self.send_header("Content-Length", str(len(content) + stub.withheld))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield stub
    finally:
        stub.over.set()
        server.shutdown()
        server.server_close()


@dataclass
class Bench:
    """A healthy installation of which a cause breaks one thing."""

    folder: Path
    kubernetes: Kubernetes
    prometheus: Stub
    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    stack: ExitStack = field(default_factory=ExitStack)

    def set(self, **values: object) -> None:
        self.settings = self.settings.model_copy(update=values)

    def live(self) -> None:
        file = self.folder / "kubeconfig"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": self.kubernetes.url}}],
                    "users": [{"name": "u", "user": {"token": "t"}}],
                }
            )
        )
        self.set(kubeconfig=file, prometheus_url=self.prometheus.url)

    def sql(self, statement: str) -> None:
        store = container.open_store(self.settings)
        with store.engine.begin() as connection:
            connection.execute(text(statement))
        store.close()


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    settings = config.load(data=folder / "data")
    container.prepare_directory(settings)
    container.open_store(settings, migrate=True).close()
    warehouses.open(settings.warehouse).close()
    with stub_kubernetes() as kubernetes, stub_prometheus() as prometheus, ExitStack() as stack:
        yield Bench(folder, kubernetes, prometheus, settings, stack=stack)
