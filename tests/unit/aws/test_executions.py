"""Executions: started once, looked at, and their histories read page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from stepguard.aws.clients import aws_errors
from stepguard.aws.executions import Executions
from stepguard.guard.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    ServiceUnavailable,
    Throttled,
    UnknownExecution,
)
from tests.fakes.aws import FakeClient, Reply, client_error
from tests.fakes.states import BEGIN, MACHINE, FakeStates

EXECUTION = f"{MACHINE.replace(':stateMachine:', ':execution:')}:chat-1"
DOCUMENT = {"request": {"kind": "prompt", "text": "What's up?", "caller": "me"}}


def executions(**replies: Reply | list[Reply]) -> tuple[Executions, FakeClient]:
    """The adapter on a client with these replies."""
    fake = FakeClient("stepfunctions", **replies)
    return Executions(MACHINE, fake.client), fake


def test_starting_sends_the_document_as_json() -> None:
    """Name, state machine and input; the ARN comes back."""
    states = FakeStates()

    assert states.executions.start("chat-1", DOCUMENT) == EXECUTION
    assert states.inputs == {EXECUTION: DOCUMENT}


def test_the_same_start_is_the_same_execution() -> None:
    """ExecutionAlreadyExists with the same input is no error: a caller may repeat a request that got lost."""
    states = FakeStates()
    first = states.executions.start("chat-1", DOCUMENT)

    assert states.executions.start("chat-1", dict(DOCUMENT)) == first
    assert len(states.inputs) == 1


def test_the_same_name_with_another_document_is_a_conflict() -> None:
    """A reused token must not answer another question."""
    states = FakeStates()
    states.executions.start("chat-1", DOCUMENT)
    with pytest.raises(Conflict, match="client_token"):
        states.executions.start("chat-1", {"request": {"text": "Something else"}})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ExecutionLimitExceeded", Throttled),
        ("ThrottlingException", Throttled),
        ("KmsThrottlingException", Throttled),
        ("StateMachineDoesNotExist", ConfigurationError),
        ("StateMachineDeleting", ConfigurationError),
        ("AccessDeniedException", AccessDenied),
        ("KmsAccessDeniedException", AccessDenied),
        ("InvalidName", InvalidRequest),
    ],
)
def test_a_failed_start_is_reported_by_kind(code: str, kind: type[Exception]) -> None:
    """A quota is worth a retry, a missing state machine is the operator's, and neither is the caller's mistake."""
    adapter, _ = executions(start_execution=client_error(code))
    with pytest.raises(kind):
        adapter.start("chat-1", DOCUMENT)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", Throttled),
        ("modelStreamErrorException", ServiceUnavailable),
        ("internalServerException", ServiceUnavailable),
        ("dependencyFailedException", ServiceUnavailable),
        ("validationException", InvalidRequest),
    ],
)
def test_an_exception_inside_a_stream_is_reported_by_kind(name: str, kind: type[Exception]) -> None:
    """botocore raises the name of the stream's member, whatever the exception is called outside of streams."""
    with pytest.raises(kind), aws_errors("ConverseStream"):
        raise EventStreamError({"Error": {"Code": name, "Message": "…"}}, "ConverseStream")


def test_an_execution_is_described() -> None:
    """Status, times, parsed documents, and whether it has ended."""
    states = FakeStates(looks=1)
    states.executions.start("chat-1", DOCUMENT)

    running = states.executions.describe(EXECUTION)
    assert (running.name, running.status, running.finished) == ("chat-1", "RUNNING", False)
    assert (running.started, running.stopped, running.output) == (BEGIN, None, None)
    assert running.input == DOCUMENT

    ended = states.executions.describe(EXECUTION)
    assert (ended.status, ended.finished, ended.stopped) == ("SUCCEEDED", True, BEGIN)
    assert ended.output is not None
    assert ended.output["request"] == DOCUMENT["request"]


def test_a_failed_execution_reports_its_error() -> None:
    """Error name and cause, no output."""
    states = FakeStates(status="FAILED", error="States.Timeout")
    states.executions.start("chat-1", DOCUMENT)
    execution = states.executions.describe(EXECUTION)

    assert (execution.finished, execution.error, execution.cause) == (True, "States.Timeout", "told by the fake")
    assert execution.output is None


def test_an_execution_that_waits_for_its_redrive_has_not_ended() -> None:
    """PENDING_REDRIVE will run again."""
    adapter, _ = executions(
        describe_execution={
            "executionArn": EXECUTION,
            "stateMachineArn": MACHINE,
            "name": "chat-1",
            "status": "PENDING_REDRIVE",
            "startDate": BEGIN,
        }
    )
    execution = adapter.describe(EXECUTION)

    assert execution.finished is False
    assert execution.input == {}


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn", "ValidationException"])
def test_an_unknown_execution_is_reported_without_its_name(code: str) -> None:
    """What a caller wrote into the path is not repeated."""
    adapter, _ = executions(describe_execution=client_error(code, "Execution Does Not Exist: 'x<script>'"))
    with pytest.raises(UnknownExecution) as caught:
        adapter.describe("x<script>")

    assert "script" not in str(caught.value)


@pytest.mark.parametrize("operation", ["describe_execution", "get_execution_history"])
def test_other_errors_of_looking_are_reported_by_kind(operation: str) -> None:
    """A throttled look is not an unknown execution."""
    adapter, _ = executions(**{operation: client_error("ThrottlingException")})
    with pytest.raises(Throttled):
        adapter.describe(EXECUTION) if operation == "describe_execution" else list(adapter.history(EXECUTION))


def test_names_and_arns_of_this_state_machine_are_known() -> None:
    """Both lead to the same execution."""
    adapter, _ = executions()

    assert adapter.arn_of("chat-1") == EXECUTION
    assert adapter.arn_of(EXECUTION) == EXECUTION
    assert adapter.arn_of("x" * 80).endswith("x" * 80)


@pytest.mark.parametrize(
    "execution",
    [
        "",
        "x" * 81,
        EXECUTION.replace("stepguard-chat", "payroll"),
        EXECUTION.replace("stepguard-chat", "stepguard-chat2"),
        EXECUTION.replace("123456789012", "999999999999"),
        MACHINE,
        "a:b",
    ],
    ids=["empty", "too long", "other machine", "longer name", "other account", "machine", "colon"],
)
def test_executions_of_others_are_unknown(execution: str) -> None:
    """Nobody reads the executions of another state machine through this one."""
    adapter, fake = executions()
    with pytest.raises(UnknownExecution):
        adapter.arn_of(execution)

    assert fake.requests == []


def event(number: int) -> dict[str, Any]:
    """One event of a history."""
    return {"id": number, "type": "PassStateEntered", "timestamp": BEGIN + timedelta(seconds=number)}


def test_a_history_is_read_page_by_page() -> None:
    """All events in their order, each page read with the token of the one before."""
    adapter, fake = executions(
        get_execution_history=[
            {"events": [event(1), event(2)], "nextToken": "two"},
            {"events": [], "nextToken": "three"},
            {"events": [event(3)]},
        ]
    )

    assert [item["id"] for item in adapter.history(EXECUTION)] == [1, 2, 3]
    assert [body.get("nextToken") for body in fake.bodies("get_execution_history")] == [None, "two", "three"]
    assert {body["maxResults"] for body in fake.bodies("get_execution_history")} == {1000}


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn"])
def test_an_unknown_history_is_unknown(code: str) -> None:
    """As for describing."""
    adapter, _ = executions(get_execution_history=client_error(code))
    with pytest.raises(UnknownExecution):
        list(adapter.history(EXECUTION))


def test_the_state_machine_reports_its_status() -> None:
    """ACTIVE, when it can be reached."""
    adapter, fake = executions(
        describe_state_machine={
            "stateMachineArn": MACHINE,
            "name": "stepguard-chat",
            "status": "ACTIVE",
            "definition": "{}",
            "roleArn": "arn:aws:iam::123456789012:role/states",
            "type": "STANDARD",
            "creationDate": BEGIN,
        }
    )

    assert adapter.machine_status() == "ACTIVE"
    assert fake.bodies("describe_state_machine") == [{"stateMachineArn": MACHINE}]


def test_the_state_machine_is_named_by_the_environment(environment: pytest.MonkeyPatch) -> None:
    """STATE_MACHINE_ARN, read when it is needed; missing, it is named."""
    adapter = Executions()
    with pytest.raises(ConfigurationError, match="STATE_MACHINE_ARN is not set"):
        adapter.arn_of("chat-1")

    environment.setenv("STATE_MACHINE_ARN", MACHINE)
    assert adapter.arn_of("chat-1") == EXECUTION


def test_an_endpoint_that_does_not_answer_is_unavailable(environment: pytest.MonkeyPatch) -> None:
    """The process's own client, on a port where nobody listens: one attempt, and an error worth a retry."""
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailable, match="could not be reached"):
        Executions(MACHINE).describe(EXECUTION)


def test_an_alias_starts_executions_that_are_named_and_listed_by_their_machine() -> None:
    """StartExecution gets the alias; an execution's ARN has none, and an alias would list only its own executions."""
    started = {"executionArn": EXECUTION, "startDate": BEGIN}
    fake = FakeClient("stepfunctions", start_execution=started, list_executions={"executions": []})
    chats = Executions(f"{MACHINE}:live", fake.client)

    assert chats.start("chat-1", DOCUMENT) == chats.arn_of("chat-1") == chats.arn_of(EXECUTION) == EXECUTION
    assert list(chats.listed()) == []
    assert fake.bodies("start_execution")[0]["stateMachineArn"] == f"{MACHINE}:live"
    assert fake.bodies("list_executions")[0]["stateMachineArn"] == MACHINE
