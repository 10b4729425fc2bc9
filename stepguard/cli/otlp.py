"""`stepguard history EXECUTION --otlp URL|FILE`: an execution as OpenTelemetry spans."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from stepguard import __version__
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.report.otlp import to_otlp

_PATH = "/v1/traces"
_SECONDS = 30
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""OpenTelemetry's own variable: `name=value,name=value`, for example an API key."""


def export(document: Mapping[str, Any], target: str, *, texts: bool) -> str:
    """Send an execution's spans to a collector, or write them to a file. Returns what was done, for the user."""
    try:
        request = to_otlp(document, texts=texts, version=__version__)
    except ValueError as error:
        raise InvalidRequest(f"There is no trace to export: {error}.") from None
    spans = len(request["resourceSpans"][0]["scopeSpans"][0]["spans"])
    body = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace")
    if urlsplit(target).scheme in ("http", "https"):
        url = _url(target)
        _post(url, body)
        return f"{spans} spans sent to {url}"
    try:
        Path(target).write_bytes(body + b"\n")
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror}.") from None
    return f"{spans} spans written to {target}"


def _url(target: str) -> str:
    """The address for traces: OTLP's path is added to a collector's address without one."""
    return target.rstrip("/") + _PATH if urlsplit(target).path in ("", "/") else target


def _post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", **_headers()}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  http or https
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
            reply = response.read(10_000)
    except urllib.error.HTTPError as error:
        raise StepguardError(f"{url} refused the spans with status {error.code}.") from None
    except (OSError, ValueError) as error:
        raise StepguardError(f"The spans could not be sent to {url}: {getattr(error, 'reason', error)}.") from None
    _check(url, reply)


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
