"""An execution on AWS as a case of tests/recorded: what went in, what each task answered, and every event.

Placeholders, as in tests/recorded/README.md, replace what differs from run to run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_TIME = re.compile(r"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_JSON_TEXTS = ("input", "output", "parameters", "result")
_LEFT_OUT = ("inputDetails", "outputDetails", "assignedVariablesDetails")


def execution_case(
    description: Mapping[str, Any], definition: str, events: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The case of an ended execution, from DescribeExecution, its definition and GetExecutionHistory."""
    arn = str(description["executionArn"])
    _, partition, _, region, account, _, machine, name = arn.split(":", 7)
    plain = [_event(event) for event in events]

    def placeholders(value: Any) -> Any:
        return _placeholders(value, region, partition)

    return {
        "language": "JSONPath",
        "context": {
            "executionName": name,
            "stateMachineName": machine,
            "accountId": account,
            "region": region,
            "partition": partition,
            "type": "STANDARD",
        },
        "definition": json.loads(definition),
        "input": json.loads(description["input"]),
        "task_outcomes": _outcomes(plain),
        "masks": [],
        "events_comparable": True,
        "concurrent": False,
        "expected": {
            "status": description["status"],
            "output": placeholders(json.loads(description.get("output") or "null")),
            "error": description.get("error"),
            "cause": description.get("cause"),
            "events": placeholders(plain),
        },
    }


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with its details under one name, its JSON texts as values."""
    details: dict[str, Any] = {}
    for key, held in event.items():
        if key.endswith("EventDetails") and isinstance(held, Mapping):
            for name, value in held.items():
                if name not in _LEFT_OUT and value is not None:
                    details[name] = _value(value) if name in _JSON_TEXTS else value
    return {
        "id": event["id"],
        "previousEventId": event.get("previousEventId", 0),
        "type": event["type"],
        "details": details,
    }


def _value(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _outcomes(events: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The outcomes of each task in their order, by the state that was entered last."""
    outcomes: dict[str, list[dict[str, Any]]] = {}
    state, resource = "", ""
    for event in events:
        kind, details = event["type"], event["details"]
        if kind.endswith("StateEntered"):
            state = details["name"]
        elif kind == "TaskScheduled":
            resource = f"{details['resourceType']}:{details['resource']}"
        elif kind in ("TaskSucceeded", "TaskFailed", "TaskTimedOut"):
            outcome = {"iteration": [], "resource": resource, "result": _RESULTS[kind]}
            outcome |= {key: details[key] for key in ("output", "error", "cause") if key in details}
            outcomes.setdefault(state, []).append(outcome)
    return outcomes


_RESULTS = {"TaskSucceeded": "succeeded", "TaskFailed": "failed", "TaskTimedOut": "timed_out"}


def _placeholders(value: Any, region: str, partition: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _placeholders(item, region, partition) for key, item in value.items()}
    if isinstance(value, list):
        return [_placeholders(item, region, partition) for item in value]
    if not isinstance(value, str):
        return value
    if _UUID.fullmatch(value):
        return "<uuid>"
    text = _TIME.sub("date", value).replace(region, "<region>")
    return text.replace(f"arn:{partition}:", "arn:<partition>:")
