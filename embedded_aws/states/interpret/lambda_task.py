"""Calling Lambda for a Task: the bare function ARN and the optimised `lambda:invoke` integration.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from __future__ import annotations

import base64
from email.utils import formatdate
from uuid import uuid4

from embedded_aws.states.interpret.effects import Call, TaskTimeoutError
from embedded_aws.states.interpret.ports import InvokeLambda, LambdaInvokeError, LambdaResult
from embedded_aws.states.interpret.sdk_services import error_cause, sdk_metadata
from embedded_aws.states.language.errors import DATA_LIMIT, MISSING, StateError, unusable
from embedded_aws.states.language.json_text import Json, dump, load

_MAX_PAYLOAD = 6 * 1024 * 1024


def call_lambda(invoke: InvokeLambda, call: Call) -> Json:
    """The result of a Task whose resource is Lambda; StateError or TaskTimeoutError."""
    if call.resource.kind == "lambda":
        return _value(_invoke(invoke, call.resource.arn, call.arguments, call.timeout))
    arguments = call.arguments
    if not isinstance(arguments, dict) or not isinstance(arguments.get("FunctionName"), str):
        raise unusable(arguments, MISSING.format("FunctionName"))
    function = arguments["FunctionName"]
    if arguments.get("Qualifier"):
        function = f"{function}:{arguments['Qualifier']}"
    result = _invoke(invoke, function, arguments.get("Payload", {}), call.timeout)
    return _response(result, _value(result), log=arguments.get("LogType") == "Tail")


def _invoke(invoke: InvokeLambda, function: str, payload: Json, timeout: float | None) -> LambdaResult:
    body = dump(payload).encode("utf-8", "surrogatepass")
    try:
        return invoke(function, body, timeout)
    except TimeoutError:
        raise TaskTimeoutError from None
    except LambdaInvokeError as error:
        cause = error_cause("lambda", error.message, error.status, error.code, str(uuid4()), optimised=True)
        raise StateError(f"Lambda.{error.code}", cause) from None


def _value(result: LambdaResult) -> Json:
    if result.function_error is not None:
        text = result.payload.decode("utf-8", "replace")
        raise StateError(_error_type(text), text)
    if len(result.payload) > _MAX_PAYLOAD:
        raise StateError(DATA_LIMIT, "The function's response exceeds Lambda's limit of 6 MB.")
    try:
        return load(result.payload) if result.payload else None
    except ValueError:
        raise StateError("Lambda.Unknown", "The function's response is not valid JSON.") from None


def _error_type(text: str) -> str:
    try:
        document = load(text)
    except ValueError:
        document = None
    name = document.get("errorType") if isinstance(document, dict) else None
    return name if isinstance(name, str) and name else "Lambda.Unknown"


def _response(result: LambdaResult, payload: Json, *, log: bool) -> Json:
    """The Invoke response as Step Functions returns it: PascalCase, with the SDK's metadata."""
    request = str(uuid4())
    length = str(len(result.payload))
    headers = {
        "Connection": "keep-alive",
        "Content-Length": length,
        "Content-Type": "application/json",
        "Date": formatdate(usegmt=True),
        "X-Amz-Executed-Version": result.executed_version,
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
    }
    response: dict[str, Json] = {
        "ExecutedVersion": result.executed_version,
        "Payload": payload,
        **sdk_metadata(headers, request, result.status),
        "StatusCode": result.status,
    }
    if log and result.log is not None:
        response["LogResult"] = base64.b64encode(result.log.encode()).decode("ascii")
    return response
