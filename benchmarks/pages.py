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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.sync_api import sync_playwright
from portal import options, portal
from visits import FLAGS, visit


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
