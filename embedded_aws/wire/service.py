"""A service on the wire: requests routed to the operations of a backend, answers and errors in AWS's form."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any
from uuid import uuid4

from botocore import xform_name
from botocore.model import OperationModel

from embedded_aws.wire import event_stream
from embedded_aws.wire.base import HttpRequest, HttpResponse, ServiceError, place_of
from embedded_aws.wire.coding import dump, from_wire, json_body, rest_params, to_wire
from embedded_aws.wire.limits import check
from embedded_aws.wire.models import service_model
from embedded_aws.wire.quotas import UNLIMITED, Quotas
from embedded_aws.wire.routes import Route

_log = logging.getLogger(__name__)


class JsonService:
    """Routes requests of one botocore service model to `backend`, an object with a method per operation.

    `quotas` limit the calls that arrive on the wire. A backend's `repeated` names, by operation, members of the answer
    that the model lacks: SDKs drop them, other HTTP clients read them.
    """

    def __init__(self, service: str, backend: object, quotas: Quotas = UNLIMITED) -> None:
        self.model = service_model(service)
        self._quotas = quotas
        self._backend = backend
        self._rest = self.model.metadata["protocol"] == "rest-json"
        self._invalid = "ValidationException"
        if self._invalid not in self.model.shape_names and "ValidationError" in self.model.shape_names:
            self._invalid = "ValidationError"  # SageMaker's name for this error
        elif self._invalid not in self.model.shape_names and "BadRequestException" in self.model.shape_names:
            self._invalid = "BadRequestException"  # AppConfig's
        self._routes = [Route(self.model.operation_model(name)) for name in self.model.operation_names]
        # Literal paths before templates, so that /a/b is not taken for /a/{id}.
        self._routes.sort(key=lambda route: route.variables)
        # Cached: each request needs it twice (service, then operation), and clients repeat the same paths.
        self._found = lru_cache(maxsize=256)(self._find)

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is one of this service's operations."""
        return self._route(request) is not None

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; every failure becomes an AWS error body, never an exception."""
        request_id = str(uuid4())
        try:
            operation, params = self._parse(request)
            self._quotas.check_call(self.model.service_name, operation.name)
            return self._serialize(operation, self.call(operation.name, params), request_id)
        except ServiceError as error:
            return self._error(error, request_id)
        except Exception as error:  # noqa: BLE001  (a service answers, whatever happened inside it)
            _log.error("%s failed: %s", self.model.service_name, place_of(error))
            message = "The request could not be processed because of an unknown error, exception or failure."
            if isinstance(error, sqlite3.Error):  # its message names tables and files, never a value
                message = f"A file of the state folder cannot be used: {error}. Move or delete the folder."
            return self._error(ServiceError("InternalServerException", message, 500), request_id)

    def call(self, operation_name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters against the model and run one operation. An unknown operation is refused first."""
        operation = self.model.operation_model(operation_name)
        method = self._method(operation_name)
        if precheck := getattr(self._backend, "precheck", None):
            precheck(operation_name, params)  # the service refuses these with a message of its API
        if operation.input_shape is not None:
            check(operation.input_shape, params, self._invalid)
        return dict(method(dict(params)) or {})

    def _method(self, operation_name: str) -> Callable[[dict[str, Any]], Any]:
        method: Callable[[dict[str, Any]], Any] | None = getattr(self._backend, xform_name(operation_name), None)
        if method is None:
            raise ServiceError(
                "UnknownOperationException",
                f"stepguard's embedded AWS does not implement {self.model.service_name}:{operation_name}.",
                501,
            )
        return method

    def _route(self, request: HttpRequest) -> tuple[OperationModel, dict[str, str]] | None:
        if not self._rest:
            prefix, _, name = request.headers.get("x-amz-target", "").partition(".")
            if prefix == self.model.metadata["targetPrefix"] and name in self.model.operation_names:
                return self.model.operation_model(name), {}
            return None
        return self._found(request.method, request.path)

    def _find(self, method: str, path: str) -> tuple[OperationModel, dict[str, str]] | None:
        for route in self._routes:
            if (labels := route.match(method, path)) is not None:
                return route.operation, labels
        return None

    def _parse(self, request: HttpRequest) -> tuple[OperationModel, dict[str, Any]]:
        routed = self._route(request)
        if routed is None:
            raise ServiceError("UnknownOperationException", f"No such operation in {self.model.service_name}.", 404)
        operation, labels = routed
        self._method(operation.name)  # a missing operation is refused whatever its arguments are
        shape = operation.input_shape
        if shape is None:
            return operation, {}
        if not self._rest:
            return operation, from_wire(shape, json_body(request.body))
        return operation, rest_params(shape, request, labels)

    def _serialize(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse:
        status = operation.http.get("responseCode", 200) if self._rest else 200
        headers = {"x-amzn-RequestId": request_id, "Content-Type": self._content_type}
        # Headers that are missing in the model but that clients read.
        headers |= result.get("ResponseMetadata", {}).get("HTTPHeaders", {})
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
                body_members[wire_name] = to_wire(member, value, rest=self._rest)
        repeated = getattr(self._backend, "repeated", {}).get(operation.name, {})
        body_members |= {name: body_members[of] for name, of in repeated.items() if of in body_members}
        if payload is not None:
            if shape.members[payload].serialization.get("eventstream"):
                headers["Content-Type"] = event_stream.CONTENT_TYPE
                pieces = event_stream.frames(shape.members[payload], result[payload])
                return HttpResponse(status, headers, b"", pieces=pieces)
            body = result.get(payload, b"")
            raw = body if isinstance(body, bytes) else dump(to_wire(shape.members[payload], body, rest=True))
            return HttpResponse(status, headers, raw)
        return HttpResponse(status, headers, dump(body_members))

    def _error(self, error: ServiceError, request_id: str) -> HttpResponse:
        headers = {
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": error.code,
            "Content-Type": self._content_type,
        }
        body: dict[str, Any] = {"message": error.message, **error.members}
        if not self._rest:
            body["__type"] = error.code
        return HttpResponse(error.status, headers, dump(body))

    @property
    def _content_type(self) -> str:
        if self._rest:
            return "application/json"
        return f"application/x-amz-json-{self.model.metadata.get('jsonVersion', '1.0')}"


class LateService:
    """A JsonService whose model is loaded at the first request for it: most commands never use this service."""

    def __init__(self, service: str, backend: object, quotas: Quotas = UNLIMITED) -> None:
        self._made = (service, backend, quotas)

    @cached_property
    def _service(self) -> JsonService:
        return JsonService(*self._made)

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is one of this service's operations."""
        return self._service.owns(request)

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        return self._service.handle(request)
