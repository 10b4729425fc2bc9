"""Signed requests to the deployed chat API, as an IAM principal sends them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session


class ApiError(Exception):
    """The API could not be reached, or its response is wrong."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, parsed JSON body, headers in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """The chat API at a URL. `credentials` None sends requests unsigned."""

    def __init__(self, url: str, credentials: Credentials | None, region: str) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._region = region

    @classmethod
    def of_stack(cls, outputs: Mapping[str, str], endpoint: str | None = None) -> Api:
        """The API of a stack, with the credentials of the environment or profile. Raises ApiError.

        An emulator serves it under its own endpoint, by the API's id; the embedded AWS has one API, without an id.
        """
        try:
            session = Session()
            credentials, region = session.get_credentials(), session.get_config_variable("region")
        except BotoCoreError as error:
            raise ApiError(f"The AWS configuration cannot be read: {error}") from None
        if credentials is None or not region:
            raise ApiError("Requests must be signed: set AWS credentials and a region.")
        url = outputs["EndpointURL"]
        if endpoint and "RestAPIId" in outputs:
            stage = url.rstrip("/").rpartition("/")[2]
            url = f"{endpoint.rstrip('/')}/restapis/{outputs['RestAPIId']}/{stage}/_user_request_"
        return cls(url, credentials, region)

    def as_caller(self, credentials: Credentials) -> Api:
        """The same API, for another caller."""
        return Api(self._url, credentials, self._region)

    def unsigned(self) -> Api:
        """The same API, for an anonymous caller."""
        return Api(self._url, None, self._region)

    def post(
        self, body: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None, path: str = "/chat"
    ) -> Reply:
        """POST to a path of the API. Raises ApiError."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._send("POST", path, data, {"Content-Type": "application/json", **(headers or {})})

    def get(self, path: str) -> Reply:
        """GET a path of the API. Raises ApiError."""
        return self._send("GET", path, None, {})

    def delete(self, path: str) -> Reply:
        """DELETE a path of the API. Raises ApiError."""
        return self._send("DELETE", path, None, {})

    def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        signed = AWSRequest(method, self._url + quote(path), dict(headers), data)
        if self._credentials is not None:
            SigV4Auth(self._credentials, "execute-api", self._region).add_auth(signed)
        # Only ever the stack's own https address, or the endpoint that the person named.
        request = urllib.request.Request(  # noqa: S310
            self._url + quote(path), data, dict(signed.headers.items()), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - as above
                return _reply(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.read(), error.headers)
        except OSError as error:
            raise ApiError(f"{self._url} cannot be reached: {error}") from None


def _reply(status: int, body: bytes, headers: Any) -> Reply:
    try:
        content = json.loads(body or b"null")
    except ValueError:
        content = body.decode(errors="replace")
    return Reply(status, content, {name.lower(): value for name, value in headers.items()})
