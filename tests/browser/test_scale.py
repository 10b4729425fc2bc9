"""Every view, size and theme, with 500 executions, 25,000 events, two runs of 20,000 items and hostile texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.filled import EXECUTIONS, HOSTILE, LONG, RUNS, Filled, filled
from tests.browser.test_guardrails import DOCUMENTS
from tests.browser.test_page import show, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NEWER, OLDER = RUNS
WIDTHS = {375: 812, 1280: 800, 1920: 1080}
VIEWS = {
    "chat": ("chat", "#question"),
    "conversation": ("chat/{conversation}", ".turn .reply"),
    "executions": ("", "table.list tbody tr"),
    "no execution": ("?text=no-such-text", "main a[href='#/']"),
    "wrong filter": ("?outcome=nonsense", "main .failure"),
    **{name: (f"executions/{{{name}}}", "svg.graph") for name in ("blocked", "hostile", "long")},
    "no such execution": ("executions/none", "main .failure"),
    "compare": ("compare/{hostile}/{answered}", "table.paths"),
    "evaluations": ("evaluations", "table.list tbody tr"),
    "run": (f"evaluations/{NEWER}", "table.items td"),
    "two runs": (f"evaluations/{NEWER}/compare/{OLDER}", "table.items td"),
    "item": (f"evaluations/{NEWER}/items/3", "svg.graph"),
    "no such run": ("evaluations/none", "main [role=alert]"),
    "guardrails": ("guardrails", ".layers .card"),
    "knowledge": ("knowledge", "table.documents"),
    "no such page": ("nothing", "main h1"),
}  # fmt: skip
NODES = 4_000
"""The most elements of a page, and the most that one interaction may add: a browser lays out so many in some 50 ms."""

OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth + 1;
  const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
  const shown = (element) => element.checkVisibility() && !element.closest('.unseen, .skip, [aria-hidden=true], thead');
  const found = [];
  const look = (element) => {
    if (!shown(element)) return;
    const box = element.getBoundingClientRect();
    const name = `${element.localName}.${element.getAttribute('class') ?? ''}`;
    if (box.width && (box.right > wide || box.left < -1)) found.push(`${name} from ${box.left} to ${box.right}`);
    if (element.localName === 'svg' || scrolls(element)) return;
    if (element.localName !== 'input' && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1 &&
        getComputedStyle(element).display !== 'inline') found.push(`${name} is wider than its box`);
    for (const child of element.children) look(child);
  };
  look(document.body);
  return found;
}"""
"""Elements that reach out of the window, or whose content reaches out of them, unless they scroll."""


@pytest.fixture(name="full", scope="module")
def _full(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with filled(tmp_path_factory.mktemp("full")) as full:
        yield full


@pytest.fixture(name="tabs", scope="module")
def _tabs(browser: Browser, full: Filled) -> Iterator[dict[int, Page]]:
    """A page of each width. Axe needs a page without its policy; what was requested is checked at the end."""
    contexts = [
        browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", bypass_csp=True)
        for width, height in WIDTHS.items()
    ]
    requested: set[str] = set()
    tabs = {}
    for width, context in zip(WIDTHS, contexts, strict=True):
        page = tabs[width] = context.new_page()
        page.set_default_timeout(30_000)
        page.route("**/ui/documents", lambda route: route.fulfill(json=DOCUMENTS))
        page.on("request", lambda request: requested.add(request.url))
    yield tabs
    for context in contexts:
        context.close()
    assert [url for url in requested if not url.startswith((f"{full.server.url}/", "data:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_no_violation_and_no_overflow(tabs: dict[int, Page], full: Filled, view: str, width: int) -> None:
    """Boxes are measured; all rules of axe in light, those of colours in dark, since nothing else changes."""
    page = tabs[width]
    address, there = VIEWS[view]
    page.goto("about:blank")
    page.emulate_media(color_scheme="light")
    show(page, full.server, address.format(**full.names))
    page.wait_for_selector(there)
    assert page.evaluate("document.querySelectorAll('*').length") < NODES
    assert page.evaluate(OVERFLOWING) == []
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    assert found + violations(page, only=["color-contrast"]) == []
    assert page.title().replace(HOSTILE, "").count("owned") == 0


INTERACTIONS: dict[str, tuple[str, Any]] = {
    "choose a filter": ("", lambda page: page.locator("#filter-outcome").select_option("masked")),
    "older executions": ("", lambda page: page.locator("#more").click()),
    "a state by key": (f"executions/{LONG}", lambda page: page.locator(".timeline a").first.press("ArrowDown")),
    "a state by click": (f"executions/{LONG}", lambda page: page.locator("svg.graph [data-state=GuardAnswer]").click()),
    "the next states": (f"executions/{LONG}", lambda page: page.get_by_role("button", name="Next").last.click()),
    "the last states": (f"executions/{LONG}", lambda page: page.get_by_role("button", name="Last").click()),
    "raw events": (f"executions/{LONG}", lambda page: page.locator("summary", has_text="Raw events").click()),
    "the last items": (f"evaluations/{NEWER}", lambda page: page.get_by_role("button", name="Last").click()),
    "search items": (f"evaluations/{NEWER}", lambda page: page.locator("#item-text").press("Enter")),
    "another curve": (f"evaluations/{NEWER}", lambda page: page.locator("#sweep-filter").select_option(index=1)),
    "changed items": (
        f"evaluations/{NEWER}/compare/{OLDER}",
        lambda page: page.locator("#item-change").select_option("same"),
    ),
}  # fmt: skip
"""An address and what a person does there."""


@pytest.mark.parametrize("name", INTERACTIONS)
def test_an_interaction_builds_a_bounded_part_of_the_page(page: Page, full: Filled, name: str) -> None:
    """However much there is: the elements that it adds are counted, since times depend on the machine."""
    address, act = INTERACTIONS[name]
    show(page, full.server, address)
    page.wait_for_selector("svg.graph, table.rows tbody tr")
    page.wait_for_load_state("networkidle")
    page.evaluate(
        """() => { window.added = 0; new MutationObserver((records) => records.forEach((record) => {
          for (const node of record.addedNodes) window.added += 1 + (node.querySelectorAll?.('*').length ?? 0);
        })).observe(document.body, { childList: true, subtree: true }); }"""
    )
    act(page)
    page.wait_for_function("() => window.added > 0")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.added") < NODES
    assert page.evaluate("document.querySelectorAll('*').length") < NODES


def test_a_page_is_there_before_its_data(page: Page, full: Filled) -> None:
    """The first picture waits for no answer of the API."""
    page.route(f"{full.server.url}/executions**", lambda _: None)
    page.route(f"{full.server.url}/evaluations**", lambda _: None)
    for address in ("", f"executions/{LONG}", f"evaluations/{NEWER}", "evaluations"):
        show(page, full.server, address)
        page.locator("main h1").wait_for()


def test_events_are_found_by_their_type_in_a_long_history(page: Page, full: Filled) -> None:
    """Also behind those that are shown; the page holds a part of them, and what is open in it stays."""
    show(page, full.server, f"executions/{LONG}")
    page.locator("summary", has_text="Raw events").click()
    page.locator("#events-count", has_text="200 of at least 1,000 events").wait_for()
    page.locator(".events summary").first.click()
    page.get_by_role("button", name="More events").click()
    page.locator("#events-count", has_text="400 of at least").wait_for()
    assert page.locator(".events > li > details").first.get_attribute("open") is not None
    page.get_by_label("Type contains").fill("StateExited")
    page.locator("#events-count", has_text="200 of at least 399 events").wait_for()
    assert page.locator(".events li").count() == 200
    assert {row.split()[1] for row in page.locator(".events > li > details > summary").all_text_contents()} == {
        "TaskStateExited"
    }


def test_the_last_state_of_a_long_history_is_reached(page: Page, full: Filled) -> None:
    """By its address, by the buttons and by the keys."""
    show(page, full.server, f"executions/{LONG}/4998")
    page.locator(".timeline a[aria-current]").wait_for()
    assert str(page.locator(".timeline a[aria-current]").get_attribute("href")).endswith("/4998")
    page.get_by_text("States 4,801 to 5,000 of 5,000").wait_for()
    page.get_by_role("button", name="Previous").last.click()
    page.locator(".timeline a").last.press("ArrowDown")
    page.get_by_text("States 4,801 to 5,000 of 5,000").wait_for()


def test_all_executions_are_listed(page: Page, full: Filled) -> None:
    """Page after page."""
    show(page, full.server)
    page.wait_for_selector("table.list tbody tr")
    while page.locator("#more").is_visible():
        page.locator("#more").click()
        page.wait_for_function("() => !document.querySelector('#more').disabled")
    rows = page.locator("table.list tbody tr")
    assert rows.count() > EXECUTIONS
    assert rows.last.locator("a").get_attribute("href") == "#/executions/copy-0"


def test_recall_is_drawn_against_over_refusal(page: Page, full: Filled) -> None:
    """The chart says in words what it shows; the table has the numbers of the scorecard; filters have their own."""
    show(page, full.server, f"evaluations/{NEWER}")
    page.locator("figure.chart svg[role=img]").wait_for()
    card = full.server.request(f"/evaluations/{NEWER}")[1]["scorecard"]
    low = next(row for row in card["sweep"]["interventions"] if row["strength"] == "LOW")
    recall, refusal = (f"{low[name]['value'] * 100:.1f} %" for name in ("recall", "false_positive_rate"))
    name = page.locator("figure.chart svg").get_attribute("aria-label")
    assert f"LOW: recall {recall}, over-refusal {refusal}" in str(name)
    rows = [row.split("\t")[:4] for row in page.locator("table.sweep tbody tr").all_inner_texts()]
    assert rows[1] == ["LOW", f"{low['acts_on']:,}", recall, refusal]
    assert rows[-1][0] == "this run"
    page.locator("#sweep-filter").select_option("INSULTS")
    page.locator("figure.chart svg[aria-label^=INSULTS]").wait_for()


def test_an_item_leads_back_to_its_place_in_the_list(page: Page, full: Filled) -> None:
    """The filters and the part of the list are in the address of the way back; both verdicts stand side by side."""
    show(page, full.server, f"evaluations/{NEWER}?action=passed&start=50")
    page.locator("#items-count", has_text="Items 51 to 100 of 6,800, out of 20,000").wait_for()
    page.locator("table.items tbody a").first.click()
    page.get_by_role("link", name="The evaluation").click()
    page.locator("#items-count", has_text="Items 51 to 100 of 6,800, out of 20,000").wait_for()
    assert page.locator("#item-action").input_value() == "passed"
