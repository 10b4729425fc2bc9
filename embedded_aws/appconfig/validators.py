"""The validators of a configuration profile: a JSON schema of draft 4, or a Lambda function that raises an error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from embedded_aws.wire import ServiceError

Invoke = Callable[[str, bytes], tuple[bytes, str | None]]
"""Calls a function by its ARN with a payload; returns the answer and the kind of error, if the function raised one."""


def check_validator(validator: Mapping[str, str]) -> None:
    """Raise ServiceError for a schema that is none."""
    if validator["Type"] == "JSON_SCHEMA":
        from jsonschema import Draft4Validator, SchemaError

        try:
            Draft4Validator.check_schema(json.loads(validator["Content"]))
        except (ValueError, SchemaError):
            raise ServiceError(
                "BadRequestException", "The validator's content is not a JSON schema (draft 4)."
            ) from None


def refuse_invalid(
    validators: Iterable[Mapping[str, str]], content: bytes, about: Mapping[str, str], invoke: Invoke
) -> None:
    """Raise BadRequestException with every reason why the content may not be deployed."""
    reasons = [reason for validator in validators for reason in _reasons(validator, content, about, invoke)]
    if reasons:
        details = {"InvalidConfiguration": [{"Constraint": "", "Location": "", "Reason": text} for text in reasons]}
        message = f"The configuration is not valid: {' '.join(reasons)}"
        raise ServiceError("BadRequestException", message, 400, Reason="InvalidConfiguration", Details=details)


def _reasons(validator: Mapping[str, str], content: bytes, about: Mapping[str, str], invoke: Invoke) -> Iterator[str]:
    if validator["Type"] == "JSON_SCHEMA":
        yield from _by_schema(json.loads(validator["Content"]), content)
        return
    event = {**about, "content": base64.b64encode(content).decode()}
    try:
        answer, error = invoke(validator["Content"], json.dumps(event).encode())
    except ServiceError as failed:
        yield f"The validator could not be called: {failed.message}"
        return
    except TimeoutError:
        yield "The validator did not answer in time."
        return
    if error is not None:
        yield str(_member(answer, "errorMessage") or error)


def _by_schema(schema: Mapping[str, Any], content: bytes) -> Iterator[str]:
    from jsonschema import Draft4Validator

    try:
        document = json.loads(content)
    except ValueError:
        yield "The configuration is not JSON."
        return
    for error in Draft4Validator(schema).iter_errors(document):
        place = "/".join(map(str, error.absolute_path)) or "the configuration"
        yield f"{place} does not satisfy '{error.validator}' of the JSON schema."


def _member(answer: bytes, name: str) -> object:
    try:
        body = json.loads(answer)
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None
