"""What every test gets: no network but by marker, and skips that are failures where everything must be there."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from types import ModuleType

import pytest

pytest_plugins = ["tests.running_server"]

LIVE = {"postgres", "cluster", "real_node", "prometheus", "browser", "loopback"}
"""Markers under which a test may talk to loopback addresses."""

NEEDS = {
    "postgres": lambda: bool(os.environ.get("MOORAGE_TEST_POSTGRES")),
    "cluster": lambda: bool(os.environ.get("KUBECONFIG") and os.environ.get("PROMETHEUS_URL")),
    "real_node": lambda: bool(os.environ.get("KUBECONFIG") and os.environ.get("INGRESS_URL")),
    "prometheus": lambda: bool(shutil.which("prometheus") and shutil.which("promtool")),
    "browser": lambda: bool(shutil.which("chromium")),
    "node": lambda: bool(shutil.which("node")),
}


GROUPS = {
    "tests/live/": "bed",
    "tests/contract/": "bed",
    "tests/orders/test_live.py": "bed",
    "tests/browser/": "browser",
    "tests/notebooks/": "browser",
    "tests/pages/test_socket.py": "browser",
    "tests/cli/test_up.py": "up",
}
"""Tests that share something large run one after the other in one worker: the test bed, one running server."""


def group_of(nodeid: str) -> str:
    return next((group for place, group in GROUPS.items() if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """By `group_of`: xdist 3.8's own groups find no marker any more under pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    everything = os.environ.get("MOORAGE_TEST_ALL") == "1"
    for item in items:
        for name, there in NEEDS.items():
            if item.get_closest_marker(name) and not there() and not everything:
                item.add_marker(pytest.mark.skip(reason=f"{name} is not on this machine"))


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network has forgotten to use a simulator; loopback is free under a live marker."""
    live = any(request.node.get_closest_marker(name) for name in LIVE)
    real = socket.socket.connect

    def connect(this: socket.socket, address: object) -> None:
        local = this.family == socket.AF_UNIX or (isinstance(address, tuple) and address[0] in ("127.0.0.1", "::1", "localhost"))
        if not (live and local):
            raise RuntimeError(f"network call to {address} in a test")
        real(this, address)  # socket's own signature is wider than its stub

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started anew run the parent's main module first, and a page test before leaves Streamlit's entry file there."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
