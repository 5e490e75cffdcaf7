"""First and last days of customers, clicked: English from the sign-up to a mended crash, Indonesian from a backup to the deletion."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import PATIENCE, settled

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
READY_WITHIN = 300_000
"""Milliseconds, for what the simulated cluster does in less than a minute on a machine with nothing else to do."""
EMAIL = "robin@journey.example"


def _link(data: Path, to: str) -> str:
    """The newest link that was mailed to somebody, as they would click it."""
    with closing(sqlite3.connect(f"file:{data / 'store.sqlite'}?mode=ro", uri=True)) as store:
        (text,) = store.execute('SELECT text FROM mail WHERE "to" = ? ORDER BY created_at DESC LIMIT 1', (to,)).fetchone()
    found = re.search(r"https?://[^/\s]+(/\S+)", text)
    assert found, text
    return found[1]


def _confirm(opener: Any, button: Any) -> None:
    """Open what asks first and say yes. It is opened again when the page moved while it opened, and it stands where nobody sees it."""
    from playwright.sync_api import TimeoutError as TooLate

    tab = opener.page
    for _ in range(8):
        opener.click()
        try:
            button.click(timeout=6_000)
        except TooLate:
            tab.keyboard.press("Escape")
            tab.wait_for_timeout(700)
        else:
            return
    raise AssertionError("what asks first was never in sight")


def _ready(tab: Any, word: str) -> None:
    from playwright.sync_api import expect

    tab.wait_for_url(re.compile(r"[?&]order=ord_"), timeout=PATIENCE)
    expect(tab.locator("h1")).to_have_text(re.compile(word), timeout=READY_WITHIN)


def _reads(tab: Any, selector: str, words: str) -> None:
    """The part of the page says so, sooner or later; a page that renews itself slowly is loaded anew."""
    from playwright.sync_api import expect

    for _ in range(6):
        try:
            expect(tab.locator(selector).first).to_contain_text(words, timeout=50_000)
        except AssertionError:
            tab.reload()
            settled(tab)
        else:
            return
    expect(tab.locator(selector).first).to_contain_text(words, timeout=PATIENCE)


def test_a_first_day_in_english(server: str, server_data: Path, browser: Any) -> None:
    from playwright.sync_api import expect

    window = browser.new_context(viewport={"width": 1440, "height": 1800}, locale="en-US", bypass_csp=True)
    window.set_default_timeout(PATIENCE)
    tab = window.new_page()
    tab.goto(f"{server}/signup")
    tab.fill("input[name=name]", "Robin Reed")
    tab.fill("input[name=organization]", "Journey Ltd")
    tab.fill("input[name=email]", EMAIL)
    tab.click("button[type=submit]")
    expect(tab.locator("body")).to_contain_text(EMAIL)
    tab.goto(f"{server}{_link(server_data, EMAIL)}")
    for field in tab.locator("input[type=password]").all():
        field.fill("a quiet morning at sea")
    tab.click("button[type=submit]")
    tab.wait_for_selector("[data-testid=stApp]")

    tab.goto(f"{server}/order?template=container")
    settled(tab)
    image = tab.get_by_role("textbox", name="Which image?")
    image.fill("ghcr.io/journey/app:1.0")
    image.press("Enter")
    place = tab.locator(".st-key-place button")
    expect(place).to_be_enabled(timeout=PATIENCE)
    place.click()
    _ready(tab, "is ready")
    tab.get_by_role("link", name="Look after it").click()
    tab.wait_for_url(re.compile(r"/app\?id="))
    settled(tab)

    tab.locator("summary").filter(has_text="Add-ons").click()
    _confirm(tab.locator(".st-key-component_valkey").get_by_role("button").first, tab.locator(".st-key-add_valkey button"))
    _reads(tab, "[data-testid=stMain]", "2 of 2 parts ready")

    tab.locator("summary").filter(has_text=re.compile("Settings$")).click()
    image = tab.get_by_role("textbox", name="Which image?")
    image.fill("ghcr.io/journey/sim-fault-crash:2.0")
    image.press("Enter")
    tab.locator(".st-key-settings_app button").click()
    _reads(tab, ".st-key-diagnosis", "web")
    back = tab.locator(".st-key-diagnosis").get_by_role("button", name="Go back").first
    _confirm(back, tab.locator("[class*=st-key-fix_back]").get_by_role("button"))
    _reads(tab, "[data-testid=stMain]", "2 of 2 parts ready")
    expect(tab.locator(".st-key-diagnosis")).to_have_count(0, timeout=READY_WITHIN)
    window.close()


def test_a_last_day_in_indonesian(opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    tab = opened("customer", "order?template=ghost", height=1800)
    place = tab.locator(".st-key-place button")
    expect(place).to_be_enabled(timeout=PATIENCE)
    place.click()
    _ready(tab, " siap$")
    tab.get_by_role("link", name="Kelola").click()
    tab.wait_for_url(re.compile(r"/app\?id="))
    settled(tab)
    app = tab.url
    tab.locator(".st-key-reveal button").click()
    _reads(tab, ".st-key-credentials", "sari@kopi-senja.example")

    tab.locator(".st-key-backup_now button").click()
    _reads(tab, ".st-key-backups", "disimpan sampai")
    tab.locator(".st-key-backups").get_by_role("button", name="Kembalikan").first.click()
    over = tab.locator("[data-testid=stPopoverBody]")
    over.get_by_role("textbox").fill("ghost")
    over.get_by_role("button").last.click()
    _reads(tab, ".st-key-backups", "sedang dikembalikan")
    expect(tab.locator(".st-key-backups")).not_to_contain_text("sedang dikembalikan", timeout=READY_WITHIN)
    _reads(tab, "h1", "Berjalan")

    tab.goto(app)
    settled(tab)
    tab.locator("summary").filter(has_text="Hapus").click()
    away = tab.locator("[data-testid=stExpander]").filter(has_text="Hapus").last
    away.get_by_role("textbox").fill("ghost")
    away.get_by_role("button").last.click()
    tab.wait_for_url(re.compile("/home"))
    settled(tab)
    _reads(tab, ".st-key-deleted_apps", "ghost")
