"""A page in a browser: with an empty cache, and again after a click, as its reader waits for it.

    .venv/bin/python benchmarks/pages.py [--pages overview,cluster,capacity] [--rounds 5]

Cold: a new browser with a session cookie opens the address; the time until the page's headline stands there and Streamlit says it
has finished. Rerun: its entry in the menu is clicked again, until the script has finished. Needs Debian's chromium; starts a demo unless
--url names a portal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.sync_api import Browser, sync_playwright
from portal import Portal, options, portal

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options(parser)
    parser.add_argument("--pages", default="overview,cluster,capacity")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    chosen = parser.parse_args()
    with portal(chosen) as one, sync_playwright() as playwright:
        cookies = dict(one.sign_in().cookies.items())
        print("| page | empty cache, median | rerun, median |\n|---|---|---|")
        for page in chosen.pages.split(","):
            cold: list[float] = []
            rerun: list[float] = []
            for _ in range(chosen.rounds):
                browser = playwright.chromium.launch(executable_path=chosen.chromium, args=FLAGS)
                first, second = visit(browser, one, cookies, page)
                browser.close()
                cold.append(first)
                rerun.append(second)
            print(f"| {page} | {statistics.median(cold):.2f} s | {statistics.median(rerun):.2f} s |", flush=True)


if __name__ == "__main__":
    main()
