"""An execution as OpenTelemetry spans, in OTLP's JSON encoding.

One span is the execution, one each visit of a state below it, and one each attempt where a state had more than one.
Ids derive from the execution's ARN, so that the same execution sent twice is the same trace. Findings are span events.
Texts are left out unless the document has them and `texts` is set. Attributes that no convention of OpenTelemetry
knows begin with `stepguard.`.
https://opentelemetry.io/docs/specs/otlp/ (JSON: ids in hexadecimal, 64-bit integers as text)
https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stepguard.guard.stages import GUARD_INPUT, GUARD_REWRITE, INVOKE_MODEL, RETRIEVE_PASSAGES, REWRITE_QUESTION
from stepguard.trace.diff import mapping

_INTERNAL, _CLIENT = 1, 3
_OK, _ERROR = 1, 2
_OPERATIONS = {
    INVOKE_MODEL.state: "chat",
    REWRITE_QUESTION.state: "chat",
    RETRIEVE_PASSAGES.state: "retrieval",
}
"""The conventions' operations of the states that call a model or a knowledge base."""
_FAILED = ("failed", "timed_out", "aborted")


def to_otlp(document: Mapping[str, Any], *, texts: bool = False, version: str = "") -> dict[str, Any]:
    """An ExportTraceServiceRequest for a trace document of `to_document`. ValueError if it has not started."""
    if document.get("started") is None:
        raise ValueError("the execution has no start time")
    resource = {"service.name": "stepguard", "service.version": version, "cloud.provider": "aws"}
    arn = str(document.get("execution") or "")
    if arn.startswith("arn:"):
        _, partition, _, region, account, *_ = arn.split(":")
        resource |= {"cloud.region": region, "cloud.account.id": account, "stepguard.partition": partition}
    spans = list(_Spans(document, texts).all())
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": {"name": "stepguard", "version": version}, "spans": spans}],
            }
        ]
    }


class _Spans:
    def __init__(self, document: Mapping[str, Any], texts: bool) -> None:
        self._document = document
        self._texts = texts
        self._arn = str(document.get("execution") or "")
        self._trace = _id(32, self._arn, str(document["started"]))
        self._start = _nanoseconds(datetime.fromisoformat(str(document["started"])))

    def all(self) -> Iterator[dict[str, Any]]:
        visits: list[Mapping[str, Any]] = list(self._document.get("visits") or ())
        end = self._start + _milliseconds(self._document.get("milliseconds"))
        for visit in visits:
            end = max(end, self._began(visit) + _milliseconds(visit.get("milliseconds")))
        yield self._root(end)
        for visit in visits:
            yield self._visit(visit)
            attempts = visit.get("attempts") or ()
            if len(attempts) > 1:
                for number, attempt in enumerate(attempts, start=1):
                    yield self._attempt(visit, attempt, number)

    def _root(self, end: int) -> dict[str, Any]:
        document = self._document
        totals = mapping(document.get("totals"))
        answer = mapping(document.get("answer"))
        conversation = mapping(mapping(mapping(document.get("input")).get("request")).get("conversation"))
        machine = _machine(self._arn)
        workflow = machine.rpartition(":")[2]
        about = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": workflow,
            "gen_ai.conversation.id": conversation.get("id"),
            "aws.step_functions.state_machine.arn": machine,
            "stepguard.execution.arn": self._arn,
            "stepguard.status": document.get("status"),
            "stepguard.outcome": document.get("outcome"),
            "stepguard.answer.source": answer.get("source"),
            "stepguard.transitions": totals.get("transitions"),
            "stepguard.retries": totals.get("retries"),
            "stepguard.usd": mapping(totals.get("usd")).get("total"),
            "error.type": document.get("error"),
        }
        if self._texts:
            about |= {
                "gen_ai.input.messages": _messages("user", _question(mapping(document.get("input")))),
                "gen_ai.output.messages": _messages("assistant", answer.get("text")),
                "stepguard.input": _json(document.get("input")),
            }
        failed = document.get("status") in ("FAILED", "TIMED_OUT", "ABORTED")
        name = f"invoke_workflow {workflow}".rstrip()
        return self._span(self._root_id, "", name, _INTERNAL, (self._start, end), about, failed=failed)

    def _visit(self, visit: Mapping[str, Any]) -> dict[str, Any]:
        start = self._began(visit)
        parent = visit.get("parent")
        about: dict[str, Any] = {
            "stepguard.state": visit["state"],
            "stepguard.state.type": visit["type"],
            "stepguard.outcome": visit.get("outcome"),
            "stepguard.attempts": len(visit.get("attempts") or ()) or None,
            "stepguard.branch": visit.get("branch"),
            "aws.bedrock.guardrail.id": mapping(visit.get("guardrail")).get("id"),
            "stepguard.guardrail.version": mapping(visit.get("guardrail")).get("version"),
            "error.type": visit.get("error"),
        }
        name, kind = str(visit["state"]), _INTERNAL
        if operation := _OPERATIONS.get(name):
            name, kind = operation, _CLIENT
            about |= {"gen_ai.operation.name": operation, "gen_ai.provider.name": "aws.bedrock"}
        if visit["state"] == INVOKE_MODEL.state:
            about |= self._model(visit)
        if self._texts:
            about |= {"stepguard.input": _json(visit.get("input")), "stepguard.output": _json(visit.get("output"))}
        end = start + _milliseconds(visit.get("milliseconds"))
        span = self._span(
            self._visit_id(visit["index"]),
            self._root_id if parent is None else self._visit_id(parent),
            name,
            kind,
            (start, end),
            about,
            failed=visit.get("status") in _FAILED,
        )
        findings = [
            {"timeUnixNano": str(end), "name": "stepguard.finding", "attributes": _attributes(_finding(finding))}
            for finding in visit.get("findings") or ()
        ]
        return span | ({"events": findings} if findings else {})

    def _model(self, visit: Mapping[str, Any]) -> dict[str, Any]:
        """What the model's state says in the words of the conventions."""
        result = mapping(INVOKE_MODEL.result(mapping(visit.get("output"))))
        tokens = mapping(result.get("tokens") or mapping(self._document.get("totals")).get("tokens"))
        reason = result.get("stop_reason")
        about: dict[str, Any] = {
            "gen_ai.usage.input_tokens": tokens.get("input"),
            "gen_ai.usage.output_tokens": tokens.get("output"),
            "gen_ai.response.finish_reasons": [str(reason)] if reason else None,
        }
        if self._texts:
            about |= {
                "gen_ai.input.messages": _messages("user", _question(mapping(visit.get("input")))),
                "gen_ai.output.messages": _messages("assistant", result.get("text"), reason),
            }
        return about

    def _attempt(self, visit: Mapping[str, Any], attempt: Mapping[str, Any], number: int) -> dict[str, Any]:
        start = _nanoseconds(datetime.fromisoformat(attempt["scheduled"]))
        about = {
            "stepguard.attempt": number,
            "stepguard.waited_ms": attempt.get("waited"),
            "aws.request_id": attempt.get("request_id"),
            "stepguard.resource": attempt.get("resource"),
            "error.type": attempt.get("error"),
        }
        end = start + _milliseconds(attempt.get("queued")) + _milliseconds(attempt.get("milliseconds"))
        identifier = _id(16, self._arn, f"{visit['index']}.{number}")
        parent = self._visit_id(visit["index"])
        failed = attempt.get("outcome") in _FAILED
        return self._span(identifier, parent, f"attempt {number}", _CLIENT, (start, end), about, failed=failed)

    def _span(
        self,
        identifier: str,
        parent: str,
        name: str,
        kind: int,
        times: tuple[int, int],
        about: Mapping[str, Any],
        *,
        failed: bool,
    ) -> dict[str, Any]:
        span = {
            "traceId": self._trace,
            "spanId": identifier,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(times[0]),
            "endTimeUnixNano": str(max(times)),
            "attributes": _attributes(about),
            "status": {"code": _ERROR} if failed else {"code": _OK},
        }
        return span | ({"parentSpanId": parent} if parent else {})

    @property
    def _root_id(self) -> str:
        return _id(16, self._arn, "execution")

    def _visit_id(self, index: int) -> str:
        return _id(16, self._arn, f"visit {index}")

    def _began(self, visit: Mapping[str, Any]) -> int:
        """A history has whole milliseconds; the microseconds keep the order of states that began in the same one."""
        return self._start + _milliseconds(visit.get("at")) + min(int(visit["index"]), 999) * 1000


def _machine(execution: str) -> str:
    """The ARN of an execution's state machine; empty if it is no ARN of an execution."""
    parts = execution.split(":")
    if len(parts) < 8 or parts[5] != "execution":
        return ""
    return ":".join([*parts[:5], "stateMachine", parts[6]])


def _question(document: Mapping[str, Any]) -> Any:
    """The question that the model got, or the one of the request where no layer has passed it on yet."""
    guarded = GUARD_REWRITE.result(document) or GUARD_INPUT.result(document) or document.get("request")
    return mapping(guarded).get("text")


def _messages(role: str, text: Any, reason: Any = None) -> str | None:
    """One message as JSON, in the shape of the conventions' gen_ai.input.messages and gen_ai.output.messages."""
    if not isinstance(text, str):
        return None
    message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": text}]}
    return _json([message | ({"finish_reason": str(reason)} if reason else {})])


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {f"stepguard.finding.{name}": value for name, value in finding.items()}


def _id(length: int, *parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:length]


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000


def _milliseconds(value: Any) -> int:
    return round(value * 1_000_000) if isinstance(value, (int, float)) else 0


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OTLP's list of keys and typed values; None is left out."""
    listed = []
    for key, value in values.items():
        if value is None or value == "":
            continue
        if isinstance(value, bool):
            typed: dict[str, Any] = {"boolValue": value}
        elif isinstance(value, int):
            typed = {"intValue": str(value)}
        elif isinstance(value, float):
            typed = {"doubleValue": value}
        elif isinstance(value, list):
            typed = {"arrayValue": {"values": [{"stringValue": str(item)} for item in value]}}
        else:
            typed = {"stringValue": str(value)}
        listed.append({"key": key, "value": typed})
    return listed
