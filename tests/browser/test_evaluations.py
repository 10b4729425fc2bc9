"""Evaluations on the page: the list, a run's progress and scorecard, its report, addresses, keys, hostile items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.test_page import XSS, show
from tests.e2e.product import Server, run, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ITEMS = [
    {
        "id": "0",
        "text": "Write to ann.lee@example.com.",
        "expected": "masked",
        "policies": ["sensitive_information/EMAIL"],
    },
    *({"id": text, "text": f"Letter {text}", "expected": "masked", "policies": ["word"]} for text in XSS),
]


@pytest.fixture(name="evaluated", scope="module")
def _evaluated(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a folder that has one run with a report; every id and text of an item is an attack."""
    folder = tmp_path_factory.mktemp("evaluations")
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(item) + "\n" for item in ITEMS), encoding="utf-8")
    with serve(folder) as server:
        ran = run("stepguard", "evaluate", str(corpus), "--home", str(server.home), env=server.env)
        assert ran.code == 0, ran.err
        corpus.write_text(json.dumps({**ITEMS[0], "id": "0", "expected": "blocked"}) + "\n", encoding="utf-8")
        ran = run("stepguard", "evaluate", str(corpus), "--home", str(server.home), env=server.env)
        assert ran.code == 0, ran.err
        yield server


@pytest.fixture(name="run_id")
def _run_id(evaluated: Server) -> str:
    """The first run's id."""
    _, body = evaluated.request("/evaluations")
    return str(body["evaluations"][1]["id"])


def test_the_list_leads_to_a_run_and_its_report_by_keys(page: Page, evaluated: Server, run_id: str) -> None:
    """From the header with Tab and Enter alone; the report's own script runs, and Back returns."""
    show(page, evaluated)
    for name in ("Evaluations", run_id, "Open the report"):
        link = page.get_by_role("link", name=name, exact=True).first
        link.wait_for()
        for _ in range(30):
            if link.evaluate("(node) => node === document.activeElement"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/evaluations/{run_id}/report.html")
    page.wait_for_selector("#table tbody tr")
    assert page.inner_text("#count") == f"{len(ITEMS)} of {len(ITEMS)} items"
    assert page.evaluate("origin") == "null"
    page.go_back()
    page.wait_for_selector("table.policies")


def test_a_run_shows_counts_stages_and_policies(page: Page, evaluated: Server, run_id: str) -> None:
    """A deep link opens it; precision and recall are next to each policy."""
    show(page, evaluated, f"evaluations/{run_id}")
    page.wait_for_selector("table.policies")
    text = " ".join(page.inner_text("main").split())

    assert f"succeeded {len(ITEMS)}" in text
    assert page.locator("progress").evaluate("(bar) => bar.value / bar.max") == 1
    assert page.locator("tr", has_text="EMAIL").first.inner_text().split()[:5] == ["EMAIL", "1", "1", "0", "0"]
    assert "GuardInput" in text
    assert page.title() == f"Evaluation {run_id} · stepguard"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download scorecard.json").click()
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["items"] == len(ITEMS)


def test_a_file_is_downloaded_by_every_name_of_this_machine(page: Page, evaluated: Server, run_id: str) -> None:
    """The links are signed for 127.0.0.1; the page at localhost follows them with its own name."""
    page.goto(f"{evaluated.url.replace('127.0.0.1', 'localhost')}/ui/#/evaluations/{run_id}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download scorecard.json").click()
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["items"] == len(ITEMS)


def test_hostile_items_stay_text(page: Page, evaluated: Server, run_id: str) -> None:
    """Ids among the items to look at first."""
    show(page, evaluated, f"evaluations/{run_id}")
    page.wait_for_selector("table.policies")

    for text in XSS:
        assert text in page.inner_text("main")
    assert page.locator("main img, main script, main iframe, main style").count() == 0
    assert "owned" not in page.title()


def test_every_item_is_reached_filtered_and_searched(page: Page, evaluated: Server, run_id: str) -> None:
    """The filters are in the address; an item is opened and left again."""
    show(page, evaluated, f"evaluations/{run_id}")
    rows = page.locator("table.items tbody tr")
    page.locator("#items-count", has_text=f"{len(ITEMS)} of {len(ITEMS)} items").wait_for()
    assert rows.count() == len(ITEMS)
    page.locator("#item-policy").fill("sensitive_information/EMAIL")
    page.keyboard.press("Enter")
    page.locator("#items-count", has_text=f"1 of 1 item, out of {len(ITEMS)}").wait_for()
    page.reload()
    page.locator("#items-count", has_text=f"1 of 1 item, out of {len(ITEMS)}").wait_for()
    rows.get_by_role("link").click()
    page.get_by_role("heading", name="Item 0").wait_for()
    assert " ".join(page.inner_text("main .facts >> nth=0").split()) == "expected ▒ masked found ▒ masked"
    page.go_back()
    page.locator("#item-text").fill("no such text")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("No item matches.").wait_for()


def test_two_runs_are_compared_with_changed_items_first(page: Page, evaluated: Server, run_id: str) -> None:
    """Chosen in the list: the newer run, next to the older one, with both verdicts."""
    show(page, evaluated, "evaluations")
    boxes = page.get_by_role("checkbox")
    boxes.nth(1).wait_for()
    for number in (0, 1):
        boxes.nth(number).check()
    page.get_by_role("button", name="Compare the two chosen").click()
    page.get_by_role("heading", name=f"The other run: {run_id}").wait_for()
    row = page.locator("table.items tbody tr").first
    row.get_by_text("newly wrong").wait_for()
    assert row.locator(".badge").all_inner_texts() == ["■ blocked", "▒ masked", "▒ masked"]
    assert [words for words in row.inner_text().split("\n") if "as expected" in words] == [
        "not as expected",
        "as expected",
    ]
    page.locator("#item-change").select_option("same")
    page.get_by_text("No item matches.").wait_for()
    assert "change=same" in page.url


def test_an_item_leads_to_its_stages(page: Page, evaluated: Server, run_id: str) -> None:
    """Its graph, path and verdicts, with an address for each stage; nothing is offered that needs a history."""
    show(page, evaluated, f"evaluations/{run_id}")
    page.get_by_role("link", name=XSS[4]).first.click()
    page.wait_for_selector("svg.graph")
    assert page.get_by_role("heading", name=f"Item {XSS[4]}").count() == 1
    assert page.locator("summary", has_text="Raw events").count() == 0
    show(page, evaluated, f"evaluations/{run_id}/items/0")
    page.locator(".timeline a", has_text="GuardAnswer").click()
    page.get_by_role("heading", name="GuardAnswer").wait_for()
    assert "NaN" not in page.inner_text("main")
    assert "1970" not in page.inner_text("main")
    address = page.url
    page.get_by_role("link", name="The evaluation").click()
    page.wait_for_selector("table.policies")
    page.goto(address)
    page.get_by_role("heading", name="GuardAnswer").wait_for()


def test_a_running_run_is_followed_to_its_end(page: Page, evaluated: Server, run_id: str) -> None:
    """Pending items count down without a reload; before the end there is no link to results."""
    answers: list[dict[str, Any]] = [
        {"status": "RUNNING", "total": None, "done": 0, "succeeded": 0, "failed": 0, "running": 0},
        {"status": "RUNNING", "total": 10, "done": 3, "succeeded": 2, "failed": 1, "running": 2},
        {"status": "FAILED", "total": 10, "done": 10, "succeeded": 2, "failed": 8, "running": 0, "error": XSS[1]},
    ]
    page.route(
        f"**/evaluations/{run_id}",
        lambda route: route.fulfill(json={"id": run_id, "started": "2026-11-22T10:00:00+00:00", **answers[0]}),
    )
    show(page, evaluated, f"evaluations/{run_id}")
    page.get_by_text("Reading the corpus").wait_for()
    del answers[0]
    page.wait_for_function(
        "() => document.querySelector('main dl')?.innerText.replace(/\\s+/g, ' ').includes('pending 5')"
    )
    assert page.get_by_role("link", name="Open the report").count() == 0
    del answers[0]
    page.get_by_role("link", name="Open the report").wait_for()
    assert XSS[1] in page.inner_text(".failure")


@pytest.mark.parametrize("name", ["no-such-run", "..%2F..%2Fx"])
def test_an_unknown_run_is_reported(page: Page, evaluated: Server, name: str) -> None:
    """In words, on the page."""
    show(page, evaluated, f"evaluations/{name}")
    page.get_by_role("alert").wait_for()
    assert page.inner_text("main [role=alert]")
