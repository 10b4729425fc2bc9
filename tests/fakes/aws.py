"""A fake AWS client that cannot lie: botocore's service model checks every request and every canned response."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import Shape
from botocore.paginate import Paginator
from botocore.validate import ParamValidator
from botocore.waiter import NormalizedOperationMethod, SingleWaiterConfig, Waiter

from embedded_aws.wire import check, service_model

Request = dict[str, Any]
Reply = Mapping[str, Any] | Exception | Callable[[Request], Mapping[str, Any]]


class FakeClient:
    """One method per operation that has a reply.

    A reply is a response, an exception to raise, or a function of the request; a list is used up in its order.
    `requests` holds (operation, parameters) of every call.
    """

    modelled_replies = True

    def __init__(self, service: str, **replies: Reply | Sequence[Reply]) -> None:
        self._model = service_model(service)
        self.meta = SimpleNamespace(service_model=self._model)
        self._operations = {xform_name(name): name for name in self._model.operation_names}
        self._replies: dict[str, Any] = {
            name: list(reply) if isinstance(reply, Sequence) else reply for name, reply in replies.items()
        }
        self.requests: list[tuple[str, Request]] = []
        assert set(replies) <= set(self._operations)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._replies:
            raise AttributeError(f"The fake {self._model.service_name} client has no reply to {name}.")
        return lambda **request: self._call(name, request)

    def get_paginator(self, name: str) -> Paginator:
        """botocore's paginator over this client's replies."""
        return paginator(self._model.service_name, name, getattr(self, name))

    def get_waiter(self, name: str) -> Any:
        """botocore's waiter over this client's replies."""
        config = _loader().load_service_model(self._model.service_name, "waiters-2")
        (found,) = [key for key in config["waiters"] if xform_name(key) == name]
        waiter = SingleWaiterConfig(config["waiters"][found])
        return Waiter(name, waiter, NormalizedOperationMethod(getattr(self, xform_name(waiter.operation))))

    @property
    def client(self) -> Any:
        """This client where boto3's, which has no types, is expected."""
        return self

    def bodies(self, name: str) -> list[Request]:
        """The requests of one operation."""
        return [request for operation, request in self.requests if operation == name]

    def _call(self, name: str, request: Request) -> Mapping[str, Any]:
        operation = self._model.operation_model(self._operations[name])
        conforms(operation.input_shape, _with_bytes(operation.input_shape, request))
        self.requests.append((name, request))
        reply = self._replies[name]
        if isinstance(reply, list):
            assert reply, f"More calls of {name} than expected."
            reply = reply.pop(0)
        if isinstance(reply, Exception):
            raise reply
        response = dict(reply(request) if callable(reply) else reply)
        if self.modelled_replies:
            modelled = {key: value for key, value in response.items() if key != "ResponseMetadata"}
            conforms(operation.output_shape, modelled)
        return {key: BytesIO(value) if isinstance(value, bytes) else value for key, value in response.items()}


def _loader() -> Loader:
    return botocore.session.get_session().get_component("data_loader")


def paginator(service: str, name: str, method: Callable[..., Any]) -> Paginator:
    """botocore's paginator of an operation, over any method of that name."""
    model = service_model(service)
    (found,) = [operation for operation in model.operation_names if xform_name(operation) == name]
    config = _loader().load_service_model(model.service_name, "paginators-1")["pagination"][found]
    return Paginator(method, config, model.operation_model(found))


class LooseClient(FakeClient):
    """A fake client whose replies may leave the model, as those of proxies and of tomorrow's AWS do."""

    modelled_replies = False


def conforms(shape: Shape | None, value: Mapping[str, Any]) -> None:
    """Fail unless a request or response has only known members and keeps every limit of the model."""
    if shape is None:  # an operation without members
        assert not value
        return
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()
    check(shape, value)


def _with_bytes(shape: Shape, request: Request) -> Request:
    """The request as it goes over the wire: boto3 encodes a text body."""
    return {
        name: value.encode() if isinstance(value, str) and shape.members[name].type_name == "blob" else value
        for name, value in request.items()
        if name in shape.members
    } | {name: value for name, value in request.items() if name not in shape.members}


def client_error(code: str, message: str = "", status: int = 400, operation: str = "Operation") -> ClientError:
    """An error answer of AWS as boto3 raises it."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )
