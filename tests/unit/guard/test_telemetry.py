"""Lines for the log: metrics that CloudWatch can read, and no text."""

from __future__ import annotations

import json
from typing import Any

from stepguard.guard.errors import Throttled
from stepguard.guard.talk.feedback import Feedback, Thumb
from stepguard.guard.telemetry import NAMESPACE, feedback_lines, route_line, stage_lines

CANARY = "canary-7f3a"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:chat:chat-1"
FINDING = {"policy": "content", "name": "INSULTS", "action": "BLOCKED", "confidence": "HIGH"}
SEEN = {"policy": "topic", "name": "Medical", "action": "NONE"}
RESULT: dict[str, Any] = {
    "outcome": "blocked",
    "findings": [FINDING, {**FINDING, "name": "HATE"}, SEEN],
    "text_units": {"contentPolicyUnits": 2, "topicPolicyUnits": 1},
    "tokens": {"input": 7, "output": 11},
    "text": CANARY,
    "answer": {"text": CANARY, "outcome": "blocked", "source": "PREPROCESS GUARDRAIL", "got_hits": 0},
}


def lines(result: dict[str, Any] | None, error: BaseException | None = None) -> list[dict[str, Any]]:
    """The lines of a run of GuardInput."""
    return stage_lines("GuardInput", EXECUTION, result, error, 12.34, "s", 1_700_000_000_000)


def metrics(line: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Every metric that CloudWatch makes of a line: (dimension names, metric); the values must be in the line."""
    found = []
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            assert all(isinstance(line[name], str) and line[name] for name in names)
            for metric in directive["Metrics"]:
                assert isinstance(line[metric["Name"]], int | float)
                found.append((tuple(names), metric["Name"]))
    return found


def test_a_run_is_one_line_with_metrics_by_stage_and_outcome() -> None:
    """Runs, time, text units and tokens, twice: over all outcomes and for each."""
    first, *_ = lines(RESULT)

    assert (first["execution"], first["Stage"], first["Outcome"], first["level"]) == (
        "chat-1",
        "GuardInput",
        "blocked",
        "INFO",
    )
    assert (first["TextUnits"], first["InputTokens"], first["OutputTokens"], first["Milliseconds"]) == (3, 7, 11, 12.3)
    names = ("Runs", "Milliseconds", "TextUnits", "InputTokens", "OutputTokens")
    assert metrics(first) == [
        (by, name) for by in (("Stack", "Stage"), ("Stack", "Stage", "Outcome")) for name in names
    ]


def test_a_policy_that_acted_is_a_line() -> None:
    """Counted by policy and action; what was only seen is no intervention."""
    _, intervention, _ = lines(RESULT)

    assert (intervention["Policy"], intervention["Action"], intervention["Interventions"]) == ("content", "BLOCKED", 2)
    assert metrics(intervention) == [(("Stack", "Stage", "Policy", "Action"), "Interventions")]


def test_the_answer_that_a_stage_gave_is_counted_by_source_and_outcome() -> None:
    """A stage that hands the question on gave none."""
    *_, given = lines(RESULT)
    assert (given["Source"], given["Answer"]) == ("PREPROCESS GUARDRAIL", "blocked")
    assert metrics(given) == [(("Stack", "Source"), "Answers"), (("Stack", "Source", "Answer"), "Answers")]
    assert [line["message"] for line in lines(RESULT | {"answer": None})] == ["stage", "intervention"]


def test_settings_that_are_not_in_use_are_counted_by_problem() -> None:
    """The alarm that rolls settings back looks at this metric; without a problem there is no line."""
    *_, line = lines({"outcome": "passed", "settings": {"version": "one", "values": {}, "problem": "refused"}})
    assert (line["Problem"], line["level"]) == ("refused", "WARNING")
    assert metrics(line) == [(("Stack", "Problem"), "SettingsProblems")]
    for settings in (None, {"version": "one", "values": {}, "problem": ""}):
        assert len(lines({"outcome": "passed", "settings": settings})) == 1


def test_an_error_is_an_outcome() -> None:
    """Its class always; its words only when they are ours."""
    (ours,) = lines(None, Throttled("ApplyGuardrail: slow down"))
    (foreign,) = lines(None, KeyError(CANARY))

    assert (ours["Outcome"], ours["level"], ours["error"], ours["detail"]) == (
        "error",
        "ERROR",
        "Throttled",
        "ApplyGuardrail: slow down",
    )
    assert (foreign["error"], "detail" in foreign) == ("KeyError", False)
    assert CANARY not in json.dumps(foreign)


def test_no_text_is_in_a_line() -> None:
    """Neither the text to go on with, nor the answer."""
    assert CANARY not in json.dumps(lines(RESULT))


def test_a_request_is_a_line_without_its_caller() -> None:
    """A digest instead: it separates callers and does not identify them."""
    reply: tuple[int, dict[str, Any], dict[str, str]] = (
        200,
        {"execution": EXECUTION, "answer": {"text": CANARY, "outcome": "masked"}},
        {},
    )
    line = route_line("POST /chat", f"user-{CANARY}", reply, 5.0, "s", 0)

    assert (line["Route"], line["Status"], line["outcome"], line["execution"]) == (
        "POST /chat",
        "200",
        "masked",
        "chat-1",
    )
    assert len(line["caller"]) == 16
    assert CANARY not in json.dumps(line)
    assert metrics(line)


def test_a_request_that_failed_is_an_error() -> None:
    """5xx; a refusal is not."""
    body = {"error": {"code": "x"}}
    assert route_line("POST /chat", "u", (503, body, {}), 5.0, "s", 0)["level"] == "ERROR"
    assert route_line("POST /chat", "u", (404, body, {}), 5.0, "s", 0)["level"] == "INFO"


def test_feedback_is_counted_by_outcome_source_and_policy() -> None:
    """One line, and one for each policy that acted on the answer; the reason is in none."""
    feedback = Feedback("chat-1", Thumb.DOWN, "masked", "LLM", "2026-11-30T10:00:00Z", ("content", "pii"), CANARY)
    first, *others = feedback_lines(feedback, "s", 1_700_000_000_000)
    by = ("Stack", "Thumb")
    assert metrics(first) == [(by, "Feedback"), ((*by, "Outcome"), "Feedback"), ((*by, "Source"), "Feedback")]
    assert [(line["Policy"], *metrics(line)) for line in others] == [
        (policy, ((*by, "Policy"), "Feedback")) for policy in ("content", "pii")
    ]
    assert CANARY not in json.dumps([first, *others])
