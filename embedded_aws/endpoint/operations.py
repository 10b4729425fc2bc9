"""The service and operation of a request, and the protocol that its client speaks.

https://smithy.io/2.0/aws/protocols/index.html: JSON names the operation in a header, CBOR in the path, the query
protocols in the form, REST by method, path and query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from embedded_aws.wire import HttpRequest, HttpResponse, ServiceError
from embedded_aws.wire.caller import PRESIGNED, Caller
from embedded_aws.wire.errors import Protocol, write_error
from embedded_aws.wire.routes import find_operation
from embedded_aws.wire.services import KnownService, known_services, services_signed_as

FORM = "application/x-www-form-urlencoded"
_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)/?")
_WORD = re.compile(r"\w{1,128}")
_REST = ("rest-json", "rest-xml")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request calls. Names are botocore's; "" if they cannot be read from the request."""

    service: str
    name: str
    protocol: Protocol
    json_version: str = "1.0"
    known: bool = False
    """Whether botocore has such an operation."""

    @property
    def label(self) -> str:
        """The names in a message, e.g. `kendra:ListIndices`."""
        if self.service and self.name:
            return f"{self.service}:{self.name}"
        return f"this operation of {self.service}" if self.service else "this operation"

    def refuse(self, code: str, message: str, status: int) -> HttpResponse:
        """An error in the client's protocol."""
        return write_error(ServiceError(code, message, status), self.protocol, self.json_version)


def read_operation(request: HttpRequest, caller: Caller) -> Operation:
    """The operation of a request, whose body is needed only if it is a form."""
    signed = services_signed_as(caller.service) if caller.service else ()
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        found = _CBOR_PATH.fullmatch(request.path)
        return _named(signed, caller, found[2] if found else "", "cbor")
    if target := request.headers.get("x-amz-target"):
        prefix, _, name = target.rpartition(".")
        owners = [service for service in known_services().values() if service.target_prefix == prefix]
        return _named([service for service in owners if service in signed] or owners, caller, name, "json")
    action = _action(request)
    if action:
        spoken = [service for service in signed if service.protocol in ("query", "ec2")] or list(signed)
        return _named(spoken, caller, action, "ec2" if any(one.name == "ec2" for one in spoken) else "query")
    return _rest(signed, caller, request)


def _rest(signed: tuple[KnownService, ...], caller: Caller, request: HttpRequest) -> Operation:
    rest = [service for service in signed if service.protocol in _REST]
    found = find_operation([service.name for service in rest], request.method, request.path, request.query)
    service = next((one for one in rest if found and one.name == found[0]), next(iter(signed), None))
    protocol: Protocol = "rest-json"
    if service is not None:
        spoken: dict[str, Protocol] = {"rest-xml": "rest-xml", "query": "query", "ec2": "ec2", "json": "json"}
        protocol = "s3" if service.name == "s3" else spoken.get(service.protocol, "rest-json")
    elif request.headers.get("content-type", "").startswith(FORM):
        protocol = "query"
    elif "x-amz-content-sha256" in request.headers or PRESIGNED.search(request.query):
        protocol = "s3"  # only clients of S3 send these
    name = service.name if service is not None else caller.service
    return Operation(name, found[1] if found else "", protocol, known=found is not None)


def _named(
    services: list[KnownService] | tuple[KnownService, ...], caller: Caller, name: str, protocol: Protocol
) -> Operation:
    """An operation that the request names; the service is the first of those that the request can be for."""
    service = next(iter(services), None)
    word = name if _WORD.fullmatch(name) else ""
    if service is None:
        return Operation(caller.service, word, protocol)
    version = service.json_version
    return Operation(service.name, word, protocol, version, known=bool(word))


def _action(request: HttpRequest) -> str:
    """The Action of a request in a query protocol."""
    form = request.headers.get("content-type", "").startswith(FORM)
    text = request.body.decode("latin-1") if form else request.query
    if "Action=" not in text:
        text = request.query
    return parse_qs(text).get("Action", [""])[0] if "Action=" in text else ""
