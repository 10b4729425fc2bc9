"""One mock configuration, three interpreters: the embedded AWS's engine, Step Functions Local, AWS's TestState.

statemachine/mocks/chat.json is a MockConfigFile.json of Step Functions Local: what each Task answers in each case. The
engine runs every case in the normal tests. `make sfn-local` runs them on Step Functions Local, where docker is; with
STEPGUARD_TEST_STATE=1 and credentials every Task goes through AWS's TestState as well.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from stepguard.project.folder import builtin_project
from stepguard.session.embedded import EVALUATION_BUCKET, MACHINES
from stepguard.trace import read_history

ROOT = Path(__file__).parents[2]
MOCKS = ROOT / "statemachine" / "mocks" / "chat.json"
EXECUTIONS = "arn:aws:states:us-east-1:123456789012:execution:chat"
ROLE = "arn:aws:iam::123456789012:role/test"
REQUEST = {"request": {"kind": "prompt", "text": "What are some of the causes for Diabetes?", "caller": "test"}}
NAMES = ("guard_input", "invoke_model", "guard_answer", "prepare_corpus", "summarize_corpus")
ARNS = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in NAMES}
DEFINITION = builtin_project().chat_definition(ARNS)
EVALUATION = builtin_project().evaluation_definition(ARNS)
CHAT, EVALUATE = MACHINES

ANSWER = ["GuardInput", "InputIntervened?", "NeedsModel?", "InvokeModel", "ModelIntervened?"]
GUARDED = ["GuardAnswer", "AnswerIntervened?"]
FAILED = ["RecordFailure", "AnswerUnavailable"]
CASES: dict[str, tuple[str, str | None, list[str]]] = {
    "Answered": ("SUCCEEDED", "answered", [*ANSWER, *GUARDED, "RecordAnswer", "AnswerDelivered"]),
    "AnswerMasked": ("SUCCEEDED", "masked", [*ANSWER, *GUARDED, "RecordAnswer", "AnswerDelivered"]),
    "QuestionBlocked": ("SUCCEEDED", "blocked", [*ANSWER[:2], "QuestionRefused", "RecordDontKnow", "AnswerDontKnow"]),
    "ModelBlocked": ("SUCCEEDED", "blocked", [*ANSWER, "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"]),
    "ModelDoesNotKnow": ("SUCCEEDED", "dont_know", [*ANSWER, "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"]),
    "AnswerBlocked": ("SUCCEEDED", "blocked", [*ANSWER, *GUARDED, "AnswerRefused", "RecordDontKnow", "AnswerDontKnow"]),
    "Document": ("SUCCEEDED", "passed", [*ANSWER[:3], *GUARDED, "RecordAnswer", "AnswerDelivered"]),
    "RetriedToAnAnswer": ("SUCCEEDED", "answered", [*ANSWER, *GUARDED, "RecordAnswer", "AnswerDelivered"]),
    "Denied": ("FAILED", None, ["GuardInput", *FAILED]),
    "ModelDenied": ("FAILED", None, [*ANSWER[:4], *FAILED]),
    "AnswerDenied": ("FAILED", None, [*ANSWER, "GuardAnswer", *FAILED]),
    "VerdictMissing": ("FAILED", None, [*ANSWER[:2], "VerdictMissing", *FAILED]),
    "NeedMissing": ("FAILED", None, [*ANSWER[:3], "VerdictMissing", *FAILED]),
    "ModelVerdictMissing": ("FAILED", None, [*ANSWER, "VerdictMissing", *FAILED]),
    "AnswerVerdictMissing": (
        "FAILED",
        None,
        [*ANSWER, *GUARDED, "VerdictMissing", "RecordFailure", "AnswerUnavailable"],
    ),
}
"""Status, outcome and path of every case."""

RUN = ["PrepareCorpus", "EvaluateItems", "SummarizeCorpus", "FailuresTolerated?"]
EVALUATIONS: dict[str, tuple[str, list[str]]] = {
    "Evaluated": ("SUCCEEDED", [*RUN, "EvaluationDone"]),
    "CorpusDenied": ("FAILED", [RUN[0], "EvaluationFailed"]),
    "LinesMissing": ("FAILED", [*RUN[:2], "EvaluationFailed"]),
    "TooManyFailed": ("FAILED", [*RUN, "EvaluationFailed"]),
    "SummaryDenied": ("FAILED", [*RUN[:3], "EvaluationFailed"]),
    "ItemLost": ("FAILED", [*RUN, "ItemsLost", "EvaluationFailed"]),
}
"""Status and path of every case of the evaluation. Step Functions Local has no Distributed Map, so it runs none."""

Run = Callable[[str], tuple[Mapping[str, Any], list[Mapping[str, Any]]]]
"""Runs a case; gives DescribeExecution's answer and the events."""


def mocks() -> dict[str, Any]:
    """The configuration."""
    loaded: dict[str, Any] = json.loads(MOCKS.read_text(encoding="utf-8"))
    return loaded


def check(run: Run, case: str) -> None:
    """A case ends as the table says."""
    described, events = run(case)
    status, outcome, path = CASES[case]
    trace = read_history(events)
    output = json.loads(described.get("output") or "{}")

    assert (described["status"], trace.path) == (status, path)
    assert output.get("answer", {}).get("outcome") == outcome


def test_every_case_and_every_response_is_used() -> None:
    """The tables here and the configuration are of the same cases; no response lies idle."""
    machines = mocks()["StateMachines"]
    cases = [case for machine in machines.values() for case in machine["TestCases"].values()]

    assert set(machines[CHAT]["TestCases"]) == set(CASES)
    assert set(machines[EVALUATE]["TestCases"]) == set(EVALUATIONS)
    assert {name for case in cases for name in case.values()} == set(mocks()["MockedResponses"])


def test_the_machines_are_those_that_serve_deploys() -> None:
    """A case is started under the ARN of a state machine of `stepguard serve`."""
    assert tuple(mocks()["StateMachines"]) == MACHINES


def edges(states: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Every transition of a definition: Next, Default, choices, catches."""
    found = set()
    for name, state in states.items():
        targets = [state.get("Next"), state.get("Default")]
        targets += [rule["Next"] for rule in state.get("Choices", ())]
        targets += [catcher["Next"] for catcher in state.get("Catch", ())]
        found |= {(name, target) for target in targets if target}
    return found


@pytest.mark.parametrize(
    ("definition", "paths"),
    [
        (DEFINITION, [path for _, _, path in CASES.values()]),
        (EVALUATION, [path for _, path in EVALUATIONS.values()]),
    ],
    ids=["chat", "evaluate"],
)
def test_every_edge_has_a_case(definition: str, paths: list[list[str]]) -> None:
    """Computed from the definition: a new transition needs a case."""
    taken = {edge for path in paths for edge in pairwise(path)}

    assert edges(json.loads(definition)["States"]) == taken


def test_every_path_of_the_evaluation_has_a_case() -> None:
    """All ways from the start to an end: the definition has no loop."""
    states = json.loads(EVALUATION)["States"]
    following = {name: sorted(target for start, target in edges(states) if start == name) for name in states}

    def paths(name: str) -> Iterator[list[str]]:
        if not following[name]:
            yield [name]
        for target in following[name]:
            yield from ([name, *rest] for rest in paths(target))

    assert sorted(paths("PrepareCorpus")) == sorted(path for _, path in EVALUATIONS.values())


ITEM = {
    "item": {"id": "1", "number": 0, "line": 1},
    "request": {"kind": "document", "text": "A.", "caller": "x"},
}
"""The line that the Map reads."""


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize("case", EVALUATIONS)
def test_evaluations_on_the_engine(tmp_path: Path, case: str) -> None:
    """The mocks also answer for the items, whose executions inherit the case."""

    def unmocked(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        raise AssertionError(f"{function} is not mocked")

    bucket = boto3.client("s3", region_name="us-east-1")
    bucket.create_bucket(Bucket=EVALUATION_BUCKET)
    bucket.put_object(Bucket=EVALUATION_BUCKET, Key="mocks/items.jsonl", Body=json.dumps(ITEM).encode())
    states = StepFunctions(
        tmp_path / "s.sqlite3", unmocked, clock=VirtualClock(), clients=lambda _: bucket, mock_config=MOCKS
    )
    try:
        made = states.create_state_machine({"name": EVALUATE, "definition": EVALUATION, "roleArn": ROLE})
        document = json.dumps({"run": {"tolerated_failure_percentage": 0}})
        started = states.start_execution({"stateMachineArn": f"{made['stateMachineArn']}#{case}", "input": document})
        arn = started["executionArn"]
        described = _ended(lambda: states.describe_execution({"executionArn": arn}))
        events = states.get_execution_history({"executionArn": arn, "maxResults": 1000})["events"]
    finally:
        states.close()

    assert (described["status"], read_history(events).path) == EVALUATIONS[case]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Run]:
    """The embedded AWS's engine; a Task that is not mocked fails."""

    def unmocked(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        raise AssertionError(f"{function} is not mocked")

    states = StepFunctions(tmp_path / "s.sqlite3", unmocked, clock=VirtualClock(), mock_config=MOCKS)
    machine = states.create_state_machine({"name": CHAT, "definition": DEFINITION, "roleArn": ROLE})["stateMachineArn"]

    def run(case: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        started = states.start_execution({"stateMachineArn": f"{machine}#{case}", "input": json.dumps(REQUEST)})
        arn = started["executionArn"]
        described = _ended(lambda: states.describe_execution({"executionArn": arn}))
        return described, states.get_execution_history({"executionArn": arn, "maxResults": 1000})["events"]

    try:
        yield run
    finally:
        states.close()


@pytest.mark.parametrize("case", CASES)
def test_on_the_engine(engine: Run, case: str) -> None:
    """Every case on the embedded AWS."""
    check(engine, case)


@pytest.mark.parametrize("case", CASES)
def test_on_step_functions_local(case: str) -> None:
    """The same on AWS's own emulator, where docker is."""
    url = os.environ.get("SFN_LOCAL_URL")
    if not url:
        pytest.skip("needs amazon/aws-stepfunctions-local in docker: make sfn-local")
    check(lambda name: _on_sfn_local(url, name), case)


def _on_sfn_local(url: str, case: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    client, machine = _sfn_local(url)
    arn = client.start_execution(stateMachineArn=f"{machine}#{case}", input=json.dumps(REQUEST))["executionArn"]
    described = _ended(lambda: client.describe_execution(executionArn=arn))
    return described, client.get_execution_history(executionArn=arn, maxResults=1000)["events"]


@cache
def _sfn_local(url: str) -> tuple[Any, str]:
    client = boto3.client(
        "stepfunctions",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False),
    )
    # Step Functions Local is not developed on: it refuses what the language got after it.
    older = json.loads(DEFINITION)
    for state in older["States"].values():
        for retrier in state.get("Retry", ()):
            retrier.pop("JitterStrategy", None)
            retrier.pop("MaxDelaySeconds", None)
        if "CausePath" in state:
            state["Cause"] = state.pop("CausePath")
    made = client.create_state_machine(name=CHAT, definition=json.dumps(older), roleArn=ROLE)
    return client, made["stateMachineArn"]


RESPONSES = sorted({name for case in mocks()["StateMachines"][CHAT]["TestCases"].values() for name in case.values()})


def check_state(test_state: Callable[..., Mapping[str, Any]], name: str) -> None:
    """A Task's first mocked answer through TestState: it continues where the definition says, retries, or is caught."""
    cases = mocks()["StateMachines"][CHAT]["TestCases"].values()
    state = next(state for case in cases for state, response in case.items() if response == name)
    first = next(iter(mocks()["MockedResponses"][name].values()))
    error = first.get("Throw", {}).get("Error")
    mock = (
        {"result": json.dumps(first["Return"])}
        if error is None
        else {"errorOutput": {"error": error, "cause": first["Throw"]["Cause"]}}
    )
    answer = {"text": "x", "outcome": "answered", "source": "LLM", "got_hits": 1, "citations": []}
    verdict = {"M": {"state": {"S": "GuardInput"}, "outcome": {"S": "passed"}, "findings": {"S": "[]"}}}
    record = {"caller": "test", "expires": "1796000000", "id": "test", "turn": "-", "turns": 12}
    document: dict[str, Any] = {**REQUEST, "input_guard": {"text": "x", "record": record, "verdict": verdict}}
    document |= {"answer_guard": {"answer": answer}, "answer": answer, "error": {"Error": "x"}}
    reply = test_state(
        definition=DEFINITION,
        stateName=state,
        input=json.dumps(document),
        mock=mock,
        inspectionLevel="DEBUG",
        context=json.dumps({"Execution": {"Id": f"{EXECUTIONS}:test", "Name": "test"}, "State": {"RetryCount": 0}}),
    )
    definition = json.loads(DEFINITION)["States"][state]
    if error is None:
        assert (reply["status"], reply["nextState"]) == ("SUCCEEDED", definition["Next"])
    elif any(error in retrier["ErrorEquals"] for retrier in definition["Retry"]):
        assert reply["status"] == "RETRIABLE"
    else:
        assert (reply["status"], reply["nextState"]) == ("CAUGHT_ERROR", definition["Catch"][0]["Next"])


@pytest.mark.parametrize("name", RESPONSES)
def test_states_on_the_engine(tmp_path: Path, name: str) -> None:
    """Each state alone, through the embedded AWS's TestState."""
    states = StepFunctions(tmp_path / "s.sqlite3", lambda *_: LambdaResult(b"", function_error="Unhandled"))
    try:
        check_state(lambda **request: states.test_state(request), name)
    finally:
        states.close()


@pytest.mark.parametrize("name", RESPONSES)
def test_states_on_aws(name: str) -> None:
    """The same through AWS's own TestState: opt-in, since it calls an account."""
    if not os.environ.get("STEPGUARD_TEST_STATE"):
        pytest.skip("calls AWS with your credentials: STEPGUARD_TEST_STATE=1")
    check_state(boto3.client("stepfunctions").test_state, name)


def _ended(look: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        described = look()
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < deadline, "the execution does not end"
        time.sleep(0.01)
