"""The answer to "why?" in a browser: six situations, the graph, filters that survive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import start
from tests.browser.test_page import show, show_execution
from tests.e2e.product import MACHINE, Server, serve
from tests.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUN = MACHINE.replace(":stateMachine:", ":execution:")
SITUATIONS = {
    "blocked": ["Blocked before the model by", "PROMPT_ATTACK", "confidence HIGH"],
    "masked": ["EMAIL masked in the question", "{EMAIL}"],
    "dont_know": ["Not delivered", "Sorry, I don't know which colour it has.", "the model said in one sentence"],
    "TimedOut": ["InvokeModel failed with States.Timeout"],
    "Crashed": ["GuardAnswer failed with Runtime.ExitError after 3 attempts", "Runtime exited", "waited"],
    "Misconfigured": [
        "GuardInput failed with ResourceNotFoundException",
        "stepguard-preprocess",
        "guards.py:7 in judge",
    ],
}
"""What a person sees at the cause of each situation."""


@pytest.fixture(name="mocked", scope="module")
def _mocked(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with mocked failures of Lambdas: an execution of each, by the name of its case."""
    folder = tmp_path_factory.mktemp("mocked")
    mocks = json.loads((ROOT / "statemachine" / "mocks" / "chat.json").read_text(encoding="utf-8"))
    stack = ['  File "/var/task/stepguard/aws/guards.py", line 7, in judge\n    return apply(text)\n']
    message = "guardrail stepguard-preprocess (abc) version 9 does not exist"
    denied = json.dumps({"errorType": "ResourceNotFoundException", "errorMessage": message, "stackTrace": stack})
    causes = {
        "Runs": ("States.Timeout", ""),
        "Crashes": ("Runtime.ExitError", "RequestId: 1 Error: Runtime exited"),
        "Missing": ("ResourceNotFoundException", denied),
        "Throttles": ("Lambda.TooManyRequestsException", "Rate exceeded"),
    }
    for name, (error, cause) in causes.items():
        mocks["MockedResponses"][name] = {"0-9": {"Throw": {"Error": error, "Cause": cause}}}
    cases = mocks["StateMachines"]["stepguard-local-chat"]["TestCases"]
    cases["TimedOut"] = {**cases["Answered"], "InvokeModel": "Runs"}
    cases["Crashed"] = {**cases["Answered"], "GuardAnswer": "Crashes"}
    cases["Waiting"] = {**cases["Answered"], "GuardInput": "Throttles"}
    cases["Misconfigured"] = {**cases["Answered"], "GuardInput": "Missing"}
    (folder / "mocks.json").write_text(json.dumps(mocks), encoding="utf-8")
    with serve(folder, "--mock", str(folder / "mocks.json")) as server:
        for case in ("TimedOut", "Crashed", "Misconfigured", "VerdictMissing"):
            start(server, case, {"request": {"text": f"What is {case}?"}}, f"{MACHINE}#{case}")
        yield server


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_list_leads_to_the_cause_in_one_click(
    page: Page, server: Server, asked: dict[str, str], mocked: Server, situation: str
) -> None:
    """Blocked, masked, don't know, time-out, a crash in a Lambda, a guardrail that does not exist."""
    show(page, server if situation in asked else mocked)
    page.locator(f"table.list a[href$='/{asked.get(situation, situation)}']").click()
    page.wait_for_selector("#visit")
    text = page.inner_text("main")
    for words in SITUATIONS[situation]:
        assert words in text


def test_a_missing_verdict_opens_at_the_state_that_found_it(page: Page, mocked: Server) -> None:
    """No task failed; RecordFailure, which fails later without a row of the API, decided nothing."""
    show(page, mocked, "executions/VerdictMissing")
    page.wait_for_selector("#visit")
    assert page.inner_text("#visit").startswith("VerdictMissing")


def test_a_running_execution_is_stopped(page: Page, mocked: Server) -> None:
    """From its page, which follows it: the button is there while it runs, then the redrive is."""
    start(mocked, "Waiting", {"request": {"text": "What is waiting?"}}, f"{MACHINE}#Waiting", ended=False)
    show_execution(page, mocked, "Waiting")
    page.locator("#stop").click()
    page.locator("h1 .badge", has_text="unavailable").wait_for()
    page.locator("#redrive").wait_for()
    assert page.locator("#stop").count() == 0
    assert "ABORTED" in json.dumps(
        mocked.aws_json("stepfunctions", "describe-execution", "--execution-arn", f"{RUN}:Waiting")
    )


def test_a_failed_execution_is_redriven(page: Page, mocked: Server) -> None:
    """It says what AWS repeats; the page has the same execution with one redrive more."""
    show_execution(page, mocked, "Crashed")
    assert "Fail state AnswerUnavailable" in page.inner_text("#redrive-note")
    page.locator("#redrive").click()
    page.locator(".facts", has_text="redrives").first.wait_for()


def test_the_graph_is_zoomed_moved_and_fitted(page: Page, server: Server, asked: dict[str, str]) -> None:
    """By buttons, keys and the mouse; names can be read at first; the whole graph fits when that is wanted."""
    show_execution(page, server, asked["answered"])
    width = "() => document.querySelector('svg.graph').getBoundingClientRect().width"
    frame = page.locator(".picture")
    first = page.evaluate(width)
    assert page.locator(".node .name").first.evaluate("(name) => name.getBoundingClientRect().height") >= 10
    page.get_by_role("button", name="Zoom in").click()
    assert page.evaluate(width) > first * 1.2
    frame.focus()
    page.keyboard.press("0")
    fitted = frame.evaluate(
        "(pane) => pane.scrollHeight <= pane.clientHeight + 1 && pane.scrollWidth <= pane.clientWidth + 1"
    )
    assert fitted
    for _ in range(6):
        page.keyboard.press("+")
    box = frame.bounding_box()
    assert box is not None
    before = frame.evaluate("(pane) => { pane.scrollTop = 50; return pane.scrollTop; }")
    page.mouse.move(box["x"] + 20, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 100)
    page.mouse.up()
    assert frame.evaluate("(pane) => pane.scrollTop") > before
    names = page.evaluate(
        """() => [...document.querySelectorAll('.node:not(.container)')].filter((node) => {
          const box = node.querySelector('rect').getBoundingClientRect();
          return [...node.querySelectorAll(':scope > text')].some((text) => {
            const inside = text.getBoundingClientRect();
            return inside.left < box.left || inside.right > box.right;
          });
        }).map((node) => node.dataset.state)"""
    )
    assert names == []


def test_filters_keep_the_words_that_were_typed(page: Page, server: Server, asked: dict[str, str]) -> None:
    """Also words that were not sent yet; the keyboard stays at the filter; a reload shows the same."""
    show(page, server)
    page.locator("#filter-text").fill("insulin")
    page.locator("#filter-outcome").focus()
    page.locator("#filter-outcome").select_option("masked")
    page.wait_for_url("**text=insulin*")
    page.wait_for_function("() => document.activeElement.id === 'filter-outcome'")
    page.reload()
    assert page.locator("#filter-text").input_value() == "insulin"
    assert page.locator("#filter-outcome").input_value() == "masked"
