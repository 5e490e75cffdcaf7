"""A browser that is signed in at the running demo server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import app.demo as demo

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FINISHED = "[data-testid=stApp][data-test-script-state=notRunning]"
PATIENCE = 60_000
"""Milliseconds: a machine with other load is slow, not wrong."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield made
        made.close()


def settled(tab: Any) -> Any:
    """The page when its script has finished and its headline, or what it refuses, stands there."""
    tab.wait_for_selector("h1, [data-testid=stAlert]", timeout=PATIENCE)
    tab.wait_for_selector(FINISHED, timeout=PATIENCE)
    return tab


def sign_in(tab: Any, server: str, who: str) -> None:
    """By the form, as people do it."""
    person = demo.sign_ins()[0 if who == "admin" else 1]
    tab.goto(f"{server}/login")
    tab.fill("input[name=email]", person.email)
    tab.fill("input[name=password]", person.password)
    tab.click("button[type=submit]")
    tab.wait_for_selector("[data-testid=stApp]", timeout=PATIENCE)


@pytest.fixture(scope="session")
def states(server: str, browser: Any) -> dict[str, Any]:
    """Cookies of admin and customer, each signed in once."""
    kept: dict[str, Any] = {}
    for who in ("admin", "customer"):
        window = browser.new_context(bypass_csp=True)
        sign_in(window.new_page(), server, who)
        kept[who] = window.storage_state()
        window.close()
    return kept


@pytest.fixture
def opened(server: str, browser: Any, states: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """Opens a page as admin or customer in a window of that size and theme; all windows close after the test."""
    windows: list[Any] = []

    def open_(who: str, path: str, *, width: int = 1440, height: int = 900, theme: str = "light") -> Any:
        window = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, bypass_csp=True, storage_state=states[who]
        )
        window.set_default_timeout(PATIENCE)
        windows.append(window)
        tab = window.new_page()
        tab.goto(f"{server}/{path}")
        return settled(tab)

    yield open_
    for window in windows:
        window.close()


@pytest.fixture(scope="session")
def known(browser: Any, server: str, states: dict[str, Any]) -> dict[str, str]:
    """Addresses of a page about one thing: a pod, a node, an organization, an app of the customer's."""
    asked = {}
    for who in ("admin", "customer"):
        window = browser.new_context(storage_state=states[who])
        asked[who] = window.request
    pod = asked["admin"].get(f"{server}/api/v1/pods?limit=1").json()["items"][0]
    organization = asked["admin"].get(f"{server}/api/v1/organizations?limit=1").json()["items"][0]
    app = asked["customer"].get(f"{server}/api/v1/instances?limit=1").json()["items"][0]
    return {
        "pod": f"pod?uid={pod['uid']}",
        "node": f"node?name={pod['node']}",
        "organization": f"organization?id={organization['id']}",
        "app": f"app?id={app['id']}",
    }
