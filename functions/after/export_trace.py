"""ExportTrace: an execution as OpenTelemetry spans, after it has ended, without a text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from stepguard import __version__
from stepguard.aws.executions import Executions
from stepguard.aws.spans import ENDPOINT, send
from stepguard.aws.traces import document_of
from stepguard.guard.errors import ConfigurationError
from stepguard.trace.otlp import to_otlp

SECONDS = 10.0
"""How long a collector may take; after.asl.json tries again."""


def export_trace(
    event: Mapping[str, Any],
    executions: Executions | None = None,
    post: Callable[[Mapping[str, Any], str, float], str] = send,
) -> dict[str, Any]:
    """`{execution}` -> `{outcome, spans}`. Raises StepguardError.

    Questions and answers stay where they are: only `stepguard history --otlp --with-text` sends them.
    """
    endpoint = os.environ.get(ENDPOINT, "").strip()
    if not endpoint.startswith(("https://", "http://")):
        raise ConfigurationError(f"{ENDPOINT} must be the http or https address of a collector.")
    document = document_of(executions or Executions(), str(event["execution"]))
    request = to_otlp(document, version=__version__)
    post(request, endpoint, SECONDS)
    return {"outcome": "exported", "spans": len(request["resourceSpans"][0]["scopeSpans"][0]["spans"])}
