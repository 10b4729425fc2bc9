"""The page in a browser: chat, list, graph, differences, addresses, dark mode, accessibility, hostile texts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import serve_account, start
from tests.browser.hostile import hostile_page
from tests.e2e.product import EXECUTIONS, Server, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

XSS = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"'><svg onload=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "javascript:document.title='owned'",
    "{{constructor.constructor('document.title=1')()}} ${document.title=1}",
    "<a href=javascript:alert(1)>x</a><style>*{display:none}</style>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'>",
]  # fmt: skip


def show(page: Page, server: Server, address: str = "") -> None:
    """Open an address of the page."""
    page.goto(f"{server.url}/ui/#/{address}")


def show_execution(page: Page, server: Server, name: str) -> None:
    """Open an execution and wait for its graph."""
    show(page, server, f"executions/{name}")
    page.wait_for_selector("svg.graph")


def violations(page: Page, only: Sequence[str] = ()) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, or by the rules `only`, each with the element."""
    from axe_playwright_python.sync_playwright import Axe

    standards = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options = {"runOnly": {"type": "rule", "values": list(only)} if only else standards}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{item['id']}: {node['html'][:120]} {node['failureSummary'][:200]}" for item in found for node in item["nodes"]
    ]


def test_a_question_is_answered_and_leads_to_its_execution(page: Page, server: Server) -> None:
    """Ask in the chat, follow "Why?", see the reason."""
    show(page, server)
    page.get_by_label("Ask a question").fill("Which vitamins are in an orange?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("link", name="Why?").click()

    page.wait_for_selector("svg.graph")
    assert "Answered: all 3 layers passed it." in page.inner_text("main")
    assert "#/executions/chat-" in page.url


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("answered", ["Answered: all 3 layers passed it."]),
        ("masked", ["EMAIL masked in the question", "ann.lee@example.com", "{EMAIL}", "sensitive information"]),
        (
            "blocked",
            ["Blocked before the model by", "content filter", "PROMPT_ATTACK", "confidence HIGH", "GuardInput"],
        ),
        (
            "dont_know",
            [
                "Not answered: the model said in one sentence that it does not know",
                "Not delivered",
                "Sorry, I don't know which colour it has.",
            ],
        ),
        ("unavailable", ["No answer: GuardInput failed with InvalidRequest"]),
    ],
)
def test_stage_policy_and_confidence_are_seen_without_opening_anything(
    page: Page, server: Server, asked: dict[str, str], outcome: str, words: list[str]
) -> None:
    """The page opens at the state that decided."""
    show_execution(page, server, asked[outcome])
    text = page.inner_text("main")

    for word in words:
        assert word in text


def test_the_list_is_filtered_and_searched(page: Page, server: Server, asked: dict[str, str]) -> None:
    """By outcome and by text; the filter is in the address."""
    show(page, server)
    page.wait_for_selector("table.list")
    page.locator("#filter-outcome").select_option("blocked")
    shown = "() => [...document.querySelectorAll('table.list tbody tr')]"
    page.wait_for_function(f"{shown}.every((row) => row.querySelector('.badge').innerText.includes('blocked'))")
    assert "outcome=blocked" in page.url
    assert page.locator(f"table.list a[href$='/{asked['blocked']}']").count() == 1

    show(page, server, "?text=insulin")
    page.wait_for_function(f"{shown}.every((row) => row.innerText.includes('insulin'))")
    assert page.locator(f"table.list a[href$='/{asked['masked']}']").count() == 1


def test_the_list_continues_with_older_executions(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Until the oldest, each once, and the refreshed newest page does not remove them; a time range limits it."""
    show(page, server, "?limit=2")
    page.wait_for_function("() => document.querySelectorAll('table.list tbody tr').length === 2")
    for rows in (4, 5):
        page.locator("#more").click()
        page.wait_for_function(f"() => document.querySelectorAll('table.list tbody tr').length >= {rows}")
    server.chat("Is a pear a fruit that appears above?")
    page.get_by_role("link", name="Is a pear a fruit that appears above?").wait_for(timeout=15_000)
    while page.locator("#more").is_visible():
        page.locator("#more").click()
        page.wait_for_function("() => !document.querySelector('#more').disabled")
    links = [link.get_attribute("href") for link in page.locator("table.list tbody a").all()]
    assert len(links) == len(set(links)) >= 6
    assert set(asked.values()) <= {str(link).rpartition("/")[2] for link in links}

    page.locator("#filter-until").fill("2020-01-01T00:00")
    page.get_by_text("No execution matches.").wait_for()
    assert "until=2020-01-01T00%3A00%3A00.000Z" in page.url


def test_the_list_shows_new_executions_by_itself(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Without a reload."""
    show(page, server)
    page.wait_for_selector("table.list")
    server.chat("Is an apple a fruit that appears by itself?")

    page.get_by_role("link", name="Is an apple a fruit that appears by itself?").wait_for(timeout=15_000)


def test_a_state_of_the_graph_is_chosen_by_click_and_by_key(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Its panel opens, the address follows, the arrow keys go along the path."""
    show_execution(page, server, asked["masked"])
    page.locator("svg.graph [data-state=InvokeModel]").click()
    page.get_by_role("heading", name="InvokeModel").wait_for()
    assert page.url.endswith(str(page.locator(".timeline a", has_text="InvokeModel").get_attribute("href")))

    page.locator("svg.graph [data-state=InvokeModel]").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.state") == "ModelIntervened?"
    page.get_by_role("heading", name="ModelIntervened?").wait_for()  # the panel follows the keys
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="GuardAnswer").wait_for()
    assert page.locator("svg.graph .selected").get_attribute("data-state") == "GuardAnswer"


def test_differences_and_documents_are_shown(page: Page, server: Server, asked: dict[str, str]) -> None:
    """What was masked, what a state added, and its input as JSON."""
    show_execution(page, server, asked["masked"])
    assert page.inner_text(".panel del") == "ann.lee@example.com"
    assert page.inner_text(".panel ins").strip() == "{EMAIL}"
    assert "/input_guard" in page.inner_text(".changes")

    page.locator(".panel summary", has_text="Input").click()
    assert "ann.lee@example.com" in page.inner_text(".panel .json")
    page.locator(".json summary", has_text="request").click()
    assert "ann.lee@example.com" not in page.inner_text(".panel .json")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".panel .copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["request"]["kind"] == "prompt"
    page.get_by_role("heading", name="Changes").get_by_role("button").click()
    page.wait_for_function("() => navigator.clipboard.readText().then((text) => text.includes('/input_guard'))")


def test_an_address_leads_to_a_state_and_back(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Deep links open where they say; the browser's Back returns."""
    show_execution(page, server, asked["answered"])
    show(page, server, str(page.locator(".timeline a", has_text="GuardAnswer").get_attribute("href"))[2:])
    page.get_by_role("heading", name="GuardAnswer").wait_for()
    page.locator(".timeline a").first.click()
    page.get_by_role("heading", name="GuardInput").wait_for()
    page.go_back()
    page.get_by_role("heading", name="GuardAnswer").wait_for()


def test_two_executions_are_compared(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Chosen in the list; the differing states are marked."""
    show(page, server, "?text=insulin")
    page.get_by_role("checkbox", name=re.compile("to compare")).first.check()
    show(page, server, f"compare/{asked['answered']}/{asked['blocked']}")
    page.wait_for_selector("table.paths")
    text = page.inner_text("main")

    assert "They differ." in text
    assert "not passed" in text
    assert "≠ GuardInput" in text


def test_a_replay_is_compared_with_the_original(page: Page, server: Server, asked: dict[str, str]) -> None:
    """One click: the same question today."""
    show_execution(page, server, asked["blocked"])
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("Both took the same path to the same answer.").wait_for()


def test_raw_events_can_be_read_and_filtered(page: Page, server: Server, asked: dict[str, str]) -> None:
    """All of them, by type."""
    show_execution(page, server, asked["answered"])
    page.locator("summary", has_text="Raw events").click()
    page.wait_for_selector(".events li")
    arn = f"{EXECUTIONS}:{asked['answered']}"
    events = server.aws_json("stepfunctions", "get-execution-history", "--execution-arn", arn)["events"]
    assert page.locator(".events li").count() == len(events)
    page.get_by_label("Type contains").fill("ExecutionS")
    assert page.locator(".events li:visible").count() == 2


@pytest.mark.parametrize("name", ["nosuch", "arn%3Aaws%3Astates%3Aus-east-1%3A1%3Aexecution%3Aother%3Ax"])
def test_an_execution_that_is_not_ours_is_reported_in_words(page: Page, server: Server, name: str) -> None:
    """Unknown, or of another state machine."""
    show(page, server, f"executions/{name}")
    page.get_by_text("No execution of this name belongs to the chat state machine.").wait_for()


def test_dark_mode_follows_the_system_and_the_button(browser: Browser, server: Server) -> None:
    """And the choice lasts."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    show(page, server)
    dark = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(dark) == "rgb(13, 17, 23)"
    page.get_by_role("button", name="Theme").click()
    assert page.evaluate(dark) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(dark) == "rgb(255, 255, 255)"
    context.close()


@pytest.mark.parametrize("number", range(len(XSS)))
def test_hostile_text_stays_text(page: Page, server: Server, number: int) -> None:
    """In the question, the caller, passages, the list, the panel, the comparison: it is shown and does nothing."""
    text = XSS[number]
    request = {"kind": "prompt", "text": text, "caller": text, "passages": [{"id": "p", "text": text}]}
    name = f"xss-{number}"
    start(server, name, {"request": request, text: {text: [text]}})
    for address in (f"executions/{name}", f"executions/{name}/0", f"compare/{name}/{name}", "?text=" + "owned"):
        show(page, server, address)
        page.wait_for_selector("table.list, svg.graph, table.paths, main p")
        if address == f"executions/{name}":
            page.wait_for_selector("svg.graph")
            page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
            assert text in page.inner_text("main")
        page.wait_for_timeout(150)
        assert "owned" not in page.title().replace(text, "")
        assert page.locator("main script, main iframe, main img, main style, main a[href^=javascript]").count() == 0


def test_hostile_text_in_the_chat_stays_text(page: Page, server: Server) -> None:
    """What was asked and what the echoing model answers."""
    show(page, server)
    page.get_by_label("Ask a question").fill(XSS[1])
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_role("link", name="Why?").wait_for()

    assert XSS[1] in page.inner_text("#chat")
    assert page.locator("#chat img").count() == 0
    assert "owned" not in page.title()


def test_a_saved_page_shows_its_execution_without_a_server(
    page: Page, server: Server, asked: dict[str, str], tmp_path: Path
) -> None:
    """`history --html`: graph, panel, timeline; redacted, it holds no text of the question."""
    for redacted in (False, True):
        file = tmp_path / f"{redacted}.html"
        options = ["--redact"] if redacted else []
        done = run(
            "stepguard",
            "history",
            asked["masked"],
            "--home",
            str(server.home),
            "--html",
            str(file),
            *options,
            env=server.env,
        )
        assert done.code == 0, done.err
        page.goto(file.as_uri())
        page.wait_for_selector("svg.graph")
        page.locator("svg.graph [data-state=InvokeModel]").click()
        page.get_by_role("heading", name="InvokeModel").wait_for()
        assert "EMAIL masked in the question" in page.inner_text("main")
        assert ("ann.lee@example.com" in file.read_text()) is not redacted


@pytest.mark.parametrize("path", ["/ui/", "/ui/app.js"])
def test_the_policy_reaches_the_browser(page: Page, server: Server, path: str) -> None:
    """As a header of every file, without unsafe-inline."""
    response = page.goto(server.url + path)
    assert response is not None
    assert "unsafe" not in response.headers["content-security-policy"]
    assert json.dumps(response.headers).count("nosniff") == 1


def test_the_page_shows_executions_of_an_aws_account(page: Page, server: Server, asked: dict[str, str]) -> None:
    """`serve --aws`: the API runs here with the user's own credentials; here AWS is the other server."""
    with serve_account(server) as url:
        page.goto(f"{url}/ui/#/executions/{asked['masked']}")
        page.wait_for_selector("svg.graph")
        assert "EMAIL masked in the question" in page.inner_text("main")
        page.goto(f"{url}/ui/")
        page.wait_for_selector("table.list")


def test_hostile_text_in_every_field_stays_text(page: Page, tmp_path: Path) -> None:
    """States, types, errors, causes, findings, verdicts, resources, variables, Map Runs, edges, comments, the ARN."""
    text = XSS[1] + XSS[3]
    page.goto(hostile_page(text, tmp_path))
    page.wait_for_selector("svg.graph")
    for number in range(page.locator(".timeline a").count()):
        page.evaluate(f"location.hash = location.hash.replace(/\\/\\d+$/, '') + '/{number}'")
        page.wait_for_function(f"document.querySelectorAll('.timeline a')[{number}].hasAttribute('aria-current')")
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    page.wait_for_timeout(300)
    shown = page.inner_text("main")

    assert shown.count("<img src=x") > 10
    assert "owned" not in page.title().replace(text, "")
    assert page.locator("main img, main script, main iframe").count() == 0
