"""JSON on the wire to Python values and back, by the shapes of a service model.

Protocols: AWS JSON 1.0 and REST-JSON (https://smithy.io/2.0/aws/protocols/index.html).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import Shape
from botocore.utils import parse_timestamp

from embedded_aws.wire.base import HttpRequest, ServiceError


def rest_params(shape: Shape, request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    """A REST-JSON request's parameters: from its path, query, headers and body. Raises ServiceError."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    payload = shape.serialization.get("payload")
    params: dict[str, Any] = {}
    in_body: set[str] = set()
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        raw: str | None = None
        if location == "uri":
            raw = labels.get(wire_name)
        elif location == "querystring":
            raw = query.get(wire_name)
        elif location == "header":
            raw = request.headers.get(wire_name.lower())
        elif name != payload:
            in_body.add(name)
        if raw is not None:
            params[name] = _from_text(member, raw)
    if payload is not None:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            params[payload] = request.body
        else:
            params[payload] = from_wire(member, json_body(request.body))
    elif in_body:
        body = from_wire(shape, json_body(request.body))
        params.update({name: value for name, value in body.items() if name in in_body})
    return params


def json_body(body: bytes) -> Any:
    """The JSON object in a body; an empty body is an empty object. Raises ServiceError(SerializationException)."""
    if not body:
        return {}
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        if b"\\u" in body:
            # An escaped half of a surrogate pair is not text: it could be neither stored nor returned.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "The request body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def from_wire(shape: Shape, value: Any) -> Any:
    """Wire JSON to Python: blobs are decoded, timestamps parsed, unknown members dropped; types are left to `check`."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        members = _by_wire_name(shape)
        return {
            members[key][0]: from_wire(members[key][1], item)
            for key, item in value.items()
            if key in members and item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [from_wire(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_wire(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ServiceError("SerializationException", "A binary member is not valid base64.") from None
    if shape.type_name == "timestamp" and isinstance(value, (int, float, str)):
        return _timestamp(value)
    return value


def _timestamp(value: float | str) -> datetime:
    try:
        parsed: datetime = parse_timestamp(value)
    except (ValueError, OverflowError):
        raise ServiceError("SerializationException", "A timestamp member is not a valid time.") from None
    return parsed


def _from_text(shape: Shape, raw: str) -> Any:
    try:
        if shape.type_name in ("integer", "long"):
            return int(raw)
        if shape.type_name in ("float", "double"):
            return float(raw)
    except ValueError:
        raise ServiceError("ValidationException", f"'{raw}' is not a number.") from None
    if shape.type_name == "boolean":
        return raw.lower() == "true"
    if shape.type_name == "timestamp":
        return _timestamp(raw)
    return raw


def to_wire(shape: Shape, value: Any, *, rest: bool) -> Any:
    """Python to wire JSON: datetimes and bytes in the protocol's form, None left out."""
    if type(value) in _PLAIN:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping) and not getattr(shape, "is_document_type", False):
        members = _by_wire_name(shape)
        given = ((wire_name, value.get(name), member) for wire_name, (name, member) in members.items())
        return {
            wire_name: item if type(item) in _PLAIN else to_wire(member, item, rest=rest)
            for wire_name, item, member in given
            if item is not None
        }
    if kind == "list":
        return [to_wire(shape.member, item, rest=rest) for item in value]
    if kind == "map":
        return {key: to_wire(shape.value, item, rest=rest) for key, item in value.items()}
    if isinstance(value, datetime):
        stamp_format = shape.serialization.get("timestampFormat")
        if stamp_format == "iso8601":
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value


_PLAIN = (str, int, bool, float)
"""Types of values that JSON has."""


@cache
def _by_wire_name(shape: Shape) -> dict[str, tuple[str, Shape]]:
    """A structure's members by their names on the wire. Models are read once, so that few shapes exist."""
    return {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}


_encoder = json.JSONEncoder(separators=(",", ":"))


def dump(value: object) -> bytes:
    """Compact JSON."""
    # ASCII escapes: a lone surrogate of a hostile client would otherwise not be encodable at all.
    return _encoder.encode(value).encode("ascii")
