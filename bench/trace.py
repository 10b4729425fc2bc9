"""Times for a history of 25,000 events: to read it, to explain it, and to use it in a browser.

    python bench/trace.py [--json]

AWS ends an execution at 25,000 events. The history here is a Map over questions, each of which passes two stages and a
Choice, with retries. The browser is Chromium, if there is one; it shows the single-file page, which is the page that
`stepguard serve` serves, with its data inside.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder's trace.py would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stepguard.trace import read_history, to_document
from stepguard.trace.events import details_member
from stepguard.trace.graph import graph
from stepguard.webserver.site import single_file

EVENTS = 25_000
LIMITS = {"trace_seconds": 1.0, "first_paint_seconds": 2.0, "state_click_seconds": 0.2}
TEXT = "Which of these medicines may be taken together, and which of them must never be taken by a pregnant woman? "
DEFINITION = {
    "StartAt": "Questions",
    "States": {
        "Questions": {
            "Type": "Map",
            "End": True,
            "ItemProcessor": {
                "StartAt": "GuardInput",
                "States": {
                    "GuardInput": {"Type": "Task", "Next": "InputIntervened?"},
                    "InputIntervened?": {"Type": "Choice", "Default": "InvokeModel"},
                    "InvokeModel": {"Type": "Task", "End": True},
                },
            },
        }
    },
}


def history(most: int = EVENTS) -> list[dict[str, Any]]:
    """Exactly `most` events, as GetExecutionHistory returns them."""
    events: list[dict[str, Any]] = []

    def add(kind: str, previous: int, **details: Any) -> int:
        number = len(events) + 1
        held = {details_member(kind): details} if details else {}
        events.append(
            {"id": number, "previousEventId": previous, "type": kind, "timestamp": 1.7e9 + number / 100, **held}
        )
        return number

    def task(name: str, previous: int, document: dict[str, Any], written: dict[str, Any], failures: int) -> int:
        last = add("TaskStateEntered", previous, name=name, input=json.dumps(document))
        for _ in range(failures):
            last = add("TaskStarted", add("TaskScheduled", last, resource="invoke", resourceType="lambda"))
            last = add("TaskFailed", last, error="Throttled", cause="{}")
        last = add("TaskStarted", add("TaskScheduled", last, resource="invoke", resourceType="lambda"))
        last = add("TaskSucceeded", last, output=json.dumps({"Payload": written, "StatusCode": 200}))
        return add("TaskStateExited", last, name=name, output=json.dumps({**document, **written}))

    add("ExecutionStarted", 0, input="{}")
    begun = add("MapStateStarted", add("MapStateEntered", 0, name="Questions", input="[]"), length=most)
    index = 0
    while len(events) < most - 40:
        last = add("MapIterationStarted", begun, name="Questions", index=index)
        document: dict[str, Any] = {"request": {"kind": "prompt", "text": f"{index} {TEXT}", "caller": "bench"}}
        found = [{"policy": "content", "name": "INSULTS", "action": "NONE", "confidence": "LOW", "layer": "preprocess"}]
        guard = {
            "input_guard": {"outcome": "passed", "text": TEXT, "findings": found, "text_units": {"topicPolicyUnits": 1}}
        }
        last = task("GuardInput", last, document, guard, index % 7 == 0)
        document |= guard
        last = add("ChoiceStateEntered", last, name="InputIntervened?", input=json.dumps(document))
        last = add("ChoiceStateExited", last, name="InputIntervened?", output=json.dumps(document))
        last = task("InvokeModel", last, document, {"model": {"outcome": "passed", "text": TEXT, "findings": []}}, 0)
        add("MapIterationSucceeded", last, name="Questions", index=index)
        index += 1
    last = add("MapStateExited", add("MapStateSucceeded", len(events)), name="Questions", output="[]")
    while len(events) < most - 1:
        last = add(
            "PassStateEntered" if len(events) % 2 else "PassStateExited", last, name="Pad", input="{}", output="{}"
        )
    add("ExecutionSucceeded", last, output="{}")
    return events


def seconds(work: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """The best time of some rounds, and the result."""
    best, result = float("inf"), None
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return best, result


def in_browser(page: str) -> dict[str, float] | None:
    """First paint and the click on a state, in seconds; None without Chromium and Playwright."""
    chromium = os.environ.get("STEPGUARD_CHROMIUM") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        begin = time.perf_counter()
        tab.goto(file.as_uri())
        tab.wait_for_selector("svg.graph")
        shown = time.perf_counter() - begin
        paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
        click = tab.evaluate(_CLICK)
        browser.close()
    return {
        "first_paint_seconds": shown if paint is None else paint / 1000,
        "usable_seconds": shown,
        "state_click_seconds": click / 1000,
    }


_CLICK = """() => new Promise((resolve) => {
  const begin = performance.now();
  const seen = new MutationObserver(() => {
    if (document.querySelector('#visit')?.textContent.startsWith('InvokeModel')) {
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
    }
  });
  seen.observe(document.querySelector('.panel'), { childList: true });
  document.querySelector('[data-state=InvokeModel]').dispatchEvent(new MouseEvent('click', { bubbles: true }));
})"""


def main() -> int:
    """Measure, print, and return 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    events = history()
    trace_seconds, trace = seconds(lambda: read_history(events))
    document_seconds, document = seconds(lambda: to_document(trace, "bench"), rounds=1)
    document["graph"] = graph(DEFINITION)
    page = single_file([document])
    result: dict[str, Any] = {
        "events": len(events),
        "visits": len(trace.visits),
        "trace_seconds": round(trace_seconds, 3),
        "document_seconds": round(document_seconds, 3),
        "document_megabytes": round(len(json.dumps(document)) / 1e6, 2),
        "visits_without_data": document["cut"],
    }
    measured = in_browser(page)
    result |= {key: round(value, 3) for key, value in measured.items()} if measured else {"browser": "none"}
    missed = [name for name, limit in LIMITS.items() if result.get(name, 0) > limit]
    result["missed"] = missed
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            limit = f"  (limit {LIMITS[name]:g})" if name in LIMITS else ""
            print(f"{name:<22} {value}{limit}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
