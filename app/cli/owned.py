"""Commands that write what only one process may own: by the server when one runs, else here under the directory's lock."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app import ownership
from app.config import Settings
from models.domain.clock import stopwatch
from models.domain.errors import Invalid, PlatformError, Unavailable

if TYPE_CHECKING:
    from app.container import Container
    from collectors.warehouse import Warehouse

FIRST_LOOK_SECONDS = 20.0
"""How long a command waits for the first list of the cluster's inventory."""
ANSWER_SECONDS = 600.0


@contextmanager
def warehouse(found: Settings) -> Iterator[Warehouse]:
    """The warehouse for writing; Owned while a server has the directory."""
    from collectors import warehouse as warehouses

    with ownership.own(found.data):
        opened = warehouses.open(found.warehouse, data_path=found.warehouse_data_path, memory=found.warehouse_memory)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def server(found: Settings) -> Iterator[Container]:
    """The server's parts for a command that runs while no server does, with the cluster's inventory read once."""
    from app import container

    with ownership.own(found.data):
        made = container.build_server(found)
        try:
            if made.inventory is not None:
                made.inventory.start()
                _wait_for_inventory(made)
            yield made
        finally:
            if made.inventory is not None:
                made.inventory.stop()
            made.close()


def _wait_for_inventory(made: Container) -> None:
    began = stopwatch()
    while made.inventory is not None:
        try:
            made.inventory.snapshot()
            return
        except Unavailable:
            if stopwatch() - began > FIRST_LOOK_SECONDS:
                raise
            time.sleep(0.2)


def command(found: Settings, name: str, **arguments: str) -> dict[str, Any]:
    """Run one command of `app.maintenance` where the warehouse is."""
    given = {key: value for key, value in arguments.items() if value}
    if ownership.owner(found.data) is not None:
        return _ask(found, name, given)
    from app import maintenance

    with server(found) as made:
        return maintenance.run(made, name, given)


def _ask(found: Settings, name: str, arguments: dict[str, str]) -> dict[str, Any]:
    """Through the loopback door of the running server, with the token of its 0600 file."""
    from collectors.warehouse import announcement

    file = announcement.place(found.warehouse, found.warehouse_data_path)
    if file is None:
        raise Unavailable(
            "A running server whose lake lies in a bucket takes no commands from the command line. "
            "Use the page Jobs, or stop the server and try again."
        )
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        url, token = str(told["url"]).removesuffix("/query") + "/write", str(told["token"])
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"The server does not say how to reach it: {file} cannot be read. Wait until it is ready.") from error
    body = json.dumps({"command": name, "arguments": arguments}).encode()
    request = urllib.request.Request(  # noqa: S310  the address comes from the server's own 0600 file
        url, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        raise _told(error) from error
    except OSError as error:
        raise Unavailable(f"The server at {url} does not answer: {error}. Look whether it still runs.") from error


def _told(error: urllib.error.HTTPError) -> PlatformError:
    try:
        problem = json.load(error)
        message, code = str(problem["message"]), str(problem["code"])
    except (ValueError, KeyError):
        return Unavailable(f"The server answered {error.code}. Look into its log.")
    return Invalid(message) if code == "invalid" else Unavailable(message)
