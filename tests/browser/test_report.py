"""The evaluation's report in a real browser: no console error, nothing loaded, filter and sort work, it prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.cli.test_evaluate_report import HOSTILE, card, folder
from tests.unit.evaluation.test_scorecard import VIOLENCE, failed, finding, record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def records() -> list[dict[str, Any]]:
    """More than one page of items, of every kind of outcome."""
    score = finding("contextual_grounding", "GROUNDING", "NONE", score=0.4, threshold=0.7)
    made = [record(number, f"letter {number}", {"expected": "passed"}, scores=[score]) for number in range(150)]
    labels = {"expected": "blocked", "policies": ["VIOLENCE"], "pii": [[0, 9, "EMAIL"]]}
    made.append(record(150, HOSTILE, labels, [{**VIOLENCE, "confidence": "HIGH"}]))
    made.append(record(151, "missed one", {"expected": "blocked", "policies": ["VIOLENCE"]}))
    return [*made, failed(152)]


@pytest.fixture(name="complaints", scope="module")
def _complaints() -> list[str]:
    """Errors and requests of the page."""
    return []


@pytest.fixture(name="report", scope="module")
def _report(browser: Browser, tmp_path_factory: pytest.TempPathFactory, complaints: list[str]) -> Iterator[Page]:
    """The report, opened from its file."""
    from stepguard.report.page import write_report

    home = tmp_path_factory.mktemp("report")
    results = folder(home / "results", *records()) / "results.jsonl"
    file: Path = home / "report.html"
    write_report(file, {"run": HOSTILE, "corpus": HOSTILE}, card(*records()), results)
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append("a script of the corpus ran"))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(file.as_uri())
    yield page
    page.close()


def rows(page: Page) -> list[str]:
    """The ids that the table shows."""
    return [str(text) for text in page.locator("#table tbody tr td:nth-child(2)").all_inner_texts()]


def test_items_come_page_by_page(report: Page) -> None:
    """A browser stays quick with thousands."""
    assert len(rows(report)) == 100
    report.click("#more")
    assert len(rows(report)) == 153
    assert report.locator("#more").is_hidden()


def test_filters_work(report: Page) -> None:
    """By words, by what was found, by whether it was expected."""
    report.fill("#search", "LETTER 149")
    assert rows(report) == ["item-149"]
    report.fill("#search", "")
    report.select_option("#action", "blocked")
    assert rows(report) == ["item-150"]
    report.select_option("#action", "")
    report.select_option("#correct", "false")
    assert rows(report) == ["item-151"]
    report.select_option("#correct", "")
    assert report.inner_text("#count") == "153 of 153 items"


def test_columns_sort_both_ways(report: Page) -> None:
    """By a click, or from the keyboard; the header says which way."""
    report.click("button[data-key=number]")
    assert rows(report)[0] == "item-152"
    report.locator("button[data-key=number]").press("Enter")
    assert rows(report)[0] == "item-0"
    report.click("button[data-key=action]")
    assert rows(report)[0] == "item-150"
    assert report.locator("th[aria-sort=ascending]").inner_text() == "found"


def test_hostile_text_is_text(report: Page, complaints: list[str]) -> None:
    """Shown as it was written; no script of it ran, nothing was loaded, nothing complained."""
    report.fill("#search", "onerror")
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>" in report.inner_text("#table tbody")
    assert report.locator("main img").count() == 0
    report.fill("#search", "")
    assert complaints == []


def test_a_row_opens(report: Page, complaints: list[str]) -> None:
    """By a click or from the keyboard: the text, its marks, each layer's findings, the command for its history."""
    report.fill("#search", "onerror")
    button = report.locator("#table tbody button")
    button.press("Enter")
    detail = report.locator("tr.detail")
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>" in detail.inner_text()
    assert [mark.inner_text() for mark in detail.locator("mark").all()] == ["</script>"]
    assert "EMAIL expected" in detail.inner_text()
    assert "content/VIOLENCE blocked, confidence HIGH, input" in detail.inner_text()
    assert button.get_attribute("aria-expanded") == "true"
    assert detail.locator("img").count() == 0
    report.locator("#table tbody tr td:nth-child(5)").first.click()
    assert detail.count() == 0
    report.fill("#search", "letter 3")
    report.locator("#table tbody button").first.click()
    assert "score 0.40, threshold 0.70" in detail.inner_text()
    assert "stepguard history arn:3:0 --run" in detail.inner_text()
    report.fill("#search", "")
    assert complaints == []


def test_every_plot_is_drawn(report: Page) -> None:
    """Funnel, confusion, thresholds, strengths, latency."""
    assert report.locator("figure svg").count() == 5
    for plot in report.locator("figure svg").all():
        box = plot.bounding_box()
        assert box is not None
        assert box["width"] > 300


def test_it_prints(report: Page, tmp_path: Path) -> None:
    """Without the controls; as PDF."""
    report.emulate_media(media="print")
    assert report.locator("#filters").is_hidden()
    report.pdf(path=str(tmp_path / "report.pdf"))
    assert (tmp_path / "report.pdf").stat().st_size > 20_000
    report.emulate_media(media="screen")
