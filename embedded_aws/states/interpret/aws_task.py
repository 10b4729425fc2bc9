"""Calling AWS services for a Task: `aws-sdk:service:action` and the optimised integrations, through injected clients.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ParamValidationError

from embedded_aws.states.interpret.effects import Call
from embedded_aws.states.interpret.ports import AwsClients
from embedded_aws.states.interpret.sdk_services import (
    client_name,
    error_cause,
    error_prefix,
    parameter_faults,
    sdk_metadata,
)
from embedded_aws.states.language.errors import RUNTIME, TASK_FAILED, StateError, unusable
from embedded_aws.states.language.json_text import Json, dump

OPTIMISED = {
    "dynamodb": {"getItem", "putItem", "updateItem", "deleteItem"},
    "sqs": {"sendMessage"},
    "sns": {"publish"},
    "events": {"putEvents"},
    "bedrock": {"invokeModel"},
}


def call_service(clients: AwsClients, call: Call) -> Json:
    """A service's response as Step Functions returns it: PascalCase members, times as text."""
    service = call.resource.service.removeprefix("aws-sdk:")
    optimised = not call.resource.service.startswith("aws-sdk:")
    action = call.resource.action
    if optimised and action not in OPTIMISED.get(service, ()):
        raise StateError(RUNTIME, f"The embedded Step Functions does not implement {call.resource.arn}.")
    if not isinstance(call.arguments, dict):
        raise StateError(RUNTIME, f"The Parameters of {call.resource.arn} must be an object.")
    parameters = _prepared(service, action, call.arguments) if optimised else call.arguments
    name = "bedrock-runtime" if optimised and service == "bedrock" else client_name(service)
    if name is None:
        raise StateError(RUNTIME, f"The embedded Step Functions knows no service {service}.")
    try:
        client = clients(name)
        method = getattr(client, xform_name(action[:1].upper() + action[1:]))
        response = method(**_cased(client, action, parameters))
    except AttributeError:
        raise StateError(RUNTIME, f"{call.resource.arn}: the service has no such action.") from None
    except ParamValidationError as error:
        raise unusable(call.arguments, parameter_faults(error)) from None
    except Exception as error:
        raise _failure(service, error, optimised=optimised) from error
    result = _answer(client, action, response)
    _check(service, action, result)
    return result


def _prepared(service: str, action: str, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The optimised integrations turn JSON values into the text that the service wants."""
    prepared = dict(arguments)
    for name in {"sqs": ("MessageBody",), "sns": ("Message",)}.get(service, ()):
        if name in prepared and not isinstance(prepared[name], str):
            prepared[name] = dump(prepared[name])
    if service == "events" and isinstance(prepared.get("Entries"), list):
        prepared["Entries"] = [
            entry | {"Detail": dump(entry["Detail"])}
            if isinstance(entry, dict) and not isinstance(entry.get("Detail", ""), str)
            else entry
            for entry in prepared["Entries"]
        ]
    if service == "bedrock" and "Body" in prepared:
        body = prepared["Body"]
        prepared["Body"] = body if isinstance(body, str) else dump(body)
        prepared.setdefault("ContentType", "application/json")
    return prepared


def _cased(client: Any, action: str, parameters: Mapping[str, Json]) -> dict[str, Json]:
    """Convert PascalCase parameters to the case that the service's model uses."""
    operation = _operation(client, action)
    if operation is None:
        return dict(parameters)
    return _fitted(operation.input_shape, parameters) if operation.input_shape is not None else {}


def _operation(client: Any, action: str) -> Any:
    """The model of an action; None for a client that has no model."""
    model = getattr(getattr(client, "meta", None), "service_model", None)
    return None if model is None else model.operation_model(action[:1].upper() + action[1:])


def _fitted(shape: Any, value: Json) -> Json:
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}
        fitted = {}
        for key, item in value.items():
            name = names.get(key.lower(), key)
            fitted[name] = _fitted(shape.members[name], item) if name in shape.members else item
        return fitted
    if shape.type_name == "list" and isinstance(value, list):
        return [_fitted(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _fitted(shape.value, item) for key, item in value.items()}
    if shape.type_name == "string" and not isinstance(value, str) and value is not None:
        return dump(value)
    if shape.type_name == "blob" and not isinstance(value, (str, bytes)):
        return dump(value)
    return value


def _answer(client: Any, action: str, response: Mapping[str, Any]) -> Json:
    operation = _operation(client, action)
    members = {key: item for key, item in response.items() if key != "ResponseMetadata"}
    result = _plain(members, None if operation is None else operation.output_shape)
    if "ResponseMetadata" not in response:
        return result
    about = response["ResponseMetadata"]
    headers = {str(key): str(item) for key, item in about.get("HTTPHeaders", {}).items()}
    return result | sdk_metadata(headers, about.get("RequestId", ""), about.get("HTTPStatusCode", 200))


def _plain(value: Any, shape: Any = None) -> Json:
    """Members of structures become PascalCase; keys of maps and documents are the caller's own data and stay."""
    if isinstance(value, Mapping):
        if shape is not None and (shape.type_name == "map" or getattr(shape, "is_document_type", False)):
            return {key: _plain(item, getattr(shape, "value", shape)) for key, item in value.items()}
        members = getattr(shape, "members", {})
        return {_pascal(key): _plain(item, members.get(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, getattr(shape, "member", None)) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        return _text(value)
    if hasattr(value, "read"):
        return _text(value.read())
    return value


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _failure(service: str, error: Exception, *, optimised: bool) -> StateError:
    response = getattr(error, "response", None)
    prefix = error_prefix(service, optimised=optimised)
    if not isinstance(response, dict):
        why = str(error) if isinstance(error, BotoCoreError) else "The parameters do not make a request."
        return StateError(f"{prefix}.SdkClientException", why)
    about = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code = re.sub(r"\W", "", str(about.get("Code", ""))) or "Exception"
    name = code if code.endswith(("Exception", "Error")) else f"{code}Exception"
    if code == "ValidationException" and service == "dynamodb":
        name = "AmazonDynamoDBException" if optimised else "DynamoDbException"
    cause = error_cause(
        service,
        str(about.get("Message", "")),
        metadata.get("HTTPStatusCode", 400),
        str(about.get("Code", "")),
        metadata.get("RequestId", ""),
        optimised=optimised,
    )
    return StateError(f"{prefix}.{name}", cause)


def _check(service: str, action: str, result: Json) -> None:
    """PutEvents returns 200 even if entries failed; Step Functions treats that as a failure."""
    if service == "events" and action == "putEvents" and result.get("FailedEntryCount"):
        shown = {"Entries": result.get("Entries", []), "FailedEntryCount": result["FailedEntryCount"]}
        raise StateError("EventBridge.FailedEntry", dump(shown))
    if service == "ecs" and action == "runTask" and result.get("Failures"):
        raise StateError(TASK_FAILED, dump(result))
