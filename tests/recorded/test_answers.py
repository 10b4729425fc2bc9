"""Answers recorded on AWS: TestState, ValidateStateMachineDefinition, and what CreateStateMachine refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaInvokeError, LambdaResult, VirtualClock
from embedded_aws.wire import Account, JsonService, ServiceError
from tests.recorded.compare import matches
from tests.recorded.corpus import cases, left_out
from tests.recorded.masks import apply_masks, parse_text

VALIDATED = "validate_definition"
TEXTS = ("definition", "input", "context", "variables")
"""Members of a request that are JSON text in the API and JSON values in a case."""


def no_function(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
    raise LambdaInvokeError("ResourceNotFoundException", f"Function not found: {function}", 404)


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JsonService]:
    account = Account("us-east-1", "111111111111")
    database = tmp_path_factory.mktemp("states") / "states.sqlite"
    states = StepFunctions(database, no_function, account, clock=VirtualClock())
    yield JsonService("stepfunctions", states)
    states.close()


def answer(api: JsonService, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the error as boto3 shows it, with what differs from run to run replaced by placeholders."""
    try:
        given = api.call(operation, request)
    except ServiceError as error:
        given = {"Error": {"Code": error.code, "Message": error.message}}
    masked: dict[str, Any] = apply_masks(json.loads(json.dumps(given, default=str)), [], {})
    return masked


def values(document: Any) -> Any:
    """Members that hold JSON text as the values that they hold, as the recorder parsed them."""
    if isinstance(document, dict):
        return {key: values(member) for key, member in document.items()}
    return parse_text(document)


def expected_answer(case: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer; errors have two forms in the corpus, one here."""
    recorded: dict[str, Any] = case["response"]
    if "exception_typename" in recorded:
        message = recorded["exception_value"].partition(" operation: ")[2]
        return {"Error": {"Code": recorded["exception_typename"], "Message": message}}
    return {key: value for key, value in recorded.items() if key != "message"}  # boto3's copy of Error.Message


def test_every_state_answers_as_on_aws(api: JsonService) -> None:
    """TestState: status, output, next state, errors and the data after every step."""
    wrong = {}
    for case in (case for case in cases("test_state") if not left_out(case)):
        request = {key: json.dumps(value) if key in TEXTS else value for key, value in case["request"].items()}
        expected, given = expected_answer(case), answer(api, "TestState", request)
        if not matches(values(expected), values(given)):
            wrong[case["id"]] = (expected, given)
    assert wrong == {}


def test_every_definition_is_judged_as_on_aws(api: JsonService) -> None:
    """ValidateStateMachineDefinition: result, and code, place and message of each finding."""
    found = {case["id"]: answer(api, "ValidateStateMachineDefinition", case["request"]) for case in cases(VALIDATED)}
    assert len(found) >= 10
    assert [case["id"] for case in cases(VALIDATED) if not matches(case["response"], found[case["id"]])] == []


def test_what_aws_refuses_to_create_is_refused(api: JsonService) -> None:
    """CreateStateMachine: the error and its words."""
    wrong = {}
    for case in cases("rejected_definitions"):
        request = {"name": "m", "roleArn": "arn:aws:iam::111111111111:role/r", "type": case["type"]}
        given = answer(api, "CreateStateMachine", request | {"definition": json.dumps(case["definition"])})
        message = case["message"].rpartition(" operation: ")[2]
        if not matches({"Error": {"Code": case["error"], "Message": message}}, given):
            wrong[case["id"]] = given
    assert wrong == {}


def test_a_wrong_answer_is_noticed(api: JsonService) -> None:
    """The comparison is no rubber stamp."""
    case = next(case for case in cases("test_state") if case["response"].get("status") == "CAUGHT_ERROR")
    request = {key: json.dumps(value) if key in TEXTS else value for key, value in case["request"].items()}
    given = answer(api, "TestState", request)
    assert matches(values(expected_answer(case)), values(given))
    for change in ({"status": "FAILED"}, {"nextState": "Other"}, {"error": "Other"}, {"more": 1}):
        assert not matches(values(expected_answer(case)), values(given | change))
