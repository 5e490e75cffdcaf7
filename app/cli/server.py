"""The server's process: checks, migrations and demo before it, uvicorn in it, the worker beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from app import container, logs, ownership, worker
from app.cli import edge
from app.config import Settings
from models.domain.access import job_actor
from models.domain.clock import stopwatch
from models.domain.errors import Misconfigured, PlatformError, Unavailable
from models.store import organizations

if TYPE_CHECKING:
    from app.container import Container

ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 1
"""How long open requests may take when the server is asked to end."""
CLUSTER_SECONDS = 4
"""How long the first answer of the cluster is waited for before it is said that there is none."""
HANGS_SECONDS = 20
"""How long a process that was interrupted before it was ready may take to undo what it had begun."""
_log = logs.logger(__name__)


class Interrupted(BaseException):
    """The process was asked to end before the server ran."""


def serve(found: Settings, *, prepare: bool, workers: bool) -> None:
    """Run until asked to end. With `prepare` directory, schema and demo are made first; with `workers` a worker runs beside it."""
    logs.set_up("server", found.log_level)
    container.check_live(found)
    container.prepare_directory(found)
    ready = False
    with ExitStack() as stack:
        try:
            stack.enter_context(_signals())
            stack.enter_context(ownership.own(found.data))
            listening = stack.enter_context(_listening(found.host, found.port))
            made = _prepared(found, prepare)
            stack.callback(made.close)
            beside = stack.enter_context(_Beside(found)) if workers else None
            ready = True
            _Server(made, found, beside).run(sockets=[listening])
        except Interrupted:
            edge.say("Stopping ..." if ready else "Stopped before it was ready. The next start goes on from here.")
    if ready:
        edge.say("Stopped.")
    _leave()


def _leave() -> None:
    """End now: a job that did not hear the request in time is freed by its lease, and its transaction is rolled back."""
    late = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if late:
        _log.warning("ended in the middle of work, which the next start continues", threads=late)
        sys.stdout.flush()
        os._exit(0)


def _prepared(found: Settings, prepare: bool) -> Container:
    """The server's container, on databases that have the schema and, on the demo, something to show."""
    if prepare:
        container.open_store(found, migrate=True).close()
    os.chdir(ROOT)  # Streamlit reads its settings from the working directory
    os.environ["MOORAGE_DATA"] = str(found.data)  # for notebooks' `reader()` inside this process
    from app import server

    made = server.prepare(found)
    try:
        if prepare and not found.live:
            _load_demo(made)
    except BaseException:
        made.close()
        raise
    return made


def _load_demo(made: Container) -> None:
    from app import demo

    began = stopwatch()
    told = ""

    def progress(what: str, share: float) -> None:
        nonlocal told
        if sys.stdout.isatty():
            print(f"\r  {share:4.0%}  {what:<60.60}", end="", flush=True)  # noqa: T201  a line that is written over
        elif what != told:
            edge.say(f"  {share:4.0%}  {what}")
        told = what

    with made.store.reading() as session:
        first = not organizations.everything(session)
    if first:
        edge.say("Loading the demo business (once) ...")
    demo.load(made, progress, money=made.settings.demo_money)
    if told and sys.stdout.isatty():
        edge.say()
    if first:
        edge.say(f"The demo is loaded ({stopwatch() - began:.0f} s).")


class _Server(uvicorn.Server):
    """uvicorn that says where it is once it listens."""

    def __init__(self, made: Container, found: Settings, beside: _Beside | None) -> None:
        from app.server import app

        super().__init__(served(app, found))
        self._made, self._found, self._beside = made, found, beside

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._beside is not None:
            self._beside.start()
        for line in announcement(self._made, self._found):
            edge.say(line)
        sys.stdout.flush()
        if self._found.live:
            # not waited for: one that stands still takes long, and Ctrl-C must not
            threading.Thread(target=_tell, args=(unmeasured, self._made), name="prometheus-look", daemon=True).start()
            await asyncio.to_thread(_tell, unreached, self._made)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._beside is not None:
            self._beside.halt()  # it ends while this process does
        await super().shutdown(sockets)


def served(app: Any, found: Settings) -> uvicorn.Config:
    """How uvicorn serves `app`: a peer's word on who asked counts only when the peer is a trusted proxy, whatever else is set."""
    return uvicorn.Config(
        app,
        host=found.host,
        port=found.port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=found.trusted_proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
    )


def announcement(made: Container, found: Settings) -> Iterator[str]:
    """Where it is, who can sign in, and whether what is shown is real."""
    yield ""
    yield f"Moorage is ready:  {found.address}"
    if not found.live:
        from app.demo import sign_ins

        admin, customer = sign_ins()
        yield f"  admin:     {admin.email}  password: {admin.password}"
        yield f"  customer:  {customer.email}  password: {customer.password}"
        yield "All data is SIMULATED: a demo business on a simulated cluster."
        yield "For your own cluster: moorage up --kubeconfig FILE --prometheus URL --data DIRECTORY"
    else:
        yield f"Live: cluster “{found.cluster}”, {found.prometheus_url}"
        link = _first_admin(made)
        if link is not None:
            yield "There is no administrator yet. This link makes you one; it works once, for 24 hours:"
            yield f"  {link}"
    yield "Ctrl-C stops it."


def unreached(made: Container) -> str:
    """Why the cluster is not known, as one line; empty when it is. Waits for the first answer, but not for long."""
    until = stopwatch() + CLUSTER_SECONDS
    pause = threading.Event()
    while made.inventory is not None:
        try:
            made.inventory.snapshot()
            break
        except PlatformError as error:
            known = any(finding.code.startswith(("failing_", "denied_")) for finding in made.inventory.findings())
            if known or stopwatch() > until:
                return f"cluster: not reached, because {error}"
        pause.wait(0.05)
    return ""


def unmeasured(made: Container) -> str:
    """Why Prometheus gives no samples, as one line; empty when it does."""
    source = container.prometheus(made.settings, None)
    try:
        if source.oldest() is not None:
            return ""
        return f"prometheus: {made.settings.prometheus_url} answers and scrapes nothing at all. Look at its targets page."
    except PlatformError as error:
        return f"prometheus: not read, because {error}"
    finally:
        source.close()


def _tell(look: Callable[[Container], str], made: Container) -> None:
    if said := look(made):
        edge.say(said)
        sys.stdout.flush()


def _first_admin(made: Container) -> str | None:
    from app.services import first_admin

    with made.transaction(job_actor("console"), "cli") as ctx:
        return first_admin.link(ctx)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The address, taken before anything slow begins; uvicorn listens on it later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer waits 40 ms for the client's ACK
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"Cannot listen on {host}:{port}: {error.strerror}. Stop what uses it, or choose another one with --port or --host."
            ) from error
        except OverflowError as error:
            raise Misconfigured(f"{port} is no port. Choose one from 1 to 65535.") from error
        yield taken
    finally:
        taken.close()


@contextmanager
def _signals() -> Iterator[None]:
    """Until uvicorn takes them over, a request to end is an exception, so that open transactions are rolled back."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # an exception in the middle of an import can be swallowed by it, or leave its lock held: then the system ends the process
        signal.alarm(HANGS_SECONDS)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Beside:
    """The worker's process: started, watched, started again with growing pauses, ended with the server."""

    def __init__(self, found: Settings) -> None:
        self._found = found
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def __enter__(self) -> _Beside:
        return self

    def start(self) -> None:
        self._thread.start()

    def _watch(self) -> None:
        pause = 1.0
        while not self._over.is_set():
            began = stopwatch()
            with self._lock:
                if self._over.is_set():
                    return
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "app.cli.main", "worker"], env=environment(self._found), cwd=ROOT, start_new_session=True
                )
            code = self._process.wait()
            if self._over.is_set():
                return
            pause = 1.0 if stopwatch() - began > 60 else min(pause * 2, 30.0)
            _log.warning("the worker ended and is started again", code=code, in_seconds=pause)
            self._over.wait(pause)

    def halt(self) -> None:
        """Ask the worker to end, and start none again; does not wait."""
        self._over.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()

    def __exit__(self, *_: object) -> None:
        self.halt()
        with self._lock:
            process = self._process
        if process is None:
            return
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()  # its claims are freed by their lease, its transactions are rolled back
            process.wait()


def environment(found: Settings) -> Mapping[str, str]:
    """The environment in which another process of this program reads the same settings."""
    values = {f"MOORAGE_{name.upper()}": text(value) for name, value in found if value is not None and value != ""}
    return {**os.environ, **values, worker.PARENT: str(os.getpid())}


def text(value: Any) -> str:
    secret: Callable[[], str] | None = getattr(value, "get_secret_value", None)
    return secret() if secret is not None else str(value)
