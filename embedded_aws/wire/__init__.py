"""AWS's JSON protocols, driven by botocore's service models, for all emulated services.

A service is an object with one method per operation (snake case of the operation's name) that takes the request as
a dict in the model's member names and returns the response likewise, or raises `ServiceError`. This package routes a
request to an operation, checks it against the model's limits the way AWS does (botocore's client checks only
required members, types and minimum lengths), and writes the response.

`embedded_aws.wire.state_file` stores a service's persistent data.

Protocols: AWS JSON 1.0 and REST-JSON (https://smithy.io/2.0/aws/protocols/index.html).
"""

from embedded_aws.wire.base import (
    Account,
    HttpRequest,
    HttpResponse,
    ServiceError,
    not_implemented,
    place_of,
    refuse_members,
)
from embedded_aws.wire.limits import check
from embedded_aws.wire.models import service_model
from embedded_aws.wire.quotas import Quotas, Rate
from embedded_aws.wire.service import JsonService, LateService

__all__ = [
    "Account",
    "HttpRequest",
    "HttpResponse",
    "JsonService",
    "LateService",
    "Quotas",
    "Rate",
    "ServiceError",
    "check",
    "not_implemented",
    "place_of",
    "refuse_members",
    "service_model",
]
