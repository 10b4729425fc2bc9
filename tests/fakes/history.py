"""Histories of one execution: the events of stages, written in order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from stepguard.trace.events import details_member

SECRET = "Ann Lee has diabetes"
REQUEST = {"kind": "prompt", "text": f"{SECRET}, ann@x.example", "caller": "me"}
EMAIL = {"policy": "sensitive_information", "name": "EMAIL", "action": "ANONYMIZED", "layer": "preprocess"}
ATTACK = {
    "policy": "content", "name": "PROMPT_ATTACK", "action": "BLOCKED", "confidence": "HIGH", "layer": "preprocess",
    "direction": "INPUT",
}  # fmt: skip
REF = {"id": "g", "version": "7"}
GROUNDING = {
    "policy": "contextual_grounding", "name": "GROUNDING", "action": "BLOCKED", "score": 0.42, "threshold": 0.7,
    "layer": "model", "direction": "OUTPUT",
}  # fmt: skip


class History:
    """Events of one execution, written in order, ten milliseconds apart."""

    def __init__(self, request: dict[str, Any] | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.document: dict[str, Any] = {"request": request or REQUEST}
        self.add("ExecutionStarted", input=json.dumps(self.document))

    def add(self, kind: str, **details: Any) -> History:
        """One event that follows the one before."""
        number = len(self.events) + 1
        held = {details_member(kind): details} if details else {}
        previous = 0 if number < 3 else number - 1
        moment = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(milliseconds=10 * number)
        self.events.append({"id": number, "previousEventId": previous, "type": kind, "timestamp": moment, **held})
        return self

    def stage(
        self, state: str, key: str, errors: tuple[str, ...] = (), within: str | None = None, **result: Any
    ) -> History:
        """A Task that fails as often as there are errors and then writes its result, if given into another member."""
        self.add("TaskStateEntered", name=state, input=json.dumps(self.document))
        for error in errors:
            self.add("TaskScheduled", resourceType="lambda", resource="invoke").add("TaskStarted")
            self.add("TaskFailed", error=error, cause=SECRET)
        self.add("TaskScheduled", resourceType="lambda", resource="invoke").add("TaskStarted")
        output = {
            "StatusCode": 200,
            "Payload": result,
            "SdkResponseMetadata": {"RequestId": "r-1"},
            "SdkHttpMetadata": {},
        }
        self.add("TaskSucceeded", output=json.dumps(output))
        written = {key: {"findings": [], "text_units": {}, **result}}
        self.document = {**self.document, **(written if within is None else {within: written})}
        return self.add("TaskStateExited", name=state, output=json.dumps(self.document))

    def ends(self, **answer: Any) -> History:
        """The execution succeeds with this answer."""
        document = {**self.document, "answer": answer} if answer else self.document
        return self.add("ExecutionSucceeded", output=json.dumps(document))


def blocked_in_front(**request: Any) -> History:
    """The input layer blocked."""
    history = History({**REQUEST, **request}).stage("GuardInput", "input_guard", outcome="blocked", findings=[ATTACK])
    return history.ends(text="No.", outcome="blocked", source="PREPROCESS GUARDRAIL")


def masked_question() -> History:
    """The input layer masked an address, after one throttled attempt."""
    history = History().stage(
        "GuardInput", "input_guard", ("Throttled",), outcome="masked", findings=[EMAIL], text=f"{SECRET}, {{EMAIL}}",
        text_units={"contentPolicyUnits": 2},
    )  # fmt: skip
    history.stage("InvokeModel", "model", outcome="passed", text="Take care.", tokens={"input": 3, "output": 4})
    history.stage("GuardAnswer", "answer_guard", outcome="passed")
    return history.ends(text="Take care.", outcome="masked", source="LLM")
