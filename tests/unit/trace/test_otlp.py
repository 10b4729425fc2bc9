"""An execution as OpenTelemetry spans, for a collector of another party."""

from __future__ import annotations

import base64
import importlib
import json
import pkgutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.semconv import attributes as semconv_attributes
from opentelemetry.semconv._incubating import attributes as incubating_attributes

from stepguard import __version__
from stepguard.aws.spans import HEADERS, PROTOCOL
from stepguard.cli.otlp import export
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.trace.otlp import to_otlp
from stepguard.trace.protobuf import read_rejected, to_protobuf

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
            "output": {
                "model": {"text": "a secret answer", "stop_reason": "max_tokens", "tokens": {"input": 9, "output": 34}},
            },
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

    received: list[tuple[str, dict[str, str], Any]]
    status, reply, refused = 200, b"{}", ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        content = json.loads(body) if kind == "application/json" else body
        self.received.append((self.path, {key.lower(): value for key, value in self.headers.items()}, content))
        self.send_response(415 if kind == self.refused else self.status)
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
        "invoke_workflow stepguard-prod-chat", "GuardInput", "attempt 1", "attempt 2", "GatherContext", "chat",
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
    about = _attributes(model)
    assert (about["gen_ai.usage.input_tokens"], about["gen_ai.usage.output_tokens"]) == (9, 34)
    assert (about["gen_ai.provider.name"], about["gen_ai.operation.name"]) == ("aws.bedrock", "chat")
    assert [item.string_value for item in about["gen_ai.response.finish_reasons"].values] == ["max_tokens"]
    machine = ARN.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    assert _attributes(root)["aws.step_functions.state_machine.arn"] == machine


def test_every_attribute_is_of_the_conventions_or_ours() -> None:
    """By OpenTelemetry's own list; what it does not know begins with `stepguard.`."""
    names = set()
    for modules in (semconv_attributes, incubating_attributes):
        for module in pkgutil.iter_modules(modules.__path__, f"{modules.__name__}."):
            names |= {value for value in vars(importlib.import_module(module.name)).values() if isinstance(value, str)}
    (resource,) = to_otlp(DOCUMENT, texts=True)["resourceSpans"]
    spans = resource["scopeSpans"][0]["spans"]
    held = [resource["resource"], *spans, *(event for span in spans for event in span.get("events", ()))]
    used = {item["key"] for part in held for item in part["attributes"]}
    assert {name for name in used if not name.startswith("stepguard.")} <= names
    assert {name.partition(".")[0] for name in used} == {"aws", "cloud", "error", "gen_ai", "service", "stepguard"}


def test_the_binary_form_says_the_same() -> None:
    """Read by OpenTelemetry's own message types, also texts of any characters and numbers of any kind."""
    document = {**DOCUMENT, "answer": {"text": "naïve 🙂 \x00", "source": "LLM"}, "error": None}
    binary = ExportTraceServiceRequest.FromString(to_protobuf(to_otlp(document, texts=True, version="1.0")))
    assert binary == _read(to_otlp(document, texts=True, version="1.0"))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (ExportTraceServiceResponse(), (0, "")),
        (
            ExportTraceServiceResponse(
                partial_success=ExportTracePartialSuccess(rejected_spans=300, error_message="too old")
            ),
            (300, "too old"),
        ),
    ],
)
def test_a_binary_answer_is_read(message: ExportTraceServiceResponse, found: tuple[int, str]) -> None:
    """A collector may refuse some spans; what is no answer of OTLP is an error."""
    assert read_rejected(message.SerializeToString()) == found
    with pytest.raises(ValueError, match=r"cut|wire"):
        read_rejected(message.SerializeToString() + b"\x0a\x7f")


@pytest.mark.parametrize("chosen", ["", "http/protobuf"])
def test_a_collector_without_json_gets_binary(
    collector: tuple[type[Collector], str], monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """As Arize Phoenix, which refuses JSON: at once the second time, or if OpenTelemetry's variable says so."""
    handler, url = collector
    monkeypatch.setenv(PROTOCOL, chosen)
    handler.refused, handler.reply = "application/json", b""
    for _ in range(2):
        export(DOCUMENT, url, texts=False)
    kinds = [headers["content-type"] for _, headers, _ in handler.received]
    first = [] if chosen else ["application/json"]
    assert kinds == [*first, *["application/x-protobuf"] * 2]
    assert handler.received[-1][2] == to_protobuf(to_otlp(DOCUMENT, version=__version__))


def test_no_text_leaves_unless_it_is_requested() -> None:
    """Neither questions nor answers are in the spans."""
    assert "secret" not in json.dumps(to_otlp(DOCUMENT))
    assert json.dumps(to_otlp(DOCUMENT, texts=True)).count("secret") == 6


def test_states_of_the_same_millisecond_keep_their_order() -> None:
    """Viewers sort spans by their start."""
    together = {**DOCUMENT, "visits": [{**visit, "at": 100.0} for visit in DOCUMENT["visits"]]}
    read = _read(to_otlp(together)).resource_spans[0].scope_spans[0].spans
    spans = [span for span in read if "attempt" not in span.name]
    assert sorted(spans, key=lambda span: span.start_time_unix_nano) == spans
    assert len({span.start_time_unix_nano for span in spans}) == len(spans)


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
