"""What somebody sees of the running product: its pages in Chromium, as text.

The browser lives in a thread of its own: another one of the same worker process may hold playwright's loop in the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.browser.conftest import FINISHED, FLAGS

PATIENCE = 60_000
"""Milliseconds: a machine with other load is slow, not wrong."""
SAYS = "words => words.every(one => document.body.innerText.includes(one))"

CELLS = "() => [...document.querySelectorAll('canvas [role=gridcell]')].map(one => one.textContent.trim())"
CELL = f"fits => ({CELLS})().find(one => new RegExp(fits).test(one))"


class Looks:
    """One tab, signed in."""

    def __init__(self, url: str, run: Callable[[Callable[[], Any]], Any], tab: Any) -> None:
        self._url, self._run, self._tab = url, run, tab

    def open(self, path: str) -> str:
        """The text of a page once its script has finished."""

        def go() -> str:
            self._tab.goto(f"{self._url}/{path}")
            self._tab.wait_for_selector("h1, [data-testid=stAlert]")
            self._tab.wait_for_selector(FINISHED)
            assert self._tab.locator("[data-testid=stException]").count() == 0
            return str(self._tab.inner_text("body"))

        return str(self._run(go))

    def comes(self, *words: str) -> str:
        """The text of the open page as soon as it says all of `words`: pages move by themselves, nobody loads them again."""

        def wait() -> str:
            try:
                self._tab.wait_for_function(SAYS, arg=list(words))
            except Exception as error:
                raise AssertionError(f"the page never said {words}: {self._tab.inner_text('body')}") from error
            return str(self._tab.inner_text("body"))

        return str(self._run(wait))

    def cell(self, pattern: str) -> str:
        """The first cell of a table of the open page that fits the whole of `pattern`, as soon as there is one.

        Tables are painted; what they say stands beside that for readers who cannot see.
        """

        def wait() -> str:
            try:
                return str(self._tab.wait_for_function(CELL, arg=f"^(?:{pattern})$").json_value())
            except Exception as error:
                raise AssertionError(f"no table ever said {pattern}: {self._tab.evaluate(CELLS)}") from error

        return str(self._run(wait))


@contextmanager
def looking(url: str, sid: str) -> Iterator[Looks]:
    """A browser with the cookie of somebody who signed in."""
    with ThreadPoolExecutor(1, "looks") as thread:

        def run(what: Callable[[], Any]) -> Any:
            return thread.submit(what).result()

        def begin() -> tuple[Any, Any, Any]:
            from playwright.sync_api import sync_playwright

            play = sync_playwright().start()
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            window = browser.new_context(viewport={"width": 1440, "height": 1000}, bypass_csp=True)
            window.add_cookies([{"name": "sid", "value": sid, "url": url}])
            window.set_default_timeout(PATIENCE)
            return play, browser, window.new_page()

        play, browser, tab = run(begin)
        try:
            yield Looks(url, run, tab)
        finally:
            run(browser.close)
            run(play.stop)
