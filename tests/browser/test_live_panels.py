"""Panels are drawn anew without flicker: nothing fades while it is asked anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
Opened = Callable[..., Any]
WATCH = """
() => {
  const seen = window.__seen = {stale: 0, faintest: 1};
  const look = () => {
    for (const one of document.querySelectorAll("[data-testid=stElementContainer][data-stale=true]")) {
      seen.stale += 1;
      seen.faintest = Math.min(seen.faintest, Number(getComputedStyle(one).opacity));
    }
    requestAnimationFrame(look);
  };
  look();
}
"""


def test_a_panel_keeps_its_strength_while_it_is_asked_anew(opened: Opened) -> None:
    tab = opened("admin", "overview")
    tab.evaluate(WATCH)
    for place in (1, 2, 1):  # another length of time: Streamlit calls what stands there stale until the answer is there
        tab.get_by_role("radio").nth(place).click()
        tab.wait_for_timeout(1500)
    tab.wait_for_function("window.__seen.stale > 0", timeout=120_000)
    assert tab.evaluate("window.__seen.faintest") == 1, "what is shown fades while it is asked anew"
