"""An execution as a regression test: each task's result, and the expected result.

The mock configuration is that of Step Functions Local, so that its users can use it unchanged:
https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.errors import InvalidRequest
from stepguard.trace.diff import mapping
from stepguard.trace.exports.placeholders import Replacements
from stepguard.trace.model import Trace, parsed
from stepguard.trace.reason import outcome_of

_CALL = ("SdkHttpMetadata", "SdkResponseMetadata")
"""What an integration adds to a service's own response."""


def mock_config(trace: Trace, machine: str, case: str, replace: Replacements) -> dict[str, Any]:
    """MockConfigFile.json with one test case: the answer of every attempt of every task, in their order.

    Raises InvalidRequest if a task of the history has no result: then it cannot be replayed.
    """
    calls: dict[str, list[dict[str, Any]]] = {}
    for visit in trace.visits:
        if visit.type != "Task":
            continue
        for item in visit.tries:
            if item.outcome == "running" or item.outcome == "aborted":
                raise InvalidRequest(f"{visit.state} has no result: only an execution that has ended can be recorded.")
            calls.setdefault(visit.state, []).append(
                _answer(item.outcome, item.output, item.error, item.cause, replace)
            )
    responses = {
        f"{case}-{state}": {str(number): answer for number, answer in enumerate(answers)}
        for state, answers in calls.items()
    }
    states = {state: f"{case}-{state}" for state in calls}
    return {"StateMachines": {machine: {"TestCases": {case: states}}}, "MockedResponses": responses}


def _answer(
    outcome: str, output: str | None, error: str | None, cause: str | None, replace: Replacements
) -> dict[str, Any]:
    if outcome != "succeeded":
        return {"Throw": {"Error": error or "States.TaskFailed", "Cause": replace.text(cause or "")}}
    document = parsed(output)
    if document is None:
        raise InvalidRequest("The history lacks the output of a task, or holds it cut: it cannot be recorded.")
    # Values that identify one call are not part of the test.
    if isinstance(document, Mapping) and "Payload" in document:
        document = {key: document[key] for key in ("StatusCode", "Payload", "ExecutedVersion") if key in document}
    elif isinstance(document, Mapping):
        document = {key: value for key, value in document.items() if key not in _CALL}
    return {"Return": replace.value(document)}


def expectation(trace: Trace, replace: Replacements) -> dict[str, Any]:
    """`{status, path, outcome, answer, error, findings}`: the expected result of a replay.

    `findings` are those that acted, by state, as [policy, name, action]; the confidence of a policy may change.
    """
    answer = mapping(mapping(parsed(trace.output)).get("answer"))
    acted = {
        visit.state: sorted([item["policy"], item["name"], item["action"]] for item in visit.findings)
        for visit in trace.visits
        if visit.findings
    }
    return {
        "status": trace.status,
        "path": trace.path,
        "outcome": outcome_of(trace),
        "answer": replace.value(dict(answer)) or None,
        "error": trace.error,
        "findings": acted,
    }


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """The differences between a replay and the recording, in words; empty without differences."""
    return [
        f"{name}: recorded {expected[name]}, now {actual[name]}"
        for name in ("status", "path", "outcome", "answer", "error", "findings")
        if expected[name] != actual[name]
    ]
