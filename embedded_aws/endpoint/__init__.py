"""One HTTP endpoint for all emulated services; `--endpoint-url` and `AWS_ENDPOINT_URL` point at it."""

from embedded_aws.apigateway.http_api import HttpApi
from embedded_aws.apigateway.websocket_api import WebSocketApi
from embedded_aws.endpoint.server import Endpoint

__all__ = ["Endpoint", "HttpApi", "WebSocketApi"]
