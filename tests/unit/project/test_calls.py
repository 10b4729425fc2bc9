"""How often one chat and one item of an evaluation call AWS. A number that grows costs money and capacity."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from stepguard.aws.caller_quota import CallerQuota
from stepguard.evaluation import results
from stepguard.project.calls import CHAT_CALLS, ITEM_CALLS
from stepguard.project.definitions import EVALUATE, ITEMS
from stepguard.project.deployment_costs import deployment_of
from stepguard.project.folder import builtin_project
from stepguard.project.state_paths import ANSWERED, BLOCKED_BY_ANSWER, BLOCKED_BY_INPUT, NO_ANSWER, SCREENED, path
from tests.fakes.aws import FakeClient
from tests.unit.functions.test_chat_answers import COUNTS
from tests.workflow.scenarios import SCENARIOS

STANDARD = deployment_of(builtin_project())
KINDS = {
    "lambda:Invoke": "arn:aws:states:::lambda:invoke",
    "dynamodb:UpdateItem": "arn:aws:states:::dynamodb:updateItem",
}


def of_bedrock(scenario: str) -> dict[str, int]:
    """The calls of the Lambdas, run on a scripted Bedrock in the order of the states."""
    stages = next(entry for entry in SCENARIOS if entry.name == scenario).stages()
    request = next(entry for entry in SCENARIOS if entry.name == scenario).request
    document: dict[str, Any] = {"request": request}
    document["input_guard"] = stages("guard_input", document)
    if document["input_guard"]["needs_model"]:
        document["model"] = stages("invoke_model", document | {"text": document["input_guard"]["text"]})
    stages("guard_answer", {"request": request, "document": document})
    return dict(Counter(f"bedrock-runtime:{_operation(name)}" for name, _ in stages.runtime.requests))


def _operation(method: str) -> str:
    return "".join(part.capitalize() for part in method.split("_"))


def of_the_states(definition: Mapping[str, Any], through: tuple[str, ...]) -> dict[str, int]:
    """The calls of the state machine itself."""
    resources = Counter(definition["States"][name].get("Resource") for name in path(definition, through))
    return {name: resources[resource] for name, resource in KINDS.items() if resources[resource]}


def of_the_api(case: str) -> dict[str, int]:
    """Counted by tests/unit/functions/test_chat_answers.py."""
    services = {"start_execution": "stepfunctions", "describe_execution": "stepfunctions"}
    calls = COUNTS[case][2]
    return {f"{services.get(name, 'dynamodb')}:{_operation(name)}": count for name, count in calls.items()}


def of_the_quota(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The calls that count a caller's question."""
    for name, value in {
        "CALLER_TABLE": "callers",
        "CALLER_QUESTIONS_PER_MINUTE": "2",
        "CALLER_ITEMS_PER_DAY": "9",
    }.items():
        monkeypatch.setenv(name, value)
    fake = FakeClient("dynamodb", transact_write_items={})
    CallerQuota(fake.client).take("caller")
    return dict(Counter(f"dynamodb:{_operation(name)}" for name, _ in fake.requests))


def items() -> dict[str, Any]:
    """The definition of an item."""
    evaluation = json.loads(builtin_project().path(f"statemachine/{EVALUATE}").read_text(encoding="utf-8"))
    processor: dict[str, Any] = evaluation["States"][ITEMS]["ItemProcessor"]
    return processor


def test_calls_of_a_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    """API, Lambdas and states together, and the count of the caller's quota."""
    counted = Counter({"stepfunctions:DescribeExecution": 0} | of_the_quota(monkeypatch))
    for part in (of_the_api("answered in 10 s"), of_bedrock("answered"), of_the_states(STANDARD.definition, ANSWERED)):
        counted.update(part)
    assert dict(counted) == dict(CHAT_CALLS)


def test_calls_of_an_item() -> None:
    """A document: two guards, two Lambdas, no table and no API."""
    counted = Counter(of_bedrock("document screened"))
    counted.update(of_the_states(items(), SCREENED))
    assert dict(counted) == dict(ITEM_CALLS)


@pytest.mark.parametrize(
    ("through", "keys", "hits"),
    [
        (ANSWERED, ("input_guard", "model", "answer_guard"), 1),
        (SCREENED, ("input_guard", "answer_guard"), 1),
        (BLOCKED_BY_INPUT, ("input_guard",), 0),
        (NO_ANSWER, ("input_guard", "model"), 0),
        (BLOCKED_BY_ANSWER, ("input_guard", "model", "answer_guard"), 0),
    ],
)
def test_a_scorecard_counts_the_states_of_the_definition(
    through: tuple[str, ...], keys: tuple[str, ...], hits: int
) -> None:
    """An item's document has no history: the scorecard infers the states from it."""
    document: dict[str, Any] = {key: {} for key in keys} | {"answer": {"got_hits": hits}}
    assert results._transitions(document) == len(path(items(), through))


@pytest.mark.parametrize("case", ["answered", "masked", "blocked", "answered in 10 s"])
def test_a_chat_that_ends_needs_no_describe_execution(case: str) -> None:
    """Its quota refills with 15 calls a second for a whole account."""
    assert "stepfunctions:DescribeExecution" not in of_the_api(case)
    assert of_the_api(case)["dynamodb:GetItem"] <= CHAT_CALLS["dynamodb:GetItem"]
