"""A saved page whose every text is an attack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stepguard.trace import read_history, to_document
from stepguard.trace.events import details_member
from stepguard.trace.graph import graph
from stepguard.webserver.site import single_file


def hostile_page(text: str, folder: Path) -> str:
    """The address of a page with this text in every field that a history and a definition have."""
    finding = dict.fromkeys(("policy", "name", "action", "confidence", "layer", "direction"), text)
    stage = {"outcome": text, "findings": [finding, {**finding, "action": "BLOCKED"}], "text": text, text: text}
    document = {"request": {"kind": text, "text": text, "caller": text}, "input_guard": stage, "answer": {"text": text}}
    answer = {"text": text, "outcome": text, "source": text}
    resource = {"resource": text, "resourceType": text}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("ExecutionStarted", {"input": json.dumps(document)}),
        ("TaskStateEntered", {"name": "GuardInput", "input": json.dumps({"input_guard": {text: text}})}),
        ("TaskScheduled", {**resource, "parameters": text}),
        ("TaskFailed", {"error": text, "cause": text}),
        ("TaskScheduled", resource),
        ("TaskSucceeded", {"output": json.dumps({"SdkResponseMetadata": {"RequestId": text}})}),
        (
            "TaskStateExited",
            {"name": "GuardInput", "output": json.dumps(document), "assignedVariables": {text: text}},
        ),
        ("MapStateEntered", {"name": text, "input": json.dumps(text)}),
        ("MapStateStarted", {"length": 1}),
        ("MapRunStarted", {"mapRunArn": text}),
        ("MapRunFailed", {"error": text, "cause": text}),
        ("MapStateFailed", {}),
        ("MapStateExited", {"name": text, "output": json.dumps([text, {text: text}])}),
        ("FailStateEntered", {"name": "</text><script>", "input": json.dumps(text)}),
        ("ExecutionFailed", {"error": text, "cause": text}),
    ]
    events = [
        {"id": number, "previousEventId": number - 1, "type": kind, details_member(kind): details}
        for number, (kind, details) in enumerate(steps, 1)
    ]
    trace = to_document(read_history(events), f"arn:{text}")
    trace["answer"] = answer
    trace["graph"] = graph(
        {
            "StartAt": "GuardInput",
            "States": {
                "GuardInput": {
                    "Type": text, "Comment": text, "Next": text, "Catch": [{"ErrorEquals": [text], "Next": text}],
                    "Choices": [{"Variable": text, "StringEquals": text, "Next": "</text><script>"}],
                },
                text: {"Type": "Map", "Next": "</text><script>"},
                "</text><script>": {"Type": "Fail"},
            },
        }
    )  # fmt: skip
    file = folder / "hostile.html"
    file.write_text(single_file([trace]), encoding="utf-8")
    return file.as_uri()
