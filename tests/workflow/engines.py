"""Two interpreters of the same definition: the embedded AWS's, and moto's as a second opinion."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from stepguard.project.folder import ANSWERS, builtin_project
from tests.fakes.tables import FakeTable

Stage = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
Run = Callable[[Mapping[str, Any], Stage], Mapping[str, Any]]
"""Runs `{"request": ...}` with these stages; gives status, output, error, the events of the history, and the row of
the table of answers."""

NAMES = (
    *("guard_input", "rewrite_question", "guard_rewrite", "find_answer", "retrieve_passages", "guard_passages"),
    *("invoke_model", "guard_answer"),
)
ARNS = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in NAMES}
DEFINITION = builtin_project().chat_definition(ARNS)
ASSISTANT = builtin_project().chat_definition(ARNS, assistant=True)
ROLE = "arn:aws:iam::123456789012:role/test"
DEADLINE_SECONDS = 20


@contextmanager
def embedded(folder: Path, definition: str = DEFINITION) -> Iterator[Run]:
    """The embedded AWS's engine, with a clock that jumps over every wait."""
    stages: dict[str, Stage] = {}

    def invoke(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        event = json.loads(payload)
        result = stages[event["execution"]](function, event)
        error = "Unhandled" if "errorType" in result else None
        return LambdaResult(json.dumps(result).encode(), function_error=error)

    table = FakeTable()
    states = StepFunctions(
        folder / "states.sqlite3", invoke, clock=VirtualClock(), clients=lambda service: table.fake.client
    )
    machine = states.create_state_machine({"name": "chat", "definition": definition, "roleArn": ROLE})[
        "stateMachineArn"
    ]

    def run(document: Mapping[str, Any], stage: Stage) -> Mapping[str, Any]:
        name = f"run-{len(stages)}"
        arn = machine.replace(":stateMachine:", ":execution:") + f":{name}"
        stages[arn] = stage
        states.start_execution({"stateMachineArn": machine, "name": name, "input": json.dumps(document)})
        described = _wait(lambda: states.describe_execution({"executionArn": arn}))
        events = states.get_execution_history({"executionArn": arn, "maxResults": 1000})["events"]
        return {**described, "events": events, "row": table.item(name)}

    try:
        yield run
    finally:
        states.close()


@contextmanager
def by_moto(monkeypatch: pytest.MonkeyPatch, definition: str = DEFINITION) -> Iterator[Run]:
    """moto's interpreter, its Lambda backend handing every invocation to the stages, its retries not waiting."""
    from moto.awslambda_simple.models import LambdaSimpleBackend
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    stages: dict[str, Stage] = {}

    def invoke(
        self: object, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        event = json.loads(body)
        result = stages[event["execution"]](function_name, event)
        if "errorType" in result:
            response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(result).encode()

    class NoWait:
        """Stands where moto's retrier looks for `time`."""

        @staticmethod
        def sleep(seconds: float) -> None:
            """Retries of a scenario are not waited for."""

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    monkeypatch.setattr(retrier_decl, "time", NoWait)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}):
        states, tables = boto3.client("stepfunctions"), boto3.client("dynamodb")
        tables.create_table(
            TableName=ANSWERS,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "turn")],
            KeySchema=[
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "turn", "KeyType": "RANGE"},
            ],
        )
        machine = states.create_state_machine(name="chat", definition=definition, roleArn=ROLE)["stateMachineArn"]

        def run(document: Mapping[str, Any], stage: Stage) -> Mapping[str, Any]:
            name = f"run-{len(stages)}"
            arn = machine.replace(":stateMachine:", ":execution:") + f":{name}"
            stages[arn] = stage
            states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(document))
            described = _wait(lambda: states.describe_execution(executionArn=arn))
            item = tables.get_item(TableName=ANSWERS, Key={"id": {"S": name}, "turn": {"S": "-"}}).get("Item", {})
            row = {key: next(iter(value.values())) for key, value in item.items()} or None
            return {**described, "events": states.get_execution_history(executionArn=arn)["events"], "row": row}

        yield run


def _wait(describe: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        described = describe()
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.002)
    raise TimeoutError("The execution did not end.")
