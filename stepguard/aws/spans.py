"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, in JSON."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from stepguard.guard.errors import ServiceUnavailable, StepguardError

_PATH = "/v1/traces"
SECONDS = 30.0

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""OpenTelemetry's own variables: a collector's address, and `name=value,name=value`, for example an API key."""

_LATER = frozenset({429, 502, 503, 504})
"""OTLP: the statuses after which a client may send the same again."""


def send(request: Mapping[str, Any], target: str, seconds: float = SECONDS) -> str:
    """Send an ExportTraceServiceRequest to `http(s)://…`, and return the address. Raises StepguardError.

    ServiceUnavailable if a later attempt can succeed.
    """
    url = target.rstrip("/") + _PATH if urlsplit(target).path in ("", "/") else target
    body = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace")
    headers = {"Content-Type": "application/json", **_headers()}
    wanted = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  http or https
    try:
        with urllib.request.urlopen(wanted, timeout=seconds) as response:  # noqa: S310
            reply = response.read(10_000)
    except urllib.error.HTTPError as error:
        error.close()
        kind = ServiceUnavailable if error.code in _LATER else StepguardError
        raise kind(f"{url} refused the spans with status {error.code}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceUnavailable(f"The spans could not be sent to {url}: {reason}.") from None
    _check(url, reply)
    return url


def _check(url: str, reply: bytes) -> None:
    """A collector may accept a request and refuse some of its spans."""
    try:
        partial = json.loads(reply).get("partialSuccess") or {}
    except (ValueError, AttributeError):
        return
    if int(partial.get("rejectedSpans") or 0):
        raise StepguardError(f"{url} refused {partial['rejectedSpans']} spans: {partial.get('errorMessage', '')}")


def _headers() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in os.environ.get(HEADERS, "").split(",") if "=" in pair)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
