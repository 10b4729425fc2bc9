"""boto3 clients of the embedded Bedrock in one process: all of boto3 but the network."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.bedrock.models.base import Model
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.wire import HttpRequest, JsonService
from tests.unit.embedded_aws.bedrock.fakes import FakeDetection


class _Raw(BytesIO):
    """A response body as urllib3 would give it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _client(name: str, service: JsonService) -> Any:
    client = boto3.client(
        name,
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(str(request.url))
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        headers = {
            key.lower(): value.decode() if isinstance(value, bytes) else str(value)
            for key, value in request.headers.items()
        }
        raw = body.encode() if isinstance(body, str) else bytes(body)
        response = service.handle(HttpRequest(str(request.method), url.path, url.query, headers, raw))
        sent = response.body if response.pieces is None else b"".join(response.pieces)
        return AWSResponse(request.url, response.status, dict(response.headers), _Raw(sent))

    client.meta.events.register(f"before-send.{name}", answer)
    return client


class Clients:
    """boto3 clients whose requests go to the service instead of a network."""

    def __init__(self, folder: Path, model: Model | None = None) -> None:
        models = Catalogue(language=model) if model else None
        self.service = Bedrock(folder / "bedrock.sqlite", detection=FakeDetection(), models=models)
        self.control = _client("bedrock", JsonService("bedrock", self.service.control))
        self.runtime = _client("bedrock-runtime", JsonService("bedrock-runtime", self.service.runtime))
        self.sagemaker = _client("sagemaker-runtime", JsonService("sagemaker-runtime", self.service.sagemaker_runtime))
