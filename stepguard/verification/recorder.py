"""Records what AWS answered, in the shape of the cases in tests/recorded, one JSON line each.

botocore's events of a client have the request and the parsed response of each call:
https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stepguard import __version__
from stepguard.deploy.aws import Aws
from stepguard.verification.cases import execution_case
from stepguard.verification.redaction import redact

FILES = {
    "TestState": "test_state",
    "ValidateStateMachineDefinition": "validate_definition",
    "ApplyGuardrail": "apply_guardrail",
    "GetGuardrail": "get_guardrail",
}
"""The recorded operations, and the file of their cases."""

_JSON_TEXTS = {"test_state": ("definition", "input", "context", "variables")}
"""Members that are JSON texts in the API and values in a case. A validated definition stays a text: it may be none."""


class Recorder:
    """Writes cases to `folder`. Without a folder nothing is recorded."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._hooked: set[int] = set()

    def recording(self, aws: Aws) -> Aws:
        """The same clients, with their recorded operations written down."""

        def recorded(service: str) -> Any:
            client = aws(service)
            if self._folder is not None and id(client) not in self._hooked:
                self._hooked.add(id(client))
                client.meta.events.register("provide-client-params", _keep_request)
                client.meta.events.register("after-call", self._after_call)
            return client

        return recorded

    def execution(self, description: Mapping[str, Any], definition: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Record one ended execution: DescribeExecution, its definition, and the events of its history."""
        self.write("executions", description["executionArn"], execution_case(description, definition, events))

    def write(self, file: str, name: str, case: Mapping[str, Any]) -> None:
        """Add a case to a file."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        source = {"recorder": f"stepguard {__version__}", "recorded": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        plain = json.loads(json.dumps({"id": name, "source": source, **case}, default=str))
        with (self._folder / f"{file}.jsonl").open("a", encoding="utf-8") as target:
            target.write(json.dumps(redact(plain), ensure_ascii=False) + "\n")

    def _after_call(self, http_response: Any, parsed: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        if (file := FILES.get(model.name)) is None:
            return
        request = dict(context.get("stepguard_request", {}))
        for member in _JSON_TEXTS.get(file, ()):
            if member in request:
                request[member] = json.loads(request[member])
        response = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
        self.write(file, f"{model.name}-{http_response.headers.get('x-amzn-RequestId', '')}", _case(request, response))


def _case(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    return {"request": request, "response": response}


def _keep_request(params: Mapping[str, Any], context: Any, **_: Any) -> None:
    """The parameters as the caller gave them: later events have them only as bytes."""
    context["stepguard_request"] = dict(params)
