"""The endpoint's web pages, served to unsigned requests next to AWS's services and the HTTP API."""

from __future__ import annotations

from typing import Protocol

from embedded_aws.wire import HttpRequest, HttpResponse


class Site(Protocol):
    """Pages under a separate path."""

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request, which has no body yet, is for a page."""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The page; a failure is a response, too."""
