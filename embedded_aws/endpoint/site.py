"""What the endpoint serves beside AWS's services and the HTTP API: web pages, to requests that nobody signed."""

from __future__ import annotations

from typing import Protocol

from embedded_aws.wire import HttpRequest, HttpResponse


class Site(Protocol):
    """Pages under a path of their own."""

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request, which has no body yet, is for a page."""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The page; failures are answers, too."""
