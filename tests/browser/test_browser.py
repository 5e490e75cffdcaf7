"""Every page in a real browser, through a really running server: at both sizes, light and dark, readable for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.ui import navigation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Opened = Callable[..., Any]
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
LOOKS = [("desk", "light"), ("phone", "dark")]
SERIOUS = ("serious", "critical")
STREAMLITS_OWN = ("list", "listitem")
"""Streamlit puts each section of its menu into a `div` between `ul` and `li`, which these rules mind: they hold outside the menu."""
IN_THE_MENU = "one => one.closest('[data-testid=stSidebarNav]') !== null"
EMPTY_POINT = "one => one.childElementCount === 0 && one.closest('[data-testid=stMetricChart]') !== null"
"""Streamlit's sparkline has a group for the point under the mouse; while the mouse is elsewhere, `svg-img-alt` takes it for an image."""
EVERYWHERE = [(entry, size, theme) for entry in navigation.ENTRIES for size, theme in LOOKS]


def whole(tab: Any) -> None:
    """Nothing failed on the page and it does not scroll sideways."""
    assert tab.locator("[data-testid=stException]").count() == 0
    assert tab.get_by_text("Page not found").count() == 0
    assert tab.locator("h1").count() == 1
    assert (
        tab.evaluate("(() => {const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth})()")
        <= 0
    )


def readable(tab: Any) -> None:
    """No serious or critical violation of the rules of axe-core; looked at again when a panel may just have been drawn anew, paler.

    On a busy machine that takes seconds, every five seconds; a violation of the page itself is there each time.
    """
    for _ in range(12):
        found = _violations(tab)
        if not found:
            return
        tab.wait_for_timeout(1700)  # no divisor of the panels' five seconds
    pytest.fail(f"{len(found)} violations at each of twelve looks: {found}")


def _violations(tab: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:300]}"
        for v in found
        if v["impact"] in SERIOUS
        for node in v["nodes"]
        if not _streamlits_own(tab, v["id"], node["target"][0])
    ]


def _streamlits_own(tab: Any, rule: str, target: str) -> bool:
    """What no page of ours can mend: it is drawn by Streamlit whatever one asks of it."""
    own = IN_THE_MENU if rule in STREAMLITS_OWN else EMPTY_POINT if rule == "svg-img-alt" else None
    return own is not None and bool(tab.locator(target).first.evaluate(own))


@pytest.mark.parametrize(
    ("entry", "size", "theme"), EVERYWHERE, ids=[f"{entry.name}-{size}-{theme}" for entry, size, theme in EVERYWHERE]
)
def test_page_is_whole_and_readable(opened: Opened, known: dict[str, str], entry: navigation.Entry, size: str, theme: str) -> None:
    width, height = SIZES[size]
    tab = opened("admin" if entry.staff else "customer", known.get(entry.name, entry.name), width=width, height=height, theme=theme)
    whole(tab)
    readable(tab)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sign_in_is_readable(server: str, browser: Any, theme: str) -> None:
    window = browser.new_context(color_scheme=theme, bypass_csp=True, viewport={"width": 390, "height": 844})
    tab = window.new_page()
    tab.goto(f"{server}/login")
    assert tab.locator("h1").count() == 1
    readable(tab)
    window.close()


@pytest.mark.parametrize("page", ["overview", "cluster", "capacity", "pod"])
def test_the_busiest_pages_are_readable_in_the_other_theme_too(opened: Opened, known: dict[str, str], page: str) -> None:
    tab = opened("admin", known.get(page, page), theme="dark")
    whole(tab)
    readable(tab)


@pytest.mark.parametrize("page", ["home", "app", "account", "new", "order?template=ghost"])
def test_a_customers_phone_in_daylight(opened: Opened, known: dict[str, str], page: str) -> None:
    tab = opened("customer", known.get(page, page), width=390, height=844, theme="light")
    whole(tab)
    readable(tab)
