"""From the catalogue to a running app, clicked, on the demo with its worker."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import PATIENCE, settled

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
READY_WITHIN = 300_000
"""Milliseconds: the demo's WordPress takes under a minute on a machine with nothing else to do."""


def test_a_trial_is_ordered_with_a_double_click_and_comes_to_ready_through_a_reload(opened: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    tab = opened("customer", "new")
    tab.get_by_role("link", name="Pilih WordPress").click()
    tab.wait_for_url(re.compile(r"/order\?.*template=wordpress"), timeout=PATIENCE)
    button = tab.locator(".st-key-place button")
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.dblclick()
    tab.wait_for_url(re.compile(r"[?&]order=ord_"), timeout=PATIENCE)
    steps = tab.locator(".st-key-steps")
    expect(steps).to_contain_text("Basis data", timeout=PATIENCE)
    tab.reload()
    settled(tab)
    expect(tab.locator("h1")).to_have_text(re.compile(" siap$"), timeout=READY_WITHIN)
    expect(steps).to_contain_text("Alamat", timeout=PATIENCE)
    tab.get_by_role("link", name="Kelola").click()
    tab.wait_for_url(re.compile(r"/app\?id="), timeout=PATIENCE)
    settled(tab)
    asked = tab.context.request.get(f"{re.match(r'https?://[^/]+', tab.url)[0]}/api/v1/instances?limit=200").json()["items"]
    assert [one["template"] for one in asked].count("wordpress") == 2, "the demo's own and the ordered one: two clicks, one order"
