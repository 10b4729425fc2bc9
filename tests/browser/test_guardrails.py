"""Guardrails and knowledge on the page: what is in use, a text under every layer, documents and their search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.test_page import XSS, show, violations
from tests.e2e.product import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCUMENTS = {
    "knowledge_base": "KB1",
    "documents": [
        {"name": XSS[1], "groups": ["everyone"], "screening": "passed", "status": "INDEXED"},
        {"name": "menu.md", "groups": ["staff"], "screening": "masked", "status": "FAILED"},
    ],
    "flagged": ["orders.txt"],
    "ingestion": {"status": "COMPLETE", "statistics": {"numberOfNewDocumentsIndexed": 2}, "failures": [XSS[0]]},
}


def test_a_text_is_judged_under_every_layer(page: Page, server: Server) -> None:
    """As a question and as an answer with its source; scores stand by the limits of their filters."""
    show(page, server, "guardrails")
    page.get_by_label("Input layer", exact=True).get_by_text("Content filters (6)").wait_for()
    text = page.inner_text(".layers")
    assert "version in use" in text
    assert "GROUNDING: at least 0.7" in text

    page.get_by_label("Text", exact=True).fill(f"You idiot, write to ann.lee@example.com. {XSS[1]}")
    page.get_by_role("button", name="Judge").click()
    verdict = page.get_by_label("Input layer: verdict")
    verdict.get_by_text("INSULTS").wait_for()
    assert "acts from LOW on" in verdict.inner_text()
    assert "EMAIL" in verdict.inner_text()
    assert "found from 0.60 on" in verdict.inner_text()
    assert page.locator("main img").count() == 0

    page.get_by_label("Text", exact=True).fill("The shop opens at nine.")
    page.get_by_label("Judge it as").select_option("an answer")
    page.get_by_text("What the answer must rest on").click()
    page.get_by_label("Source").fill("Our museum has forty paintings of the sea.")
    page.get_by_label("Question", exact=True).fill("When does the shop open?")
    page.get_by_role("button", name="Judge").click()
    page.get_by_label("Model layer: verdict").get_by_text("GROUNDING", exact=True).wait_for()
    assert "acts below 0.70" in page.get_by_label("Model layer: verdict").inner_text()


def test_documents_are_shown_with_their_states_and_searched(page: Page, server: Server) -> None:
    """Those that were left out first; a search says what was found; hostile names stay text."""
    show(page, server, "knowledge")
    page.get_by_text("No document yet.").wait_for()
    found = {"results": [{"text": XSS[0], "uri": f"s3://b/{XSS[2]}", "score": 0.5}]}
    page.route("**/ui/documents", lambda route: route.fulfill(json=DOCUMENTS))
    page.route("**/ui/search", lambda route: route.fulfill(json=found))
    page.reload()
    rows = page.locator("table.documents tbody tr")
    rows.first.wait_for()
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["orders.txt", XSS[1], "menu.md"]
    assert "new documents indexed" in page.inner_text("main")
    page.get_by_label("Name contains").fill("menu")
    assert page.locator("table.documents tbody tr:visible").count() == 1
    page.get_by_label("Search the documents").fill("menu")
    page.keyboard.press("Enter")
    page.get_by_text("score 0.500").wait_for()
    assert XSS[0] in page.inner_text(".found")
    assert page.locator("main img, main script, main svg").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_axe_finds_nothing(browser: Browser, server: Server, width: int, scheme: Any) -> None:
    """And nothing is wider than the window."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844}, bypass_csp=True)
    page = context.new_page()
    page.route("**/ui/documents", lambda route: route.fulfill(json=DOCUMENTS))
    found: list[str] = []
    for address, there in (("guardrails", ".card"), ("knowledge", "table.documents")):
        show(page, server, address)
        page.wait_for_selector(there)
        if address == "guardrails":
            page.get_by_label("Text", exact=True).fill("My name is Ann Lee.")
            page.get_by_role("button", name="Judge").click()
            page.wait_for_selector("#judged .card")
        found += [f"{address}: {line}" for line in violations(page)]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert found == []
