"""The Task state: its events around one call of its resource.

A bare Lambda ARN has event types of its own (LambdaFunction...); `arn:aws:states:::service:action` has Task... events.
https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
"""

from __future__ import annotations

from local.asl import dataflow
from local.asl.effects import Call, Steps, TaskTimeoutError
from local.asl.errors import TIMEOUT, FaultError, StateError, data_limit
from local.asl.fields import Field
from local.asl.frame import Frame
from local.asl.history import NOT_TRUNCATED, Details
from local.asl.jsontext import MAX_BYTES, Json, dump, is_number, size
from local.asl.model import Task, Working


def run_task(state: Working, frame: Frame, data: Json, attempt: int) -> Steps:
    """One attempt: the task's result, or a StateError."""
    assert isinstance(state, Task)
    arguments = dataflow.effective_input(state, frame, data)
    env = frame.env(dataflow.read_input(state, frame, data))
    env.input = data
    limits: Details = {}
    for key, name, field in (
        ("timeoutInSeconds", "TimeoutSeconds", state.timeout),
        ("heartbeatInSeconds", "HeartbeatSeconds", state.heartbeat),
    ):
        if field is not None:
            limits[key] = _positive(field, env, name)
    if state.credentials is not None:
        limits["taskCredentials"] = {"roleArn": state.credentials(env)["RoleArn"]}
    call = Call(state.resource, arguments, limits.get("timeoutInSeconds"), state.name, frame.iteration, attempt)
    if state.resource.kind == "lambda":
        return (yield from _lambda_function(call, frame, limits))
    return (yield from _service(call, frame, limits))


def _positive(field: Field, env: object, name: str) -> int:
    value = field(env)  # type: ignore[arg-type]  # the caller's Env
    if not is_number(value) or value != int(value) or value <= 0:
        raise FaultError(f"The {name} field must be a positive integer but is: {dump(value)}")
    return int(value)


def _lambda_function(call: Call, frame: Frame, limits: Details) -> Steps:
    frame.event(
        "LambdaFunctionScheduled",
        {
            "resource": call.resource.arn,
            "input": dump(call.arguments),
            "inputDetails": NOT_TRUNCATED,
            **limits,
        },
    )
    frame.event("LambdaFunctionStarted", None)
    return (yield from _answered(call, frame, "LambdaFunction", {}, call.resource.arn))


def _service(call: Call, frame: Frame, limits: Details) -> Steps:
    resource = call.resource
    which: Details = {"resourceType": resource.service, "resource": resource.full_action}
    frame.event(
        "TaskScheduled",
        {**which, "region": frame.run.region, "parameters": dump(call.arguments), **limits},
    )
    frame.event("TaskStarted", which)
    return (yield from _answered(call, frame, "Task", which, resource.service.removeprefix("aws-sdk:")))


def _answered(call: Call, frame: Frame, kind: str, which: Details, name: str) -> Steps:
    """Wait for the answer and record XSucceeded, XFailed or XTimedOut."""
    try:
        result = yield call
        text = dump(result)
        if size(text) > MAX_BYTES:
            raise data_limit(name)
    except TaskTimeoutError:
        frame.event(f"{kind}TimedOut", {**which, "error": TIMEOUT})
        raise StateError(TIMEOUT) from None
    except StateError as failure:
        frame.event(f"{kind}Failed", {**which, **error_details(failure)})
        raise
    frame.event(f"{kind}Succeeded", {**which, "output": text, "outputDetails": NOT_TRUNCATED})
    return result


def error_details(failure: StateError) -> Details:
    """`error` and `cause`, where there is one."""
    details: Details = {}
    if failure.error is not None:
        details["error"] = failure.error
    if failure.cause is not None:
        details["cause"] = failure.cause
    return details
