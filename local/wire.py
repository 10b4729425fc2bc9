"""AWS's JSON protocols, driven by botocore's own service models: what every emulated service shares.

A service is an object with one method per operation (snake case of the operation's name) that takes the request as
a dict in the model's member names and returns the response likewise, or raises `ServiceError`. This module routes a
request to an operation, checks it against the model's limits the way AWS does (botocore's client checks only
required members, types and minimum lengths), and writes the response.

Protocols: AWS JSON 1.0 and REST-JSON (https://smithy.io/2.0/aws/protocols/index.html).
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4

import regex
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.utils import parse_timestamp

_log = logging.getLogger(__name__)


class ServiceError(Exception):
    """An error answer in AWS's terms.

    `code` is the shape name a client matches on (ThrottlingException), `status` the HTTP status, `members` further
    members of the error's body.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


@dataclass(frozen=True, slots=True)
class Account:
    """Whose resources these are: the names in every ARN."""

    region: str = "us-east-1"
    account_id: str = "000000000000"
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request; `path` is still percent-encoded, header names are lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response, whole: it is written in a single send."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Limits in which botocore's models lag behind what AWS documents and accepts: service -> shape -> traits.
_CORRECTIONS: dict[str, dict[str, dict[str, int]]] = {
    # 1,000 on the STANDARD tier (user guide, "Safeguard tiers"); 200 on CLASSIC is checked by the service itself.
    "bedrock": {"GuardrailTopicDefinition": {"max": 1000}},
}


@cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service, e.g. `stepfunctions`, `bedrock`, `bedrock-runtime`."""
    description = Loader().load_service_model(name, "service-2")
    for shape, traits in _CORRECTIONS.get(name, {}).items():
        description["shapes"][shape].update(traits)
    return ServiceModel(description, service_name=name)


# --- checking -------------------------------------------------------------------------------------------------------


def check(shape: Shape, value: object, code: str = "ValidationException") -> None:
    """Raise ServiceError(`code`) unless `value` keeps every limit of `shape`.

    The message is AWS's: all failures in one sentence list, each naming the member's path.
    """
    failures = list(_failures(shape, value, ""))
    if failures:
        noun = "error" if len(failures) == 1 else "errors"
        listing = "; ".join(failures)
        raise ServiceError(code, f"{len(failures)} validation {noun} detected: {listing}")


def _failures(shape: Shape, value: Any, path: str) -> Iterable[str]:
    kind = shape.type_name
    expected = _JSON_TYPES.get(kind)
    if expected and (not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean")):
        yield _failure("", path, f"Member must be of type {kind}", show=False)
        return
    if kind == "structure":
        if not getattr(shape, "is_document_type", False):
            yield from _structure_failures(shape, value, path)
    elif kind == "list":
        yield from _length_failures(shape, len(value), value, path, "length")
        for number, item in enumerate(value, 1):
            yield from _failures(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        yield from _length_failures(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _failures(shape.key, key, f"{path}.key")
            yield from _failures(shape.value, item, f"{path}.{key}.member")
    elif kind == "string":
        yield from _string_failures(shape, value, path)
    elif kind == "blob":
        yield from _length_failures(shape, len(value), value, path, "length", show=False)
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, int) and not -_WIDEST[kind] <= value < _WIDEST[kind]:
            yield _failure("", path, f"Member must be a number that fits into type {kind}", show=False)
            return
        yield from _length_failures(shape, value, value, path, "value")


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (bytes,),
    "timestamp": (datetime,),
}
_WIDEST = {"integer": 2**31, "long": 2**63, "float": 2**127, "double": 2**1023}


def _structure_failures(shape: Shape, value: Mapping[str, Any], path: str) -> Iterable[str]:
    dot = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failure("null", dot + _lower(name), "Member must not be null", show=True)
    given = [name for name in shape.members if value.get(name) is not None]
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        yield _failure("", path, "Member must have exactly one of " + ", ".join(shape.members), show=False)
    for name in given:
        yield from _failures(shape.members[name], value[name], dot + _lower(name))


def _string_failures(shape: Shape, value: str, path: str) -> Iterable[str]:
    secret = bool(shape.metadata.get("sensitive"))
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        constraint = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        yield _failure(value, path, constraint, show=not secret)
    yield from _length_failures(shape, len(value), value, path, "length", show=not secret)
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield _failure(value, path, f"Member must satisfy regular expression pattern: {pattern}", show=not secret)


def _length_failures(
    shape: Shape, size: float, value: object, path: str, measure: str, *, show: bool = True
) -> Iterable[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _failure(value, path, f"Member must have {measure} greater than or equal to {low}", show=show)
    if high is not None and size > high:
        yield _failure(value, path, f"Member must have {measure} less than or equal to {high}", show=show)
    if not math.isfinite(size):
        yield _failure(value, path, "Member must be a finite number", show=show)


def _failure(value: object, path: str, constraint: str, *, show: bool) -> str:
    shown = f"Value '{value}'" if show and len(str(value)) <= 256 else "Value"
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


@cache
def _pattern(source: str) -> regex.Pattern[str]:
    # The models' patterns are Java's; `regex` knows its classes (\p{L}) where `re` does not.
    return regex.compile(source, regex.DOTALL if source.startswith("(?s)") else 0)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


# --- services -------------------------------------------------------------------------------------------------------


class JsonService:
    """Routes requests of one botocore service model to `backend`, an object with a method per operation."""

    def __init__(self, service: str, backend: object) -> None:
        self.model = service_model(service)
        self._backend = backend
        self._rest = self.model.metadata["protocol"] == "rest-json"
        self._invalid = "ValidationException"
        if self._invalid not in self.model.shape_names and "ValidationError" in self.model.shape_names:
            self._invalid = "ValidationError"  # SageMaker's name for it
        self._routes = [_Route(self.model.operation_model(name)) for name in self.model.operation_names]
        # Literal paths before templates, so that /a/b is not taken for /a/{id}.
        self._routes.sort(key=lambda route: route.variables)

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is one of this service's operations."""
        return self._route(request) is not None

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; every failure becomes an AWS error body, never an exception."""
        request_id = str(uuid4())
        try:
            operation, params = self._parse(request)
            return self._serialize(operation, self.call(operation.name, params), request_id)
        except ServiceError as error:
            return self._error(error, request_id)
        except Exception as error:  # noqa: BLE001  (a service answers, whatever happened inside it)
            _log.error("%s failed: %s", self.model.service_name, _where(error))
            message = "The request could not be processed because of an unknown error, exception or failure."
            return self._error(ServiceError("InternalServerException", message, 500), request_id)

    def call(self, operation_name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters against the model and run one operation."""
        operation = self.model.operation_model(operation_name)
        if operation.input_shape is not None:
            check(operation.input_shape, params, self._invalid)
        method = getattr(self._backend, xform_name(operation_name), None)
        if method is None:
            raise ServiceError(
                "UnknownOperationException",
                f"stepguard's embedded cloud does not implement {self.model.service_name}:{operation_name}.",
                501,
            )
        return dict(method(dict(params)) or {})

    def _route(self, request: HttpRequest) -> tuple[OperationModel, dict[str, str]] | None:
        if not self._rest:
            prefix, _, name = request.headers.get("x-amz-target", "").partition(".")
            if prefix == self.model.metadata["targetPrefix"] and name in self.model.operation_names:
                return self.model.operation_model(name), {}
            return None
        for route in self._routes:
            if (labels := route.match(request)) is not None:
                return route.operation, labels
        return None

    def _parse(self, request: HttpRequest) -> tuple[OperationModel, dict[str, Any]]:
        routed = self._route(request)
        if routed is None:
            raise ServiceError("UnknownOperationException", f"No such operation in {self.model.service_name}.", 404)
        operation, labels = routed
        shape = operation.input_shape
        if shape is None:
            return operation, {}
        if not self._rest:
            return operation, _coerce(shape, _json_body(request.body))
        return operation, _rest_params(shape, request, labels)

    def _serialize(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        status = operation.http.get("responseCode", 200) if self._rest else 200
        headers = {"x-amzn-RequestId": request_id, "Content-Type": self._content_type}
        shape = operation.output_shape
        if shape is None:
            return HttpResponse(status, headers, b"" if self._rest else b"{}")
        payload = shape.serialization.get("payload") if self._rest else None
        body_members = {}
        for name, member in shape.members.items():
            value = result.get(name)
            if value is None:
                continue
            location = member.serialization.get("location") if self._rest else None
            wire_name = member.serialization.get("name", name)
            if location == "header":
                headers[wire_name] = str(value)
            elif location == "statusCode":
                status = int(value)
            elif name != payload:
                body_members[wire_name] = _plain(member, value, rest=self._rest)
        if payload is not None:
            body = result.get(payload, b"")
            raw = body if isinstance(body, bytes) else _dump(_plain(shape.members[payload], body, rest=True))
            return HttpResponse(status, headers, raw)
        return HttpResponse(status, headers, _dump(body_members))

    def _error(self, error: ServiceError, request_id: str) -> HttpResponse:
        headers = {
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": error.code,
            "Content-Type": self._content_type,
        }
        body: dict[str, Any] = {"message": error.message, **error.members}
        if not self._rest:
            body["__type"] = error.code
        return HttpResponse(error.status, headers, _dump(body))

    @property
    def _content_type(self) -> str:
        if self._rest:
            return "application/json"
        return f"application/x-amz-json-{self.model.metadata.get('jsonVersion', '1.0')}"


def _where(error: BaseException) -> str:
    """What kind of error, and where; never its message, which may quote a user's text."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    at = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__}{at}"


class _Route:
    """An operation's method and URI template, e.g. `POST /guardrail/{id}/version/{version}/apply`."""

    def __init__(self, operation: OperationModel) -> None:
        self.operation = operation
        uri = operation.http.get("requestUri", "/")
        path, _, self._query = uri.partition("?")
        names = re.findall(r"\{(\w+)\+?\}", path)
        self.variables = len(names)
        expression = ""
        for piece in re.split(r"(\{\w+\+?\})", path):
            if piece.startswith("{"):
                expression += f"(?P<{piece.strip('{}+')}>{'.+' if piece.endswith('+}') else '[^/]+'})"
            else:
                expression += re.escape(piece)
        self._expression = re.compile(expression.rstrip("/") + "/?")

    def match(self, request: HttpRequest) -> dict[str, str] | None:
        if request.method != self.operation.http["method"]:
            return None
        found = self._expression.fullmatch(request.path)
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}


def _rest_params(shape: Shape, request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
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
            params[payload] = _coerce(member, _json_body(request.body))
    elif in_body:
        body = _coerce(shape, _json_body(request.body))
        params.update({name: value for name, value in body.items() if name in in_body})
    return params


def _json_body(body: bytes) -> Any:
    if not body:
        return {}
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        if b"\\u" in body:
            # An escaped half of a surrogate pair is no text: it could be neither stored nor answered.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "The request body must be a JSON object.")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _coerce(shape: Shape, value: Any) -> Any:
    """Wire JSON to Python: blobs are decoded, timestamps parsed, unknown members dropped; types are left to `check`."""
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        by_wire_name = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        return {
            by_wire_name[key]: _coerce(shape.members[by_wire_name[key]], item)
            for key, item in value.items()
            if key in by_wire_name and item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_coerce(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _coerce(shape.value, item) for key, item in value.items()}
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


def _plain(shape: Shape, value: Any, *, rest: bool) -> Any:
    """Python to wire JSON: datetimes and bytes in the protocol's form, None left out."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping) and not getattr(shape, "is_document_type", False):
        return {
            member.serialization.get("name", name): _plain(member, value[name], rest=rest)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [_plain(shape.member, item, rest=rest) for item in value]
    if kind == "map":
        return {key: _plain(shape.value, item, rest=rest) for key, item in value.items()}
    if isinstance(value, datetime):
        stamp_format = shape.serialization.get("timestampFormat")
        if stamp_format == "iso8601":
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value


def _dump(value: object) -> bytes:
    # ASCII escapes: a lone surrogate of a hostile client would otherwise not be encodable at all.
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def quote_path(value: str) -> str:
    """Percent-encode one path segment as AWS clients do."""
    return quote(value, safe="~")
