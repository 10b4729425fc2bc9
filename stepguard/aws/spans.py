"""Sends spans to an OpenTelemetry collector: OTLP over HTTP, in JSON, or in binary to a collector without JSON."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

from stepguard.guard.errors import ServiceUnavailable, StepguardError
from stepguard.trace.protobuf import read_rejected, to_protobuf

_PATH = "/v1/traces"
SECONDS = 30.0

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""OpenTelemetry's own variables: a collector's address, and `name=value,name=value`, for example an API key."""

PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
"""OpenTelemetry's: `http/json` or `http/protobuf`. Without it JSON is sent, and binary where that is refused."""

JSON, BINARY = "application/json", "application/x-protobuf"
_NO_JSON = 415
_binary_only: set[str] = set()
"""The addresses that refused JSON."""

_OK = 200
_LATER = frozenset({429, 502, 503, 504})
"""OTLP: the statuses after which a client may send the same again."""


def send(request: Mapping[str, Any], target: str, seconds: float = SECONDS) -> str:
    """Send an ExportTraceServiceRequest to `http(s)://…`, and return the address. Raises StepguardError.

    ServiceUnavailable if a later attempt can succeed.
    """
    url = target.rstrip("/") + _PATH if urlsplit(target).path in ("", "/") else target
    chosen = os.environ.get(PROTOCOL, "").strip().lower()
    kind = BINARY if chosen == "http/protobuf" or (not chosen and url in _binary_only) else JSON
    status, reply = _post(url, kind, request, seconds)
    if status == _NO_JSON and kind == JSON and not chosen:
        kind = BINARY
        status, reply = _post(url, kind, request, seconds)
        if status == _OK:
            _binary_only.add(url)
    if status != _OK:
        error = ServiceUnavailable if status in _LATER else StepguardError
        raise error(f"{url} refused the spans with status {status}.")
    rejected, reason = _rejected(kind, reply)
    if rejected:
        raise StepguardError(f"{url} refused {rejected} spans: {reason}")
    return url


def _post(url: str, kind: str, request: Mapping[str, Any], seconds: float) -> tuple[int, bytes]:
    """The status and the start of the answer. Raises ServiceUnavailable."""
    body = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") if kind == JSON else to_protobuf(request)
    headers = {"Content-Type": kind, **_headers()}
    wanted = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  http or https
    try:
        with urllib.request.urlopen(wanted, timeout=seconds) as response:  # noqa: S310
            return _OK, response.read(10_000)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, b""
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ServiceUnavailable(f"The spans could not be sent to {url}: {reason}.") from None


def _rejected(kind: str, reply: bytes) -> tuple[int, str]:
    """A collector may accept a request and refuse some of its spans: how many, and why."""
    try:
        if kind == BINARY:
            return read_rejected(reply)
        partial = json.loads(reply).get("partialSuccess") or {}
        return int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage", ""))
    except (ValueError, AttributeError, TypeError):
        return 0, ""  # no answer of OTLP: the status is all that is known


def _headers() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in os.environ.get(HEADERS, "").split(",") if "=" in pair)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
