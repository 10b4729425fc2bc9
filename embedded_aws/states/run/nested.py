"""Executions that a Task starts: states:startExecution, with no pattern, .sync or .sync:2.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from uuid import uuid4

from embedded_aws.states.interpret.sdk_services import sdk_metadata
from embedded_aws.states.language.errors import MISSING, StateError, unusable
from embedded_aws.states.language.json_text import Json, dump
from embedded_aws.states.run.execution import Execution
from embedded_aws.wire import ServiceError


class NestedExecutions:
    """Starts child executions through the service's own operations."""

    def __init__(
        self,
        start: Callable[[dict[str, Any]], dict[str, Any]],
        describe: Callable[[dict[str, Any]], dict[str, Any]],
        running: Callable[[str], Execution | None],
    ) -> None:
        self._start = start
        self._describe = describe
        self._running = running

    def start(self, arguments: Json) -> dict[str, Json]:
        """Start an execution; the response in the SDK's form."""
        if not isinstance(arguments, dict) or not isinstance(arguments.get("StateMachineArn"), str):
            raise unusable(arguments, MISSING.format("StateMachineArn"))
        if not isinstance(arguments.get("Name", ""), str):
            raise unusable(arguments, "The value for the field 'Name' is not valid")
        given = arguments.get("Input", {})
        params = {
            "stateMachineArn": arguments["StateMachineArn"],
            "input": given if isinstance(given, str) else dump(given),
        }
        if arguments.get("Name"):
            params["name"] = arguments["Name"]
        try:
            answer = self._start(params)
        except ServiceError as error:
            raise StateError(
                f"StepFunctions.{error.code}Exception",
                f"{error.message} (Service: AWSStepFunctions; Status Code: {error.status}; Error Code: {error.code})",
            ) from None
        return {"ExecutionArn": answer["executionArn"], **_metadata(), "StartDate": _text(answer["startDate"])}

    def describe_when_ended(self, arn: str, callback: Callable[[dict[str, Json]], None]) -> None:
        """Call `callback` with the child's description as soon as it has ended."""
        child = self._running(arn)
        if child is None or not child.when_ended(lambda: callback(self._described(arn))):
            callback(self._described(arn))

    def _described(self, arn: str) -> dict[str, Json]:
        described = self._describe({"executionArn": arn})
        plain: dict[str, Json] = {}
        for key, value in described.items():
            if value is None:
                continue
            name = key[:1].upper() + key[1:]
            if isinstance(value, datetime):
                plain[name] = int(value.timestamp() * 1000)
            elif isinstance(value, dict):
                plain[name] = {inner[:1].upper() + inner[1:]: item for inner, item in value.items()}
            else:
                plain[name] = value
        return plain


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _metadata() -> dict[str, Json]:
    request = str(uuid4())
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "Date": formatdate(usegmt=True),
        "x-amzn-RequestId": request,
    }
    return sdk_metadata(headers, request)
