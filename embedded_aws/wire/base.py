"""Types that all emulated services and the endpoint share: requests, responses, errors and the account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


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


def not_implemented(what: str) -> ServiceError:
    """The refusal of something that AWS has and the embedded AWS has not."""
    return ServiceError("NotImplemented", f"stepguard's embedded AWS does not implement {what}.", 501)


def refuse_members(request: Mapping[str, object], members: Iterable[str], operation: str) -> None:
    """Raise ServiceError for a member that would have no effect."""
    for member in members:
        if request.get(member) is not None:
            raise not_implemented(f"{member} of {operation}")


@dataclass(frozen=True, slots=True)
class Account:
    """The owner of the resources: the region and account in every ARN."""

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
    """One HTTP response. `body` is complete and written in a single send.

    A body of any size comes from `pieces` instead, with `length` bytes in total; a HEAD has only the length.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: Iterable[bytes] | None = None
    length: int | None = None


def place_of(error: BaseException) -> str:
    """The type and place of an unexpected error, never its message, which may quote a user's text."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    at = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__}{at}"
