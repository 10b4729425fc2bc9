"""One HTTP endpoint in front of all emulated services: what `--endpoint-url` and `AWS_ENDPOINT_URL` point at."""

from embedded_aws.apigateway.http_api import HttpApi
from embedded_aws.endpoint.server import Endpoint

__all__ = ["Endpoint", "HttpApi"]
