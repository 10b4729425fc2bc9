"""A trace's document without texts of people and models.

A list names the strings to keep, all others are hidden: another workflow may have texts in unknown places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_KEPT = frozenset({"outcome", "source", "kind", "stop_reason", "Error"})
"""Members of execution documents whose strings are names defined by stepguard or AWS."""

_WORD = re.compile(r"[A-Za-z0-9_. -]{1,60}")
_MASK = re.compile(r"\s*\{[A-Za-z0-9_ -]+\}\s*")


def redact(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of `to_document` with every text of an input, output, change, answer or cause hidden.

    Structure, numbers, verdicts, findings, states, times and error names stay.
    """
    answer = document.get("answer")
    hidden = {
        "input": redact_value(document.get("input")),
        "answer": redact_value(answer) if isinstance(answer, Mapping) else None,
        "cause": redact_text(document.get("cause")),
        "failure": _failure(document.get("failure")),
        "visits": [_visit(visit) for visit in document["visits"]],
        "redacted": True,
    }
    if isinstance(item := document.get("item"), Mapping):  # of an evaluation
        hidden["item"] = {**item, "excerpt": redact_text(item.get("excerpt"))}
    return {**document, **hidden}


_EVENT_KEPT = frozenset(
    {
        "type",
        "timestamp",
        "name",
        "resource",
        "resourceType",
        "region",
        "error",
        "mapRunArn",
        "stateMachineArn",
        "roleArn",
    }
)
"""Members of a history's event whose strings are no texts of people or models."""


def redact_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of GetExecutionHistory with every input, output, parameter and cause hidden."""
    return {
        key: redact_event(value) if isinstance(value, Mapping) else value if key in _EVENT_KEPT else redact_value(value)
        for key, value in event.items()
    }


def _visit(visit: Mapping[str, Any]) -> dict[str, Any]:
    hidden: dict[str, Any] = {key: redact_value(visit[key]) for key in ("input", "output", "variables") if key in visit}
    if "attempts" in visit:
        hidden["attempts"] = [_causes(item) for item in visit["attempts"]]
    if "changes" in visit:
        hidden["changes"] = [_change(item) for item in visit["changes"]]
    if "no_answer" in visit:
        hidden["no_answer"] = {**visit["no_answer"], "said": redact_text(visit["no_answer"].get("said"))}
    if "masked" in visit:
        hidden["masked"] = [
            [op, text if op == "+" and _MASK.fullmatch(text) else redact_text(text)] for op, text in visit["masked"]
        ]
    return {**_causes(visit), **hidden}


def _causes(item: Mapping[str, Any]) -> dict[str, Any]:
    """A visit or attempt with its cause hidden, also in the failure that was read from it."""
    hidden: dict[str, Any] = {}
    if "cause" in item:
        hidden["cause"] = redact_text(item["cause"])
    if "failure" in item:
        hidden["failure"] = _failure(item["failure"])
    return {**item, **hidden}


def _failure(failure: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Type and stack stay: code, not data. Only the messages of stepguard's errors contain no text of a person."""
    if failure is None or failure.get("safe") or "message" not in failure:
        return None if failure is None else dict(failure)
    return {**failure, "message": redact_text(failure["message"])}


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    key = str(change["path"]).rpartition("/")[2]
    return {name: _of_member(key, value) if name in ("value", "before") else value for name, value in change.items()}


def redact_value(value: Any) -> Any:
    """A JSON value with its strings hidden, except stepguard's names."""
    if isinstance(value, Mapping):
        if _is_finding(value):
            return dict(value)
        return {key: _of_member(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_value(item) for item in value]
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: Any) -> Any:
    """The length of a text, to replace the text."""
    return f"‹{len(text)} characters›" if isinstance(text, str) and text else text


def _of_member(key: str, value: Any) -> Any:
    if key in _KEPT and isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return redact_value(value)


def _is_finding(value: Mapping[str, Any]) -> bool:
    """Findings contain policies, never matched texts, but only in the form that this project writes."""
    if not {"policy", "name", "action", "layer"} <= set(value):
        return False
    rules = value.get("rules", [])
    if not isinstance(rules, list):
        return False
    members = [*(item for name, item in value.items() if name != "rules"), *rules]
    return all(len(item) <= 100 if isinstance(item, str) else not isinstance(item, list | dict) for item in members)
