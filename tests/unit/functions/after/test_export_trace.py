"""ExportTrace: the spans of a chat reach a collector without a text, and what goes wrong is named."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from functions.after import export_trace as module
from functions.after.export_trace import export_trace
from stepguard.aws.spans import ENDPOINT, send
from stepguard.guard.errors import ConfigurationError, ServiceUnavailable, StepguardError
from stepguard.project.folder import builtin_project

CANARY = "canary-1c9e"
ARN = "arn:aws:states:eu-west-1:123456789012:execution:stepguard-prod-chat:chat-1"
DOCUMENT: dict[str, Any] = {
    "execution": ARN, "status": "SUCCEEDED", "outcome": "answered", "started": "2026-11-30T10:00:00+00:00",
    "milliseconds": 10.0, "input": {"request": {"text": CANARY}}, "answer": {"text": CANARY, "source": "LLM"},
    "visits": [{"index": 0, "state": "GuardInput", "type": "Task", "status": "succeeded", "at": 1.0,
                "milliseconds": 5.0, "output": {"text": CANARY}}],
}  # fmt: skip


class Collector(BaseHTTPRequestHandler):
    """Remembers bodies, and answers as the test says."""

    received: list[bytes]
    status = 200

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture(name="collector")
def _collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    handler = type("One", (Collector,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(module, "document_of", lambda executions, arn: DOCUMENT | {"execution": arn})
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def _export() -> dict[str, Any]:
    executions: Any = SimpleNamespace()
    return export_trace({"execution": ARN}, executions)


def test_a_collector_gets_the_spans_of_a_chat_without_its_texts(collector: Any) -> None:
    """The execution and its state; the history keeps the rest."""
    assert _export() == {"outcome": "exported", "spans": 2}
    (body,) = collector.received
    spans = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len(spans) == 2
    assert CANARY.encode() not in body


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, ServiceUnavailable), (429, ServiceUnavailable), (400, StepguardError), (500, StepguardError)],
)
def test_what_a_later_attempt_can_cure_is_tried_again(collector: Any, status: int, error: type[Exception]) -> None:
    """By the state machine, which knows the name."""
    collector.status = status
    with pytest.raises(error) as raised:
        _export()
    assert type(raised.value) is error


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"SSH-2.0\r\n\r\n"])
def test_a_collector_that_hangs_or_talks_otherwise_is_given_up(said: bytes) -> None:
    """It takes the request, and its answer never comes, stops in the middle, or is none of HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            kept.append(server.accept()[0])
            kept[0].sendall(said)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ServiceUnavailable, match="could not be sent"):
            send({}, url, 0.05 if b"SSH" not in said else 10.0)
        thread.join()
        for connection in kept:
            connection.close()


def test_the_lambda_gives_a_collector_less_time_than_it_has() -> None:
    """So that it ends with the name of what went wrong."""
    (entry,) = (entry for entry in builtin_project().lambdas() if entry.name == "export_trace")
    assert entry.timeout > 2 * module.SECONDS


@pytest.mark.parametrize("endpoint", ["", "collector:4318", "file:///etc/passwd"])
def test_an_address_that_is_no_collectors_is_named(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Only http and https are sent to."""
    monkeypatch.setenv(ENDPOINT, endpoint)
    with pytest.raises(ConfigurationError, match=ENDPOINT):
        _export()
