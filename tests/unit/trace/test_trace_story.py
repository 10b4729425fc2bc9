"""What a trace contains: the reason, the totals, the document, redacted, compared, listed, drawn, recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stepguard.cli.render import story
from stepguard.guard.errors import InvalidRequest
from stepguard.trace import document as documents
from stepguard.trace import masked, outcome_of, read_history, to_document, totals
from stepguard.trace.compare import STATES, compare
from stepguard.trace.exports.placeholders import Replacements
from stepguard.trace.exports.testcase import differences, expectation, mock_config
from stepguard.trace.graph import END, START, condition, graph
from stepguard.trace.listing import Filters, read_filters, summarize
from stepguard.trace.redact import redact
from stepguard.trace.replay import replayed
from tests.fakes.history import (
    ATTACK,
    EMAIL,
    REQUEST,
    SECRET,
    History,
    blocked_in_front,
    masked_question,
)


def test_totals_tell_where_time_and_money_went() -> None:
    """Guards without the waits between their attempts, retries as transitions, text units by policy."""
    sums = totals(read_history(masked_question().events))

    assert sums["wall"] == sums["guards"] + sums["model"] + sums["waiting"] + sums["orchestration"]
    assert (sums["transitions"], sums["retries"], sums["waiting"]) == (4, 1, 10.0)
    assert sums["usd"]["transitions"] == pytest.approx(4 * 0.000025)
    assert sums["usd"]["guardrails"] == pytest.approx(2 * 0.00015)
    assert sums["tokens"] == {"input": 3, "output": 4}


def test_a_visit_reports_its_attempts() -> None:
    """Error and cause, what was waited for, the request id of Lambda, the integration."""
    visit = read_history(masked_question().events).visits[0]
    first, second = visit.tries

    assert (first.outcome, first.error, first.cause, first.resource) == ("failed", "Throttled", SECRET, "lambda:invoke")
    assert (second.outcome, second.waited, second.request_id, second.milliseconds) == ("succeeded", 10.0, "r-1", 10.0)


def test_a_masked_question_is_a_difference() -> None:
    """What was taken out and what replaces it; of the answer in the same way."""
    trace = read_history(masked_question().events)
    assert masked(trace.visits[0])[-2:] == [("-", "ann@x.example"), ("+", "{EMAIL}")]

    history = History().stage("InvokeModel", "model", outcome="passed", text="Ask ann@x.example.")
    history.stage("GuardAnswer", "answer_guard", outcome="masked", answer={"text": "Ask {EMAIL}."})
    assert ("+", "{EMAIL}") in masked(read_history(history.events).visits[1])


def test_a_large_history_leaves_data_to_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of Lambda holds 6 MB: visits beyond the budget come without their documents, and are counted."""
    monkeypatch.setattr(documents, "BYTES", 700)
    trace = to_document(read_history(masked_question().events))

    assert trace["cut"] > 0
    assert "output" not in trace["visits"][-1]
    assert to_document(read_history(masked_question().events), data=False)["input"] is None


def test_redacted_documents_hold_no_text_of_people() -> None:
    """States, verdicts, findings and masks stay; question, answer and causes go."""
    trace = redact(to_document(read_history(masked_question().events)))
    text = json.dumps(trace)

    assert SECRET not in text
    assert "ann@x.example" not in text
    assert "Take care" not in text
    assert '"EMAIL"' in text
    assert "{EMAIL}" in text
    assert trace["visits"][0]["outcome"] == "masked"
    assert redact(to_document(read_history(blocked_in_front().events)))["answer"]["outcome"] == "blocked"


def test_redaction_hides_the_texts_of_foreign_workflows() -> None:
    """A finding is kept only when it looks like ours: a person's `name` is hidden."""
    history = History().add("PassStateEntered", name="A", input="{}")
    history.add(
        "PassStateExited", name="A", output=json.dumps({"name": SECRET, "outcome": f"{SECRET}!", "list": [SECRET]})
    )

    assert SECRET not in json.dumps(redact(to_document(read_history(history.events))))


def test_a_comparison_reports_what_only_one_did() -> None:
    """States that one did not pass, verdicts, findings, and the answers' difference."""
    first = to_document(read_history(masked_question().events), "a")
    second = to_document(read_history(blocked_in_front().events), "b")
    both = compare(first, second)

    assert both["outcome"] == ["masked", "blocked"]
    assert [(row["state"], row["second"]) for row in both["path"]] == [
        ("GuardInput", 0), ("InvokeModel", None), ("GuardAnswer", None),
    ]  # fmt: skip
    assert both["path"][0]["findings"] == {"only_first": [EMAIL], "only_second": [ATTACK]}
    assert not both["same"]
    assert compare(first, first)["same"]


def test_long_paths_are_compared_from_their_beginnings() -> None:
    """Aligning thousands of states would take minutes."""
    visit = {"state": "A", "index": 0, "milliseconds": 1.0, "outcome": None}
    frame = {"outcome": "succeeded", "reason": "", "milliseconds": 1, "totals": {"usd": {"total": 0}}, "answer": None}
    long = {**frame, "visits": [visit] * (STATES + 1)}
    other = {**frame, "visits": [visit, {**visit, "state": "B"}]}

    rows = compare(long, other)["path"]
    assert [row["state"] for row in rows[:3]] == ["A", "A", "B"]
    assert len(rows) == STATES + 2


def _summary(status: str = "SUCCEEDED", output: dict[str, Any] | None = None) -> dict[str, Any]:
    begin = datetime(2026, 11, 22, tzinfo=UTC)
    return summarize("arn:x:chat-1", status, begin, begin + timedelta(seconds=1), {"request": REQUEST}, output, None)


BLOCKED = {"input_guard": {"outcome": "blocked", "findings": [ATTACK]}, "answer": {"outcome": "blocked"}}


def test_a_blocked_rewriting_is_a_stage_that_intervened() -> None:
    """The input layer judged the rewritten question, so that the list names the state and the finding."""
    context = {"rewrite_guard": {"outcome": "blocked", "findings": [ATTACK]}, "result": "refused"}
    summary = _summary(output={"input_guard": {"outcome": "passed"}, "context": context, "answer": BLOCKED["answer"]})
    assert (summary["outcome"], summary["stages"]) == ("blocked", ["GuardRewrite"])
    now = datetime(2026, 11, 22, tzinfo=UTC)
    for query in ({"stage": "rewritten"}, {"stage": "guardrewrite", "policy": "content"}):
        assert read_filters(query, now).match(summary)
    assert not read_filters({"stage": "preprocess"}, now).match(summary)


@pytest.fixture(name="tokyo")
def _tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_the_day_of_a_time_is_that_in_utc() -> None:
    """Tables file by it, whatever the zone of the words and of the machine."""
    filters = read_filters({"since": "2026-11-22T06:00:00+09:00"}, datetime(2026, 11, 25, tzinfo=UTC))
    assert filters.since is not None
    assert filters.since.isoformat() == "2026-11-21T21:00:00+00:00"


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        (Filters(), True),
        (Filters(outcome="blocked", stage="GuardInput", policy="content", text="DIABETES"), True),
        (Filters(outcome="masked"), False),
        (Filters(stage="GuardAnswer"), False),
        (Filters(policy="topic"), False),
        (Filters(text="nothing of it"), False),
    ],
)
def test_filters_look_at_what_acted(filters: Filters, matches: bool) -> None:
    """Outcome, stage, policy and text of the question."""
    assert filters.match(_summary(output=BLOCKED)) is matches


REPORTED = {"policy": "automated_reasoning", "name": "translationAmbiguous", "action": "NONE", "rules": []}
ANSWERED = {"model": {"outcome": "passed", "findings": [REPORTED]}, "answer": {"outcome": "answered"}}
NEWER = {"model": {"outcome": "passed", "findings": [REPORTED | {"name": "likelyWrong"}]}}
NEWER_NAMES = ("automated_reasoning", "automated_reasoning/likelywrong")


@pytest.mark.parametrize(
    ("policy", "matches"),
    [
        ("automated_reasoning", True),
        ("automated reasoning", True),
        ("translationAmbiguous", True),
        ("TRANSLATIONAMBIGUOUS", True),
        ("automated_reasoning/translationambiguous", True),
        ("invalid", False),
        ("automated_reasoning/likelyWrong", False),
        ("content", False),
    ],
)
def test_findings_of_automated_reasoning_are_listed_though_they_do_not_act(policy: str, matches: bool) -> None:
    """The list names them and finds executions by them; no stage intervened."""
    summary = _summary(output=ANSWERED)
    filters = read_filters({"policy": policy}, datetime.now(UTC))

    assert [(item["name"], item["action"]) for item in summary["findings"]] == [("translationAmbiguous", "NONE")]
    assert summary["stages"] == []
    assert filters.match(summary) is matches
    assert filters.match(_summary(output=NEWER)) is (policy.casefold().replace(" ", "_") in NEWER_NAMES)


@pytest.mark.parametrize(
    ("status", "outcome"), [("RUNNING", "running"), ("FAILED", "unavailable"), ("SUCCEEDED", "succeeded")]
)
def test_an_execution_without_an_answer_has_the_outcome_of_its_status(status: str, outcome: str) -> None:
    """Running, failed, or of a workflow that gives no answers."""
    assert _summary(status)["outcome"] == outcome


def test_outcomes_of_foreign_workflows_are_their_status() -> None:
    """Without guard stages nothing is called an answer."""
    assert outcome_of(read_history(History().add("ExecutionFailed").events)) == "failed"
    assert outcome_of(read_history(History().ends().events)) == "succeeded"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"And": [{"Variable": "$.a.b", "IsPresent": True}, {"Variable": "$.a.b", "BooleanEquals": True}]}, "b = true"),
        (
            {"Or": [{"Variable": "$.n", "NumericLessThan": 3}, {"Variable": "$.n", "IsNull": True}]},
            "n < 3 or n IsNull true",
        ),
        ({"Not": {"Variable": "$.n", "StringMatches": "x*"}, "Next": "B"}, "not (n StringMatches x*)"),
        ({"Condition": "{% $n > 3 %}", "Next": "B"}, "$n > 3"),
        ({"And": [{"Variable": "$.a", "IsPresent": True}]}, "a IsPresent true"),
        ({"Next": "B"}, ""),
    ],
)
def test_a_choice_is_reported_in_a_few_words(rule: dict[str, Any], words: str) -> None:
    """The words at the arrow."""
    assert condition(rule) == words


def test_a_definition_is_a_graph() -> None:
    """Choices, defaults, catches, ends, and what is inside of a Parallel or Map; malformed parts are left out."""
    inner = {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": True}}}
    drawn = graph(
        {
            "StartAt": "Pick",
            "States": {
                "Pick": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.x", "BooleanEquals": True, "Next": "All"}],
                    "Default": "No",
                },
                "All": {
                    "Type": "Parallel",
                    "Branches": [inner],
                    "Next": "Each",
                    "Catch": [{"ErrorEquals": ["E"], "Next": "No"}],
                },
                "Each": {"Type": "Map", "ItemProcessor": {"States": {"Deep": {"Type": "Pass"}}}, "End": True},
                "No": {"Type": "Fail"},
                "Lost": {"Type": "Pass", "Next": "Nowhere"},
                "Odd": 3,
            },
        }
    )
    assert {(edge["source"], edge["target"], edge["kind"]) for edge in drawn["edges"]} == {
        (START, "Pick", "next"), ("Pick", "All", "choice"), ("Pick", "No", "default"), ("All", "Each", "next"),
        ("All", "No", "catch"), ("Each", END, "next"), ("No", END, "next"),
    }  # fmt: skip
    assert {node["id"]: node.get("parent") for node in drawn["nodes"]} == {
        START: None, "Pick": None, "All": None, "In": "All", "Each": None, "Deep": "Each", "No": None, "Lost": None,
        "Odd": None, END: None,
    }  # fmt: skip
    assert graph({})["edges"] == []


def test_a_replay_asks_the_same_without_pinned_guardrails() -> None:
    """Today's guardrails decide, in the name of who replays."""
    document = {"request": {**REQUEST, "guardrails": {"model": {"id": "x", "version": "1"}}}, "other": 1}
    assert replayed(document, "you") == {"request": {**REQUEST, "caller": "you"}}
    with pytest.raises(InvalidRequest):
        replayed({"no": "request"}, "you")


def test_personal_data_is_replaced_consistently() -> None:
    """The same value by the same stand-in, the longest first, in every string; other types keep their form."""
    replace = Replacements(
        [("Ann", "NAME"), ("ann@x.example", "EMAIL"), ("Ann Lee", "NAME"), ("AB-12", "LICENSE_PLATE")]
    )
    replaced = replace.value({"text": ["Ann Lee, Ann, ann@x.example", 3], "plate": "AB-12"})

    assert replaced == {"text": ["James Miller, Maria Lopez, person1@example.com", 3], "plate": replace.text("AB-12")}
    assert replaced["plate"] != "AB-12"
    assert [char.isdigit() for char in replaced["plate"]] == [char.isdigit() for char in "AB-12"]
    assert Replacements().text("as it is") == "as it is"


def test_a_history_becomes_a_mock_configuration() -> None:
    """Every attempt of every task in order, without what differs between two calls of Lambda."""
    trace = read_history(masked_question().events)
    config = mock_config(trace, "chat", "case", Replacements([(SECRET, "NAME")]))

    states = config["StateMachines"]["chat"]["TestCases"]["case"]
    assert states == {name: f"case-{name}" for name in ("GuardInput", "InvokeModel", "GuardAnswer")}
    answers = config["MockedResponses"]["case-GuardInput"]
    assert answers["0"] == {"Throw": {"Error": "Throttled", "Cause": "Maria Lopez"}}
    assert set(answers["1"]["Return"]) == {"StatusCode", "Payload"}
    assert SECRET not in json.dumps(config)


def test_what_has_not_ended_or_was_cut_cannot_be_recorded() -> None:
    """A clear error in place of a test that proves nothing."""
    running = History().add("TaskStateEntered", name="A").add("TaskScheduled")
    cut = History().add("TaskStateEntered", name="A").add("TaskScheduled").add("TaskSucceeded", output='{"cut')
    for history in (running, cut):
        with pytest.raises(InvalidRequest):
            mock_config(read_history(history.events), "chat", "case", Replacements())


def test_differences_name_what_is_not_as_recorded() -> None:
    """Path, outcome, answer and findings; nothing when all is the same."""
    first = expectation(read_history(masked_question().events), Replacements())
    second = expectation(read_history(blocked_in_front().events), Replacements())

    assert differences(first, first) == []
    assert [line.partition(":")[0] for line in differences(first, second)] == ["path", "outcome", "answer", "findings"]


@pytest.mark.parametrize(("language", "words"), [("de", "passed  language de"), ("en", "passed"), ("", "passed")])
def test_the_story_names_another_language_than_english(language: str, words: str) -> None:
    """Behind the verdict of the stage that found it."""
    history = History().stage("GuardInput", "input_guard", outcome="passed", language=language)
    (line, *_) = story(read_history(history.events))
    assert line.endswith(words)
