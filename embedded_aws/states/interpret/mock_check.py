"""Checks whether a mocked result or context is possible: TestState compares it with the service's model.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError, Shape

from embedded_aws.states.interpret.sdk_services import client_name
from embedded_aws.states.language.json_text import Json, load
from embedded_aws.states.language.model import Map, Parallel, State, Task
from embedded_aws.wire import ServiceError, service_model

_CONTEXT = {
    "Execution": ("Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"),
    "State": ("EnteredTime", "Name", "RetryCount"),
    "StateMachine": ("Id", "Name"),
    "Task": ("Token",),
}
_COUNTS = ("RedriveCount", "RetryCount")


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def check_context(state: State, context: Json) -> None:
    """Raise ValidationException unless `context` is a part of a context object that the state could see."""
    prefix = "Invalid Context object provided: "
    if not isinstance(context, dict):
        raise _refused(prefix + "Context must be a JSON object")
    for name, members in context.items():
        if name == "Map":
            raise _refused(prefix + "'Map' field is not supported when mocking a Context object")
        if name not in _CONTEXT:
            raise _refused(prefix + f"Field '{name}' is not allowed")
        if name == "Task" and not (isinstance(state, Task) and state.resource.pattern):
            raise _refused(
                prefix + "Context object contains 'Task' when state is not a Task state with a '.sync' or "
                "'.waitForTaskToken' service integration pattern"
            )
        if not isinstance(members, dict):
            raise _refused(prefix + f"{name} must be an object")
        for member, value in members.items():
            if member not in _CONTEXT[name]:
                raise _refused(prefix + f"Field '{member}' is not allowed")
            kind, words = (int, "a number") if member in _COUNTS else (str, "a string")
            if member != "Input" and not isinstance(value, kind):
                raise _refused(prefix + f"{name}.{member} must be {words}")


def check_result(state: State, text: str, mode: str) -> None:
    """Raise ValidationException unless the result has the state's form and, unless `mode` is NONE, the service's."""
    try:
        result = load(text)
    except ValueError:
        raise _refused("Mocked result must be valid JSON") from None
    if isinstance(state, Parallel):
        if not isinstance(result, list):
            raise _refused("Mocked result must be an array.")
        if len(result) != len(state.branches):
            raise _refused("Mocked result must contain the same number of items as number of Parallel branches.")
    elif isinstance(state, Map):
        writer = None if state.distributed is None else state.distributed.writer
        exported = writer is not None and writer.parameters is not None
        if exported and not isinstance(result, dict):
            raise _refused("Mocked result must be a JSON object.")
        if not exported and not isinstance(result, list):
            raise _refused("Mocked result must be an array.")
    elif isinstance(state, Task) and mode != "NONE":
        _check_task(state, result, strict=mode == "STRICT")


def _check_task(state: Task, result: Json, *, strict: bool) -> None:
    resource = state.resource
    # A worker or a callback may return any value.
    if resource.kind != "service" or resource.pattern or not isinstance(result, dict):
        return
    service = resource.service.removeprefix("aws-sdk:")
    if service == "bedrock" and resource.action == "invokeModel":
        return
    try:
        model = service_model(client_name(service) or ("stepfunctions" if service == "states" else service))
        shape = model.operation_model(resource.action[:1].upper() + resource.action[1:]).output_shape
    except (UnknownServiceError, OperationNotFoundError):
        return
    if shape is not None:
        _check_structure(shape, result, strict, free={"Payload", "Body"})


def _check_structure(shape: Any, value: dict[str, Json], strict: bool, free: frozenset[str] | set[str]) -> None:
    members = {name[:1].upper() + name[1:]: member for name, member in shape.members.items()}
    if strict:
        for name in shape.required_members:
            pascal = name[:1].upper() + name[1:]
            if pascal not in value:
                raise _schema(f"Required field '{pascal}' is missing")
    for name, item in value.items():
        if name in members and name not in free:
            _check(members[name], item, name, strict)


_FORMS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "structure": (dict, "an object"),
    "list": (list, "an array"),
    "map": (dict, "an object"),
    "boolean": (bool, "a boolean"),
    **dict.fromkeys(("integer", "long", "float", "double"), ((int, float), "a number")),
}


def _check(shape: Shape, value: Json, name: str, strict: bool) -> None:
    kind = shape.type_name
    form, words = _FORMS.get(kind, (str, "a string"))
    fits: bool = isinstance(value, form) and (kind == "boolean" or not isinstance(value, bool))
    if not fits:
        raise _schema(f"Field '{name}' must be {words}")
    if kind == "structure":
        _check_structure(shape, value, strict, frozenset())
    elif kind == "list":
        for item in value:
            _check(shape.member, item, name, strict)
    elif kind == "map":
        for key, item in value.items():
            _check(shape.value, item, key, strict)
    elif words == "a number":
        _check_bounds(shape, value, name, "is less than the minimum value", "exceeds the maximum value")
    elif form is str and kind != "timestamp":
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            raise _schema(f"Field '{name}' is not an expected value")
        _check_bounds(shape, len(value), name, "is smaller than the minimum length", "exceeds the maximum length")


def _check_bounds(shape: Shape, size: float, name: str, below: str, above: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        raise _schema(f"Field '{name}' {below}")
    if high is not None and size > high:
        raise _schema(f"Field '{name}' {above}")


def _schema(message: str) -> ServiceError:
    return _refused(f"Mock result schema validation error: {message}")
