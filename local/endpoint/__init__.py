"""One HTTP endpoint in front of all emulated services: what `--endpoint-url` and `AWS_ENDPOINT_URL` point at."""

from local.endpoint.http_api import HttpApi
from local.endpoint.server import Endpoint

__all__ = ["Endpoint", "HttpApi"]
