"""Ctrl-C while a question is answered."""

from __future__ import annotations

import pytest

from stepguard.aws.executions import Executions
from stepguard.session.chat import Interrupted, ask
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.states import BEGIN, MACHINE


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "The execution was stopped: arn:"),
        (client_error("ExecutionDoesNotExist", "gone"), "Interrupted before the execution started"),
        (
            client_error("AccessDeniedException", "no"),
            "could not be stopped and continues: arn:.* StopExecution: AccessDenied",
        ),
    ],
)
def test_an_interrupted_question_stops_its_execution(error: Exception | None, words: str) -> None:
    """The message says what became of the execution, also when it cannot be stopped."""
    stopped = []

    def describe(request: Request) -> dict[str, object]:
        raise KeyboardInterrupt

    def stop(request: Request) -> dict[str, object]:
        stopped.append(request["executionArn"])
        if error is not None:
            raise error
        return {"stopDate": BEGIN}

    arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:1"
    fake = FakeClient(
        "stepfunctions",
        start_execution=lambda request: {"executionArn": arn, "startDate": BEGIN},
        describe_execution=describe,
        stop_execution=stop,
    )
    with pytest.raises(Interrupted, match=words):
        ask(Executions(MACHINE, fake.client), "What is insulin?")
    assert len(stopped) == 1
