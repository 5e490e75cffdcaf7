"""A page as its reader waits for it: once with an empty cache, once again after a click."""

from __future__ import annotations

import time

from playwright.sync_api import Browser
from portal import Portal

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """() => {
    const app = document.querySelector("[data-testid=stApp]"), state = () => app.getAttribute("data-test-script-state");
    window.rerun = new Promise(done => {
        let began = 0, ran = false;
        document.addEventListener("click", () => { began = performance.now(); }, {once: true, capture: true});
        new MutationObserver(() => {
            ran ||= state() === "running";
            if (ran && state() === "notRunning") done(performance.now() - began);
        }).observe(app, {attributes: true});
    });
}"""
"""A rerun may be over before the next look from outside, so the page itself takes the times."""
FINISHED = "[data-testid=stApp][data-test-script-state=notRunning]"


def visit(browser: Browser, one: Portal, cookies: dict[str, str], page: str) -> tuple[float, float]:
    """Seconds of the cold opening and of a rerun."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": one.url} for name, value in cookies.items()])
    tab = context.new_page()
    began = time.perf_counter()
    tab.goto(f"{one.url}/{'' if page == 'overview' else page}", wait_until="commit")
    tab.wait_for_selector("h1", timeout=60_000)
    tab.wait_for_selector(FINISHED, timeout=60_000)
    cold = time.perf_counter() - began
    tab.wait_for_timeout(1500)
    tab.evaluate(WATCH)
    tab.click(f'[data-testid=stSidebarNav] a[href$="{page}"]')
    rerun = tab.evaluate("() => window.rerun") / 1000
    context.close()
    return cold, rerun
