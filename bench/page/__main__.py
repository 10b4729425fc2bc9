"""How fast the page is with much in it: the first picture of each view, and from an input to the next picture.

Run as `python -m bench.page`; it needs Chromium and the packages of `make test-browser`. The browser measures paint and
events. A choice in a select is made by the script of a test, which event timing leaves out.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.filled import LONG, RUNS, filled
from tests.browser.test_scale import INTERACTIONS

VIEWS = ("", f"executions/{LONG}", "evaluations", f"evaluations/{RUNS[0]}", "guardrails", "chat")
_READY = "svg.graph, table.rows tbody tr, .card, #question:visible"
_OBSERVE = """() => { window.waits = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.waits.push([entry.name, entry.duration]);
}).observe({ type: 'event', durationThreshold: 16 }); }"""


def main() -> None:
    """Print a line for each view and each interaction."""
    with tempfile.TemporaryDirectory() as folder, filled(Path(folder)) as full, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for view in VIEWS:
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(f"{full.server.url}/ui/#/{view}")
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            print(f"first paint of #/{view}: {paint:.0f} ms", flush=True)
            page.context.close()
        for name, (address, act) in INTERACTIONS.items():
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(f"{full.server.url}/ui/#/{address}")
            page.wait_for_selector(_READY)
            page.wait_for_load_state("networkidle")
            print(f"{name}: {_longest(page, act)}", flush=True)
            page.context.close()
        browser.close()


def _longest(page: Page, act: object) -> str:
    assert callable(act)
    page.evaluate(_OBSERVE)
    act(page)
    page.wait_for_timeout(1500)
    waits = page.evaluate("window.waits")
    longest = max((wait for _, wait in waits), default=0)
    return f"{longest:.0f} ms to the next picture" if waits else "less than 16 ms to the next picture"


if __name__ == "__main__":
    main()
