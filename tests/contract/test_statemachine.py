"""The rules that every state of the chat workflow keeps."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moto.dynamodb
import pytest
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from stepguard.guard import errors
from stepguard.guard.stages import STAGES
from stepguard.project.definitions import ITEM_ATTEMPTS

FOLDER = Path(__file__).parents[2] / "statemachine"
FILE = FOLDER / "chat.asl.json"
TEXT = FILE.read_text(encoding="utf-8")
DEFINITION: dict[str, Any] = json.loads(TEXT)
STATES: dict[str, dict[str, Any]] = DEFINITION["States"]
LAMBDA, DYNAMODB = "arn:aws:states:::lambda:invoke", "arn:aws:states:::dynamodb:updateItem"
TASKS = {name: state for name, state in STATES.items() if state.get("Resource") == LAMBDA}
RECORDS = {name: state for name, state in STATES.items() if state.get("Resource") == DYNAMODB}
CHOICES = {name: state for name, state in STATES.items() if state["Type"] == "Choice"}

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html; the Lambda.* names are in its
# retry example for Lambda service exceptions and in the best practices for handling them.
AWS_ERRORS = {
    "States.ALL",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
}

# The end of a Lambda worker instead of an answer. Lambda.Unknown is Step Functions' name (best practices page); the
# others are the error types of AWS's runtime interface emulator (aws/aws-lambda-runtime-interface-emulator, internal/
# lambda: fatalerror and rapid/model), which the payload of a failed invocation has as its errorType.
CRASHES = {
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Runtime.Unknown",
    "Runtime.InvokeTimeout",
    "Sandbox.Failure",
    "Sandbox.Timedout",
    "Sandbox.Timeout",
    "Extension.Crash",
}
SHADOW_ATTEMPTS = 8
OUR_ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value)}


def test_statelint_finds_nothing() -> None:
    """Targets exist, every state can be reached, the machine ends; placeholders replace the Lambdas' ARNs."""
    assert Linter.validate(DEFINITION, Config({ProblemType.URI})) == []


def test_statelint_is_not_idle() -> None:
    """A target that does not exist is found."""
    spoilt = json.loads(TEXT)
    spoilt["States"]["GuardInput"]["Next"] = "Nowhere"
    assert Linter.validate(spoilt, Config({ProblemType.URI}))


def test_the_workflow_has_a_time_limit_and_says_what_it_is() -> None:
    """An execution never hangs for a year."""
    assert DEFINITION["Comment"]
    assert 0 < DEFINITION["TimeoutSeconds"] <= 3600


def test_the_definition_is_portable() -> None:
    """No ARN of an account or region: only placeholders and the integration's own name."""
    without_integration = TEXT.replace(LAMBDA, "").replace(DYNAMODB, "")

    assert "arn:" not in without_integration
    assert not re.search(r"\d{12}", TEXT)
    assert not re.search(r"\b(us|eu|ap|sa|ca|me|af)-[a-z]+-\d\b", TEXT)
    assert "QueryLanguage" not in TEXT


@pytest.mark.parametrize("name", STATES)
def test_every_state_says_why(name: str) -> None:
    """A Comment that is a sentence."""
    assert re.fullmatch(r"[A-Z].*\.", STATES[name]["Comment"])


def test_names_tell_what_a_state_is() -> None:
    """Choices are questions, everything else is not."""
    assert {name for name in STATES if name.endswith("?")} == set(CHOICES)
    assert all(re.fullmatch(r"([A-Z][a-z]+)+\??", name) for name in STATES)


# --- tasks ---------------------------------------------------------------------------------------------------------


def test_there_are_the_three_guarded_stages() -> None:
    """Each stage writes the key that answers and traces read."""
    assert {name: state["ResultPath"] for name, state in TASKS.items()} == {
        stage.state: f"$.{stage.key}" for stage in STAGES
    }
    assert {name for name, state in STATES.items() if state["Type"] == "Task"} == {*TASKS, *RECORDS}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_names_what_it_sends(name: str) -> None:
    """The Lambda integration with an explicit Payload of named members, the execution's id among them."""
    task = TASKS[name]

    assert task["Resource"] == "arn:aws:states:::lambda:invoke"
    assert set(task["Parameters"]) == {"FunctionName", "Payload"}
    assert isinstance(task["Parameters"]["Payload"], dict)
    assert task["Parameters"]["Payload"]["execution.$"] == "$$.Execution.Id"
    assert not {"InputPath", "OutputPath"} & set(task)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_names_what_it_keeps(name: str) -> None:
    """The ResultSelector takes named members of the Payload; nothing of Lambda's envelope stays."""
    selector = dict(TASKS[name]["ResultSelector"])
    verdict = selector.pop("verdict")
    if name == "GuardInput":
        assert selector.pop("turn") == {"NULL": True}

    outcome, findings = selector["outcome.$"], selector["findings.$"]
    assert verdict["M"] == {
        "state": {"S": name},
        "outcome": {"S.$": outcome},
        "findings": {"S.$": f"States.JsonToString({findings})"},
    }
    assert {"outcome.$", "findings.$", "text_units.$", "answer.$"} <= set(selector)
    assert all(path == f"$.Payload.{key.removesuffix('.$')}" for key, path in selector.items())


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_time_limit(name: str) -> None:
    """Long enough for its Lambda, short enough for the workflow."""
    assert 0 < TASKS[name]["TimeoutSeconds"] < DEFINITION["TimeoutSeconds"]


THROTTLED = errors.Throttled.__name__
CANONICAL = next(iter(TASKS.values()))["Retry"]
"""The Retry of every Lambda task, in every definition; its one source is the first task of chat.asl.json."""


def _lambda_tasks(states: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            yield name, state
        inner = [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]
        for machine in inner:
            yield from _lambda_tasks(machine["States"])


LAMBDA_TASKS = [
    pytest.param(task, id=f"{file.name}-{name}")
    for file in sorted(FOLDER.glob("*.asl.json"))
    for name, task in _lambda_tasks(json.loads(file.read_text(encoding="utf-8"))["States"])
]


@pytest.mark.parametrize("task", LAMBDA_TASKS)
def test_every_task_has_the_same_retry(task: dict[str, Any]) -> None:
    """One canonical block, so that a reader learns it once.

    A task without a model has it without ModelNotReady; the stages of an item, which is EXPRESS, wait less; a shadow
    and a review wait for their reserved places only, since chats need the quotas.
    """
    without_model = [retrier for retrier in CANONICAL if retrier["ErrorEquals"] != ["ModelNotReady"]]
    short = {"MaxAttempts": ITEM_ATTEMPTS}
    of_an_item = [retrier | (short if THROTTLED in retrier["ErrorEquals"] else {}) for retrier in CANONICAL]
    own = {"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": SHADOW_ATTEMPTS}
    shadow = [retrier | (own if THROTTLED in retrier["ErrorEquals"] else {}) for retrier in without_model]
    after = re.search("JudgeShadow|SelectReview", str(task["Parameters"]))
    assert task["Retry"] in (CANONICAL, without_model, of_an_item, *([shadow] if after else []))


RETRIERS = [pytest.param(retrier, id=retrier["ErrorEquals"][0]) for retrier in CANONICAL]


@pytest.mark.parametrize("retrier", RETRIERS)
def test_a_retry_backs_off_with_jitter_and_ends(retrier: dict[str, Any]) -> None:
    """No thundering herd, no endless retry."""
    assert retrier["JitterStrategy"] == "FULL"
    assert retrier["BackoffRate"] > 1
    assert retrier["IntervalSeconds"] >= 1
    assert 1 <= retrier["MaxAttempts"] <= (10 if THROTTLED not in retrier["ErrorEquals"] else 40)
    assert retrier["IntervalSeconds"] < retrier["MaxDelaySeconds"] <= 60


def test_a_throttled_task_waits_for_minutes_and_less_than_the_workflow() -> None:
    """A quota that many chats use up at once delays them; it must not lose their answers."""
    (retrier,) = [retrier for retrier in CANONICAL if THROTTLED in retrier["ErrorEquals"]]
    delays = [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
        for attempt in range(retrier["MaxAttempts"])
    ]
    assert retrier["ErrorEquals"] == [THROTTLED, "Lambda.TooManyRequestsException"]
    assert sum(delays) / 2 > 300  # with full jitter a delay is half as long on average
    assert sum(delays) < DEFINITION["TimeoutSeconds"]


def _retried() -> list[str]:
    return [name for task in TASKS.values() for retrier in task["Retry"] for name in retrier["ErrorEquals"]]


def test_exactly_the_curable_errors_are_retried() -> None:
    """Of our errors those of guard.errors.RETRIED; of AWS's the Lambda service's own failures and killed workers."""
    retried = set(_retried())
    assert retried & OUR_ERRORS == {kind.__name__ for kind in errors.RETRIED}
    assert retried >= CRASHES
    assert all(name.startswith("Lambda.") for name in retried - OUR_ERRORS - CRASHES)


def test_a_crash_is_not_repeated_for_long() -> None:
    """A text that kills its worker kills the next one as well: two more attempts, within the workflow's time."""
    (retrier,) = [retrier for retrier in CANONICAL if CRASHES & set(retrier["ErrorEquals"])]
    longest = max(task["TimeoutSeconds"] for task in TASKS.values())

    assert set(retrier["ErrorEquals"]) == CRASHES
    assert (retrier["MaxAttempts"] + 1) * longest < DEFINITION["TimeoutSeconds"]


def test_every_error_name_exists() -> None:
    """Each retried error name exists: a retry on an unknown name never runs."""
    caught = [name for task in TASKS.values() for catcher in task["Catch"] for name in catcher["ErrorEquals"]]

    assert set(_retried()) | set(caught) <= AWS_ERRORS | CRASHES | OUR_ERRORS


@pytest.mark.parametrize("name", TASKS)
def test_whatever_survives_its_retries_is_unavailable(name: str) -> None:
    """One Catch for all errors, which keeps the document and goes to the Fail state."""
    assert TASKS[name]["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "RecordFailure"}]
    assert RECORDS["RecordFailure"]["Next"] == "AnswerUnavailable"


# --- the table of answers -------------------------------------------------------------------------------------------

DYNAMODB_ERRORS = {
    "DynamoDB.InternalServerError",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceededException",
    "DynamoDB.SdkClientException",
    "DynamoDB.ThrottlingException",
}
"""What a later attempt can cure. The optimised integration's prefix is `DynamoDB`, that of `aws-sdk:` is `DynamoDb`."""


@pytest.mark.parametrize("name", RECORDS)
def test_recording_never_stops_an_answer(name: str) -> None:
    """Whatever the table does, the next state is the same one, and the document stays as it is."""
    state = RECORDS[name]

    assert state["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": state["Next"]}]
    assert state["ResultPath"] is None
    assert not {"InputPath", "OutputPath", "ResultSelector"} & set(state)


@pytest.mark.parametrize("name", RECORDS)
def test_recording_is_short(name: str) -> None:
    """One Retry for all, of DynamoDB's own curable errors, that a caller can wait for."""
    (retrier,) = RECORDS[name]["Retry"]

    assert RECORDS[name]["Retry"] == RECORDS["RecordAnswer"]["Retry"]
    assert set(retrier["ErrorEquals"]) == DYNAMODB_ERRORS
    assert (retrier["JitterStrategy"], retrier["MaxAttempts"]) == ("FULL", 2)
    assert retrier["IntervalSeconds"] < retrier["MaxDelaySeconds"] <= 5
    assert RECORDS[name]["TimeoutSeconds"] <= 10


def test_every_end_is_recorded() -> None:
    """Nothing else leads to the three ends; the two answers differ in where the document holds them."""
    into = {
        end: {name for name, state in STATES.items() if state.get("Next") == end}
        for end in ("AnswerDelivered", "AnswerDontKnow", "AnswerUnavailable")
    }
    assert into == {
        "AnswerDelivered": {"RecordAnswer"},
        "AnswerDontKnow": {"RecordDontKnow"},
        "AnswerUnavailable": {"RecordFailure"},
    }
    delivered, dont_know = (json.dumps(RECORDS[name]["Parameters"]) for name in ("RecordAnswer", "RecordDontKnow"))
    cited = '":citations": {"S.$": "States.JsonToString($.answer_guard.answer.citations)"}, '
    assert cited in delivered
    delivered = delivered.replace(cited, "").replace(" citations = :citations,", "")
    assert delivered.replace("$.answer_guard.answer.", "$.answer.") == dont_know


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_no_reserved_word(name: str) -> None:
    """Every name in an expression that DynamoDB reserves has an alias. moto has DynamoDB's list."""
    folder = Path(moto.dynamodb.__file__).parent
    reserved = set((folder / "parsing" / "reserved_keywords.txt").read_text(encoding="utf-8").split())
    parameters = RECORDS[name]["Parameters"]
    expressions = parameters["UpdateExpression"].removeprefix("SET ") + parameters.get("ConditionExpression", "")

    assert "STATUS" in reserved
    assert {word.upper() for word in re.findall(r"(?<![#:\w])\w+", expressions)} & reserved == set()


# --- choices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_spells_out_both_sides(name: str) -> None:
    """Present and true, present and false, of one boolean that a handler always writes; to different states."""
    rules = CHOICES[name]["Choices"]
    variables = {condition["Variable"] for rule in rules for condition in rule["And"]}

    assert len(variables) == 1
    (variable,) = variables
    assert [rule["And"] for rule in rules] == [
        [{"Variable": variable, "IsPresent": True}, {"Variable": variable, "BooleanEquals": side}]
        for side in (True, False)
    ]
    assert len({rule["Next"] for rule in rules}) == 2
    key, _, member = variable.removeprefix("$.").partition(".")
    (state,) = [stage.state for stage in STAGES if stage.key == key]
    assert f"{member}.$" in TASKS[state]["ResultSelector"]


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_fails_closed(name: str) -> None:
    """Without the boolean nothing continues: the Default ends in the Fail state without passing any other Choice."""
    state = CHOICES[name]["Default"]
    seen = [state]
    while STATES[state]["Type"] != "Fail":
        assert STATES[state]["Type"] == "Pass" or state == "RecordFailure"
        state = STATES[state]["Next"]
        seen.append(state)

    assert seen[-1] == "AnswerUnavailable"
    assert all("answer" not in (STATES[name].get("ResultPath") or "") for name in seen)


def test_a_blocked_verdict_never_leads_on() -> None:
    """The blocked side of each Choice leads to AnswerDontKnow and nowhere else."""
    for name, side in {"InputIntervened?": True, "ModelIntervened?": False, "AnswerIntervened?": True}.items():
        (target,) = (rule["Next"] for rule in CHOICES[name]["Choices"] if rule["And"][1]["BooleanEquals"] is side)
        assert STATES[target]["Type"] == "Pass"
        assert STATES[target]["Next"] == "RecordDontKnow"
        assert STATES["RecordDontKnow"]["Next"] == "AnswerDontKnow"


# --- the ends ------------------------------------------------------------------------------------------------------


def test_the_last_state_reports_the_outcome() -> None:
    """Delivered, refused or unknown, unavailable: three ends, of which only the last is a failure."""
    ends = {name for name, state in STATES.items() if state.get("End") or state["Type"] in ("Succeed", "Fail")}

    assert ends == {"AnswerDelivered", "AnswerDontKnow", "AnswerUnavailable"}
    assert [name for name in ends if STATES[name]["Type"] == "Fail"] == ["AnswerUnavailable"]


def test_every_way_to_an_end_writes_the_answer() -> None:
    """A succeeded execution always holds an answer, taken from the stage that made it."""
    answers = {name: state["InputPath"] for name, state in STATES.items() if state.get("ResultPath") == "$.answer"}

    assert answers == {
        "QuestionRefused": "$.input_guard.answer",
        "NoAnswerFound": "$.model.answer",
        "AnswerRefused": "$.answer_guard.answer",
        "AnswerDelivered": "$.answer_guard.answer",
    }
    into_dont_know = {name for name, state in STATES.items() if state.get("Next") == "RecordDontKnow"}
    assert into_dont_know == set(answers) - {"AnswerDelivered"}


def test_nobody_rewrites_anothers_key() -> None:
    """Each state adds its own key to the document."""
    paths = [state["ResultPath"] for state in STATES.values() if state.get("ResultPath") is not None]
    paths += [catcher["ResultPath"] for task in TASKS.values() for catcher in task["Catch"]]

    assert set(paths) == {"$.input_guard", "$.model", "$.answer_guard", "$.answer", "$.error"}
    assert not any(path.startswith("$.request") for path in paths)
