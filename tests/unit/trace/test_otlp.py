"""An execution as OpenTelemetry spans, for a collector of another party."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stepguard.aws.spans import HEADERS
from stepguard.cli.otlp import export
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.trace.otlp import to_otlp

ARN = "arn:aws:states:eu-west-1:123456789012:execution:stepguard-prod-chat:chat-1"
FINDING = {"policy": "content", "name": "INSULTS", "action": "BLOCKED", "confidence": "HIGH", "layer": "preprocess"}
RETRIED = [
    {
        "outcome": "failed",
        "scheduled": "2026-11-30T10:00:00.200+00:00",
        "milliseconds": 100.0,
        "error": "Lambda.Unknown",
    },
    {"outcome": "succeeded", "scheduled": "2026-11-30T10:00:01.300+00:00", "waited": 1000.0, "milliseconds": 200.0},
]
DOCUMENT: dict[str, Any] = {
    "execution": ARN,
    "status": "SUCCEEDED",
    "outcome": "blocked",
    "started": "2026-11-30T10:00:00+00:00",
    "milliseconds": 1600.0,
    "input": {"request": {"text": "a secret question"}},
    "answer": {"text": "a secret answer", "source": "LLM"},
    "totals": {"tokens": {"input": 12, "output": 34}, "usd": {"total": 0.001}, "transitions": 7, "retries": 1},
    "visits": [
        {
            "index": 0, "state": "GuardInput", "type": "Task", "status": "succeeded", "outcome": "blocked", "at": 100.0,
            "milliseconds": 1400.0, "attempts": RETRIED, "findings": [FINDING],
            "guardrail": {"id": "abc", "version": "3"}, "input": {"request": {"text": "a secret question"}},
        },
        {
            "index": 1, "state": "GatherContext", "type": "Parallel", "status": "succeeded", "at": 1500.0,
            "milliseconds": 50.0,
        },
        {
            "index": 2, "state": "InvokeModel", "type": "Task", "status": "failed", "at": 1510.0, "milliseconds": 20.0,
            "parent": 1, "branch": 0, "error": "ModelNotReady",
        },
    ],
}  # fmt: skip


def _read(body: dict[str, Any]) -> ExportTraceServiceRequest:
    """As a collector reads it; protobuf's own JSON wants base 64 where OTLP has hexadecimal ids."""
    for resource in body["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request = ExportTraceServiceRequest()
    ParseDict(body, request)
    return request


def _attributes(span: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes}


class Collector(BaseHTTPRequestHandler):
    """Remembers what it gets, and answers as the test says."""

    received: list[tuple[str, dict[str, str], dict[str, Any]]]
    status, reply = 200, b"{}"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.reply)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture(name="collector")
def _collector() -> Iterator[tuple[type[Collector], str]]:
    handler = type("One", (Collector,), {"received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_collector_gets_a_span_for_the_execution_each_state_and_each_attempt(
    collector: tuple[type[Collector], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by OpenTelemetry's own message types."""
    handler, url = collector
    monkeypatch.setenv(HEADERS, "x-api-key=abc%20d,other=1")
    assert export(DOCUMENT, url, texts=False) == f"6 spans sent to {url}/v1/traces"
    ((path, headers, body),) = handler.received
    assert (path, headers["content-type"], headers["x-api-key"]) == ("/v1/traces", "application/json", "abc d")
    spans = _read(body).resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == [
        "execution", "GuardInput", "attempt 1", "attempt 2", "GatherContext", "chat",
    ]  # fmt: skip
    root, guard, first, second, box, model = spans
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert [span.parent_span_id for span in (guard, first, second, box, model)] == [
        root.span_id, guard.span_id, guard.span_id, root.span_id, box.span_id,
    ]  # fmt: skip
    assert [span.status.code for span in spans] == [1, 1, 2, 1, 1, 2]
    assert guard.end_time_unix_nano - guard.start_time_unix_nano == 1_400_000_000
    (event,) = guard.events
    assert (event.name, _attributes(event)["stepguard.finding.name"]) == ("stepguard.finding", "INSULTS")
    assert _attributes(model)["gen_ai.usage.output_tokens"] == 34
    assert _attributes(model)["gen_ai.provider.name"] == "aws.bedrock"


def test_no_text_leaves_unless_it_is_requested() -> None:
    """Neither questions nor answers are in the spans."""
    assert "secret" not in json.dumps(to_otlp(DOCUMENT))
    assert json.dumps(to_otlp(DOCUMENT, texts=True)).count("secret") == 3


def test_the_same_execution_is_the_same_trace() -> None:
    """A collector recognises an execution that is sent twice; another execution has other ids."""
    other = {**DOCUMENT, "execution": ARN.replace("chat-1", "chat-2")}
    first, again, second = (json.dumps(to_otlp(document)) for document in (DOCUMENT, DOCUMENT, other))
    assert first == again
    ids = [json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] for text in (first, second)]
    assert len(set(ids)) == 2


def test_a_file_gets_one_line_of_json(tmp_path: Path) -> None:
    """For the file receiver of a collector."""
    file = tmp_path / "spans.json"
    assert export(DOCUMENT, str(file), texts=False) == f"6 spans written to {file}"
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "reply", "message"),
    [
        (503, b"", "refused the spans with status 503"),
        (200, b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}', "refused 2 spans: too old"),
    ],
)
def test_a_refusal_is_reported(collector: tuple[type[Collector], str], status: int, reply: bytes, message: str) -> None:
    """Also one of some spans only."""
    handler, url = collector
    handler.status, handler.reply = status, reply
    with pytest.raises(StepguardError, match=message):
        export(DOCUMENT, url, texts=False)


def test_what_cannot_be_sent_is_reported(tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(StepguardError, match="could not be sent"):
        export(DOCUMENT, "http://127.0.0.1:9", texts=False)
    with pytest.raises(InvalidRequest, match="cannot be written"):
        export(DOCUMENT, str(tmp_path), texts=False)
    with pytest.raises(InvalidRequest, match="no trace"):
        export({**DOCUMENT, "started": None}, "x", texts=False)
