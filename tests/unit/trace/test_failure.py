"""An error is reported with its type, its message and a stack that people can read."""

from __future__ import annotations

import json

import pytest

from stepguard.trace import Trace, read_history, to_document
from stepguard.trace.failure import Failure, error_name, failure_of, read_failure
from stepguard.trace.reason import guardrails_of, reason
from stepguard.trace.redact import redact
from tests.fakes.history import SECRET, History

STACK = [
    '  File "/var/task/chalice/app.py", line 1762, in __call__\n    return self.handler(event)\n',
    '  File "/var/task/app.py", line 59, in run\n    return observed_stage(name, stage, event)\n',
    '  File "/var/task/functions/invoke_model.py", line 29, in invoke_model\n    int(event["text"])\n',
    '  File "/opt/venv/lib/python3.12/site-packages/botocore/client.py", line 5, in call\n    raise error\n',
]
REFUSED = (
    "ApplyGuardrail: ValidationException: no. It concerns guardrail abc123abc123 version 9 of the preprocess layer, "
    "from PREPROCESS_GUARDRAIL_IDENTIFIER and PREPROCESS_GUARDRAIL_VERSION or the run's own guardrails."
)


def cause(kind: str, message: str) -> str:
    """An exception as Lambda reports it."""
    return json.dumps({"errorMessage": message, "errorType": kind, "requestId": "r", "stackTrace": STACK})


def failed(kind: str, message: str) -> History:
    """The input layer's Lambda raised; the chat ended in its Fail state."""
    history = History().add("TaskStateEntered", name="GuardInput", input="{}")
    history.add("TaskScheduled", resourceType="lambda", resource="invoke").add("TaskStarted")
    history.add("TaskFailed", error=kind, cause=cause(kind, message))
    history.add("TaskStateExited", name="GuardInput", output="{}")
    history.add("FailStateEntered", name="AnswerUnavailable", input="{}")
    return history.add("ExecutionFailed", error="AnswerUnavailable", cause=kind)


def test_frames_are_lines_and_the_applications_come_last() -> None:
    """Libraries first; a path without the machine's part; the code after it."""
    found = read_failure("ValueError", cause("ValueError", "bad"))

    assert found is not None
    assert found.stack == (
        "chalice/app.py:1762 in __call__: return self.handler(event)",
        "botocore/client.py:5 in call: raise error",
        "app.py:59 in run: return observed_stage(name, stage, event)",
        'functions/invoke_model.py:29 in invoke_model: int(event["text"])',
    )


@pytest.mark.parametrize(
    ("error", "text", "failure"),
    [
        ("KeyError", cause("KeyError", "'guardrail'"), "KeyError: there is no key 'guardrail'"),
        ("Lambda.Unknown", "The cause could not be determined", "Lambda.Unknown: The cause could not be determined"),
        ("States.Timeout", None, "States.Timeout"),
        ("E", '{"errorType": 5}', 'E: {"errorType": 5}'),
        ("E", '{"errorType": "X", "errorMessage": "a\\n b", "stackTrace": [1, "odd"]}', "X: a b"),
    ],
)
def test_every_cause_has_a_headline(error: str, text: str | None, failure: str) -> None:
    """Python's message of a KeyError is only the key; other services report a text or nothing."""
    assert str(read_failure(error, text)) == failure


def test_without_an_error_there_is_no_failure() -> None:
    """A visit that succeeded."""
    assert read_failure(None, None) is None


def test_the_reason_has_the_message_of_our_own_errors_with_the_guardrails_name() -> None:
    """They name guardrail, version and variable, and never contain a text of a person."""
    trace = read_history(failed("InvalidRequest", REFUSED).events)

    assert guardrails_of(trace) == ["abc123abc123"]
    assert reason(trace, {"abc123abc123": "ours"}) == (
        "No answer: GuardInput failed with InvalidRequest: "
        + REFUSED.replace("guardrail abc123abc123", "guardrail ours (abc123abc123)")
    )


def ended_after(task: str, error: str, text: str, *, kept: bool = True) -> Trace:
    """A chat that `task` or a Pass state failed; RecordFailure, which writes it for the API, then failed too."""
    history = failed(error, text) if task else History().add("PassStateEntered", name="VerdictMissing", input="{}")
    if task:
        history.events[:] = history.events[:-2]
    else:
        history.add("PassStateExited", name="VerdictMissing", output="{}")
    history.add("TaskStateEntered", name="RecordFailure", input="{}")
    history.add("TaskScheduled", resourceType="dynamodb", resource="updateItem").add("TaskStarted")
    history.add("TaskFailed", error="DynamoDB.ConditionalCheckFailedException", cause="The conditional request failed")
    history.add("TaskStateExited", name="RecordFailure", output="{}")
    document = {"error": {"Error": error, "Cause": cause(error, text) if task else text}}
    history.add("FailStateEntered", name="AnswerUnavailable", input=json.dumps(document if kept else {}))
    return read_history(history.add("ExecutionFailed", error="AnswerUnavailable", cause=error).events)


def test_the_error_that_ended_the_chat_is_the_reason_not_that_of_its_record() -> None:
    """The document at the Fail state names it."""
    trace = ended_after("GuardInput", "InvalidRequest", REFUSED)

    assert reason(trace) == f"No answer: GuardInput failed with InvalidRequest: {REFUSED}"
    missing = ended_after("", "VerdictMissing", "A stage ended without the verdict.")
    assert reason(missing) == "No answer: the execution failed with VerdictMissing: A stage ended without the verdict."


def test_a_history_without_texts_has_the_last_error() -> None:
    """Log lines of an EXPRESS execution may leave out every input."""
    found = failure_of(ended_after("GuardInput", "InvalidRequest", REFUSED, kept=False))

    assert found is not None
    assert found[0] is not None
    assert found[0].state == "GuardInput"


def test_a_foreign_message_is_outside_the_reason_and_redacted() -> None:
    """It may quote a text; the stack is code and stays."""
    document = to_document(read_history(failed("ValueError", f"invalid literal: '{SECRET}'").events))

    assert document["reason"] == "No answer: GuardInput failed with ValueError."
    assert document["failure"]["message"] == f"invalid literal: '{SECRET}'"
    hidden = redact(document)
    assert SECRET not in json.dumps(hidden)
    assert hidden["failure"]["stack"] == document["failure"]["stack"] != []
    kept = redact(to_document(read_history(failed("InvalidRequest", REFUSED).events)))
    assert kept["failure"]["message"] == REFUSED


@pytest.mark.parametrize(
    ("text", "name"),
    [("KeyError", "AnswerUnavailable: KeyError"), (f"{SECRET}!", "AnswerUnavailable"), (None, "AnswerUnavailable")],
)
def test_a_list_names_the_real_error(text: str | None, name: str) -> None:
    """Only if the cause is an error's name."""
    assert error_name("AnswerUnavailable", text) == name


def test_a_plain_text_is_not_trusted_by_its_error_name() -> None:
    """Only an exception that a Lambda reported is one of stepguard's errors."""
    assert read_failure("Throttled", SECRET) == Failure("Throttled", SECRET)
