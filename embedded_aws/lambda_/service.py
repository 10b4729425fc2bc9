"""The Lambda API on top of `Functions`: the backend of `JsonService("lambda", ...)`.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html and the pages of the other operations.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import sys
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

from embedded_aws.lambda_.config import EVENT_LIMIT, REQUEST_LIMIT, FunctionConfig
from embedded_aws.lambda_.functions import Functions, check_size
from embedded_aws.wire import ServiceError

_log = logging.getLogger(__name__)
# Asynchronous invocations that may be under way at once.
_EVENTS = 100
_PAGE = 50


class LambdaBackend:
    """One method per operation, as `embedded_aws.wire.JsonService` calls them.

    Functions are the application's own, registered from its project folder; they cannot be changed through the API.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._events = threading.BoundedSemaphore(_EVENTS)

    def invoke(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke: RequestResponse (the default), Event, DryRun; `LogType: Tail` for the last 4 KB of log.

        An Event that fails is logged and not tried again, where AWS tries twice more.
        """
        name = self._qualified(request)
        kind = request.get("InvocationType", "RequestResponse")
        payload = _json_payload(request.get("Payload") or b"", EVENT_LIMIT if kind == "Event" else REQUEST_LIMIT)
        context = _client_context(request.get("ClientContext"))
        config = self._functions.config(name)
        if kind == "DryRun":
            return {"StatusCode": 204, "ExecutedVersion": "$LATEST"}
        if kind == "Event":
            self._invoke_later(config, payload, context)
            return {"StatusCode": 202}
        result = self._functions.invoke(name, payload, client_context=context)
        answer: dict[str, Any] = {
            "StatusCode": result.status,
            "Payload": result.payload,
            "ExecutedVersion": result.executed_version,
            "FunctionError": result.function_error,
        }
        if request.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(result.log_tail).decode("ascii")
        return answer

    def get_function(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetFunction; the code's location is the project folder."""
        config = self._functions.config(self._qualified(request))
        code = {"RepositoryType": "Folder", "Location": config.task_root.resolve().as_uri()}
        return {"Configuration": self._describe(config), "Code": code, "Tags": {}}

    def get_function_configuration(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """GetFunctionConfiguration."""
        return self._describe(self._functions.config(self._qualified(request)))

    def list_functions(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListFunctions; the marker is the last name of the page before."""
        marker = request.get("Marker") or ""
        configs = [config for config in self._functions.configs() if config.name > marker]
        page = configs[: min(request.get("MaxItems") or _PAGE, _PAGE)]
        answer: dict[str, Any] = {"Functions": [self._describe(config) for config in page]}
        if len(page) < len(configs):
            answer["NextMarker"] = page[-1].name
        return answer

    def create_function(self, request: Mapping[str, Any]) -> NoReturn:
        """Refused: functions come from the project folder."""
        _refuse(request)

    update_function_code = update_function_configuration = delete_function = publish_version = create_function

    def _invoke_later(self, config: FunctionConfig, payload: bytes, context: Mapping[str, Any] | None) -> None:
        if not self._events.acquire(blocking=False):
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Type="User")

        def run() -> None:
            try:
                result = self._functions.invoke(config.name, payload, client_context=context)
                if result.function_error:
                    _log.warning("Function %s failed on an event; see its log.", config.name)
            except ServiceError as error:
                _log.warning("Function %s did not take an event: %s", config.name, error.code)
            finally:
                self._events.release()

        threading.Thread(target=run, daemon=True, name=f"lambda event {config.name}").start()

    def _qualified(self, request: Mapping[str, Any]) -> str:
        name, qualifier = str(request["FunctionName"]), request.get("Qualifier")
        return f"{name}:{qualifier}" if qualifier else name

    def _describe(self, config: FunctionConfig) -> dict[str, Any]:
        major, minor = sys.version_info[:2]
        identity = repr((config.name, config.handler, str(config.task_root), sorted(config.environment.items())))
        digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()
        return {
            "FunctionName": config.name,
            "FunctionArn": self._functions.arn(config.name),
            "Runtime": f"python{major}.{minor}",
            "Role": f"arn:{self._functions.account.partition}:iam::{self._functions.account.account_id}:role/embedded",
            "Handler": config.handler,
            "CodeSize": 0,
            "CodeSha256": base64.b64encode(digest).decode("ascii"),
            "Description": config.description,
            "Timeout": max(1, round(config.timeout)),
            "MemorySize": config.memory,
            "LastModified": "1970-01-01T00:00:00.000+0000",
            "Version": "$LATEST",
            "Environment": {"Variables": dict(config.environment)},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{config.name}"},
        }


def _json_payload(payload: bytes, limit: int) -> bytes:
    check_size(payload, limit)
    try:
        if payload:
            json.loads(payload)
    except (ValueError, RecursionError):
        message = "Could not parse request body into json: the payload is not valid JSON."
        raise ServiceError("InvalidRequestContentException", message, 400, Type="User") from None
    return payload


def _client_context(encoded: str | None) -> Mapping[str, Any] | None:
    if not encoded:
        return None
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise ServiceError("InvalidRequestContentException", message, 400, Type="User")
    return context


def _refuse(request: Mapping[str, Any]) -> NoReturn:
    raise ServiceError(
        "InvalidParameterValueException",
        f"Function {request.get('FunctionName', '')} cannot be changed here: the embedded Lambda runs the functions of "
        "the project folder (app.py and .chalice/config.json); change them there and start again.",
        400,
        Type="User",
    )
