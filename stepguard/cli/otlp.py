"""`stepguard history EXECUTION --otlp URL|FILE`: an execution as OpenTelemetry spans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stepguard import __version__
from stepguard.aws.spans import send
from stepguard.guard.errors import InvalidRequest
from stepguard.trace.otlp import to_otlp


def export(document: Mapping[str, Any], target: str, *, texts: bool) -> str:
    """Send an execution's spans to a collector, or write them to a file. Returns what was done, for the user."""
    try:
        request = to_otlp(document, texts=texts, version=__version__)
    except ValueError as error:
        raise InvalidRequest(f"There is no trace to export: {error}.") from None
    spans = len(request["resourceSpans"][0]["scopeSpans"][0]["spans"])
    if urlsplit(target).scheme in ("http", "https"):
        return f"{spans} spans sent to {send(request, target)}"
    try:
        Path(target).write_bytes(json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror}.") from None
    return f"{spans} spans written to {target}"
