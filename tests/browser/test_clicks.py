"""The main paths, clicked."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import PATIENCE, settled, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Opened = Callable[..., Any]
HEADING, ROW, OPEN = 35, 35, 22
"""Pixels of a table on a canvas: height of heading and row, and the middle of the column that opens."""


def arrived(tab: Any, pattern: str) -> Any:
    tab.wait_for_url(re.compile(pattern), timeout=PATIENCE)
    return settled(tab)


def headed(tab: Any, pattern: str) -> None:
    """The page that was opened by a click has drawn its own headline: that of the page before stands until then."""
    tab.locator("h1").filter(has_text=re.compile(pattern)).wait_for(timeout=PATIENCE)


def open_row(tab: Any, row: int = 0) -> None:
    """Click the cell that opens a row of the last table, until it opens: what stands above it may still be drawn and push it down.

    It is a canvas: it has no elements to click, and the grid lays a layer over it that a locator minds.
    """
    before = tab.url
    for _ in range(10):
        canvas = tab.locator("[data-testid=stDataFrame]").last.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        tab.mouse.click(box["x"] + OPEN, box["y"] + HEADING + ROW * row + ROW // 2)
        for _ in range(20):
            if tab.url != before:
                return
            tab.wait_for_timeout(250)


def click_chart(tab: Any, chart: str, x: float, y: float) -> None:
    """Click at shares of a chart's width and height."""
    drawn = tab.locator(f".st-key-{chart} canvas").first
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    drawn.click(position={"x": box["width"] * x, "y": box["height"] * y})


def test_the_root_opens_the_overview_for_staff(opened: Opened) -> None:
    tab = opened("admin", "")
    arrived(tab, "/overview$")
    assert tab.locator("h1").count() == 1


def test_a_pod_opens_from_the_table_and_leads_back(opened: Opened) -> None:
    tab = opened("admin", "cluster?node=node-1")
    open_row(tab)
    arrived(tab, r"/pod\?uid=")
    tab.locator("[data-testid=stMain]").get_by_role("link", name="node-1").wait_for(timeout=PATIENCE)
    tab.locator("[data-testid=stMain]").get_by_role("link", name="Cluster").click()
    arrived(tab, "/cluster")


def test_a_pod_opens_from_the_map(opened: Opened) -> None:
    tab = opened("admin", "cluster")
    click_chart(tab, "node_map", 0.2, 0.85)
    link = tab.locator("[data-testid=stMain]").get_by_role("link", name=re.compile("^Open ", re.I))
    link.click()
    arrived(tab, r"/pod\?uid=")
    tab.locator("[data-testid=stMain]").get_by_role("link", name="node-1").wait_for(timeout=PATIENCE)


def test_an_organization_opens_from_the_overview(opened: Opened) -> None:
    tab = opened("admin", "overview")
    click_chart(tab, "consumers_chart", 0.3, 0.06)
    arrived(tab, r"/organization\?id=")
    headed(tab, "in good standing")


def test_an_organization_opens_from_the_list(opened: Opened) -> None:
    tab = opened("admin", "organizations?q=Kopi")
    open_row(tab)
    arrived(tab, r"/organization\?id=")
    headed(tab, "^Kopi")


def test_the_csv_holds_every_row_that_the_filters_leave(opened: Opened, tmp_path: Path) -> None:
    tab = opened("admin", "cluster?node=node-2")
    button = tab.locator(".st-key-pods_csv button")
    said = int(re.search(r"(\d+) row", button.inner_text()).group(1))
    with tab.expect_download(timeout=PATIENCE) as began:
        button.click()
    began.value.save_as(tmp_path / "pods.csv")
    rows = list(csv.DictReader((tmp_path / "pods.csv").read_text("utf-8").splitlines()))
    assert len(rows) == said > 10
    assert {row["node"] for row in rows} == {"node-2"}
    assert all(row["memory_request"].isdigit() for row in rows), "base units, not MiB"


def test_filters_stand_in_the_address_and_survive_a_reload(opened: Opened) -> None:
    from playwright.sync_api import expect

    tab = opened("admin", "cluster")
    search = tab.get_by_placeholder("Search pods")
    search.fill("kopi-senja")
    search.press("Enter")
    tab.wait_for_url(re.compile("q=kopi-senja"), timeout=PATIENCE)
    found = tab.get_by_text(re.compile(r"\d+ of \d+ pods match"))
    found.filter(has_not_text=re.compile(r"^(\d+) of \1 ")).wait_for(timeout=PATIENCE)
    before = found.inner_text()
    tab.reload()
    settled(tab)
    expect(search).to_have_value("kopi-senja", timeout=PATIENCE)  # a field takes its value some moments after it is drawn
    assert found.inner_text() == before


def test_the_range_of_the_utilization_stands_in_the_address(opened: Opened) -> None:
    tab = opened("admin", "overview")
    tab.get_by_role("radio", name="7 d").click()
    tab.wait_for_url(re.compile(r"range=7\+d"), timeout=PATIENCE)
    tab.reload()
    settled(tab)
    assert tab.get_by_role("radio", name="7 d").get_attribute("aria-checked") == "true"
    assert tab.locator("[data-testid=stException]").count() == 0


def test_a_customer_follows_an_app_on_the_phone(opened: Opened) -> None:
    tab = opened("customer", "home", width=390, height=844, theme="dark")
    main = tab.locator("[data-testid=stMain]")
    first = main.locator("h3").first.inner_text()
    main.get_by_role("link", name="Pantau").first.click()
    arrived(tab, r"/app\?id=")
    headed(tab, f"^{re.escape(first)}:")
    main.get_by_role("link", name="Beranda").click()
    arrived(tab, "/home")


def test_a_customer_who_asks_for_a_staff_page_gets_none_of_it(opened: Opened) -> None:
    tab = opened("customer", "cluster")
    assert "node-1" not in tab.inner_text("body")


def test_without_a_session_every_page_leads_to_the_sign_in(server: str, browser: Any) -> None:
    window = browser.new_context()
    tab = window.new_page()
    tab.goto(f"{server}/overview")
    tab.wait_for_url("**/login*", timeout=PATIENCE)
    window.close()


def test_after_signing_out_the_way_back_shows_nothing(server: str, browser: Any) -> None:
    window = browser.new_context(bypass_csp=True)
    tab = window.new_page()
    tab.set_default_timeout(PATIENCE)
    sign_in(tab, server, "admin")
    arrived(tab, "/overview$")
    headline = tab.locator("h1").inner_text()
    tab.get_by_role("link", name="Sign out").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url(re.compile("/login"))
    tab.go_back()
    tab.wait_for_url(re.compile("/log(in|out)"))
    assert headline not in tab.inner_text("body")
    tab.goto(f"{server}/overview")
    tab.wait_for_url(re.compile("/login"))
    window.close()
