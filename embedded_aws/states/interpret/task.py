"""The Task state: its events around the call of its resource.

A bare Lambda ARN and an activity have special event types (LambdaFunction..., Activity...);
`arn:aws:states:::service:action` has Task... events. A task with a pattern (.waitForTaskToken, .sync) is submitted
first and completes later.
https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from uuid import uuid4

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.effects import (
    Call,
    Done,
    Effect,
    Mailbox,
    Receive,
    Started,
    Steps,
    Submission,
    Submit,
    TaskTimeoutError,
)
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.history import NOT_TRUNCATED, Details
from embedded_aws.states.language.errors import QUERY, RUNTIME, TIMEOUT, FaultError, StateError, data_limit
from embedded_aws.states.language.fields import Env, Field
from embedded_aws.states.language.json_text import MAX_BYTES, Json, dump, is_number, size
from embedded_aws.states.language.model import Task, Working


def run_task(state: Working, frame: Frame, data: Json, attempt: int) -> Steps:
    """One attempt: the task's result, or a StateError."""
    assert isinstance(state, Task)
    resource = state.resource
    token = str(uuid4()) if resource.pattern else ""
    context = frame.context
    if token:
        frame.context = {**context, "Task": {"Token": token}}
    try:
        arguments = dataflow.effective_input(state, frame, data)
        env = frame.env(dataflow.read_input(state, frame, data))
        env.input = data
        limits = _limits(state, env)
    finally:
        frame.context = context
    role = limits["taskCredentials"]["roleArn"] if "taskCredentials" in limits else None
    call = Call(resource, arguments, limits.get("timeoutInSeconds"), state.name, frame.iteration, attempt, role)
    if resource.kind == "lambda":
        return (yield from _lambda_function(call, frame, limits))
    if resource.kind == "activity":
        return (yield from _activity(call, frame, limits))
    return (yield from _service(call, frame, limits, token))


def _limits(state: Task, env: Env) -> Details:
    """The members of a Scheduled event that come from the state's fields."""
    limits: Details = {}
    for key, name, field in (
        ("timeoutInSeconds", "TimeoutSeconds", state.timeout),
        ("heartbeatInSeconds", "HeartbeatSeconds", state.heartbeat),
    ):
        if field is not None:
            limits[key] = _positive(field, env, name, QUERY if state.jsonata else RUNTIME)
    if state.credentials is not None:
        limits["taskCredentials"] = {"roleArn": state.credentials(env)["RoleArn"]}
    return limits


def _positive(field: Field, env: Env, name: str, error: str) -> int:
    value = field(env)
    if not is_number(value) or value != int(value) or value <= 0:
        raise FaultError(f"The {name} field must be a positive integer but is: {dump(value)}", error, name)
    return int(value)


def _lambda_function(call: Call, frame: Frame, limits: Details) -> Steps:
    details = {"resource": call.resource.arn, "input": dump(call.arguments), "inputDetails": NOT_TRUNCATED, **limits}
    frame.event("LambdaFunctionScheduled", details)
    frame.event("LambdaFunctionStarted", None)
    return (yield from _answered(_asked(call), frame, "LambdaFunction", {}, call.resource.arn))


def _service(call: Call, frame: Frame, limits: Details, token: str) -> Steps:
    resource = call.resource
    which: Details = {"resourceType": resource.service, "resource": resource.full_action}
    parameters = dump(call.arguments) if frame.kept else ""
    frame.event("TaskScheduled", {**which, "region": frame.run.region, "parameters": parameters, **limits})
    frame.event("TaskStarted", which)
    name = resource.service.removeprefix("aws-sdk:")
    work = _submitted(call, frame, limits, token, which) if resource.pattern else _asked(call)
    return (yield from _answered(work, frame, "Task", which, name))


def _asked(call: Call) -> Steps:
    return (yield call)


def _submitted(call: Call, frame: Frame, limits: Details, token: str, which: Details) -> Steps:
    """Submit the task, record TaskSubmitted, wait for its end."""
    submission: Submission = yield Submit(call, token)
    output = {"output": dump(submission.output), "outputDetails": NOT_TRUNCATED}
    frame.event("TaskSubmitted", {**which, **output})
    done = yield from _end(submission.mailbox, frame, limits, watch_heartbeat=True)
    return _result(done)


def _activity(call: Call, frame: Frame, limits: Details) -> Steps:
    """The heartbeat counts from the moment when a worker takes the task; the time-out from the scheduling."""
    submission: Submission = yield Submit(call, str(uuid4()))
    details = {"resource": call.resource.arn, "input": dump(call.arguments), "inputDetails": NOT_TRUNCATED, **limits}
    frame.event("ActivityScheduled", details)

    def work() -> Steps:
        done = yield from _end(submission.mailbox, frame, limits, watch_heartbeat=False)
        return _result(done)

    return (yield from _answered(work(), frame, "Activity", {}, call.resource.arn))


def _end(mailbox: Mailbox, frame: Frame, limits: Details, *, watch_heartbeat: bool) -> Generator[Effect, Any, Done]:
    """Receive messages until the task ends, misses a heartbeat or times out."""
    now = frame.run.clock.now
    heartbeat, timeout = limits.get("heartbeatInSeconds"), limits.get("timeoutInSeconds")
    deadline = None if timeout is None else now() + timeout
    silence = now() + heartbeat if watch_heartbeat and heartbeat is not None else None
    try:
        while True:
            until = min((moment for moment in (deadline, silence) if moment is not None), default=None)
            message = yield Receive(mailbox, None if until is None else max(0.0, until - now()))
            if message is None:
                raise StateError(TIMEOUT, heartbeat=until == silence)
            if isinstance(message, Done):
                return message
            if isinstance(message, Started):
                frame.event("ActivityStarted", {"workerName": message.worker} if message.worker else None)
            silence = None if heartbeat is None else now() + heartbeat
    finally:
        mailbox.close()


def _result(done: Done) -> Json:
    if done.failure is not None:
        raise done.failure
    return done.result


def _answered(work: Steps, frame: Frame, kind: str, which: Details, name: str) -> Steps:
    """Wait for the answer and record XSucceeded, XFailed or XTimedOut."""
    try:
        result = yield from work
        text = dump(result)
        if size(text) > MAX_BYTES:
            raise data_limit(name)
    except FaultError:
        raise
    except (StateError, TaskTimeoutError) as error:
        failure = error if isinstance(error, StateError) else StateError(TIMEOUT)
        outcome = "TimedOut" if failure.error == TIMEOUT else "Failed"
        frame.event(f"{kind}{outcome}", {**which, **error_details(failure)})
        raise failure from None
    frame.event(f"{kind}Succeeded", {**which, "output": text, "outputDetails": NOT_TRUNCATED})
    return result


def error_details(failure: StateError) -> Details:
    """`error` and `cause`, without absent members."""
    details: Details = {}
    if failure.error is not None:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    return details
