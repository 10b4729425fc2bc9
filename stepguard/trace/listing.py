"""Executions in a list: the result of each, and filters.

ListExecutions returns names, statuses and times, but no answers: each execution's output contains its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.stages import STAGES
from stepguard.trace.diff import mapping
from stepguard.trace.model import rounded

QUESTION_CHARACTERS = 200
OUTCOMES = (*map(str, AnswerOutcome), "running", "succeeded")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters; None matches all. `stage` is the stage that intervened or in which the execution failed."""

    outcome: str | None = None
    stage: str | None = None
    policy: str | None = None
    since: datetime | None = None
    text: str | None = None

    def match(self, summary: Mapping[str, Any]) -> bool:
        """Whether an execution's summary matches. The lister applies `since`."""
        if self.outcome is not None and summary["outcome"] != self.outcome:
            return False
        if self.stage is not None and self.stage not in summary["stages"]:
            return False
        if self.policy is not None and self.policy not in (item["policy"] for item in summary["findings"]):
            return False
        wanted = (self.text or "").casefold()
        return not wanted or any(
            wanted in str(summary[key] or "").casefold() for key in ("name", "question", "error", "outcome")
        )


def summarize(
    arn: str,
    status: str,
    started: datetime,
    stopped: datetime | None,
    document: Mapping[str, Any],
    output: Mapping[str, Any] | None,
    error: str | None,
) -> dict[str, Any]:
    """`{execution, name, status, outcome, question, caller, unguarded, stages, findings, started, milliseconds,
    error}`.

    `unguarded` is true if no layer judged the text. `stages` are those that intervened, `findings` those that acted
    there. `document` is the execution's input.
    """
    held = mapping(output)
    request = mapping(document.get("request"))
    stages, findings, outcomes = [], [], []
    for stage in STAGES:
        result = mapping(held.get(stage.key))
        outcomes += [result["outcome"]] if "outcome" in result else []
        acted = [
            {name: item.get(name) for name in ("policy", "name", "action", "confidence")}
            for item in result.get("findings") or ()
            if isinstance(item, Mapping) and item.get("action") != "NONE"
        ]
        if acted or result.get("outcome") in ("blocked", "masked"):
            stages.append(stage.state)
            findings += acted
    text = request.get("query") or request.get("text")
    return {
        "execution": arn,
        "name": arn.rpartition(":")[2],
        "status": status,
        "outcome": _outcome(status, held),
        "question": text[:QUESTION_CHARACTERS] if isinstance(text, str) else None,
        "caller": request.get("caller") if isinstance(request.get("caller"), str) else None,
        "unguarded": bool(outcomes) and set(map(str, outcomes)) == {"skipped"},
        "stages": stages,
        "findings": findings,
        "started": started.isoformat(),
        "milliseconds": None if stopped is None else rounded((stopped - started).total_seconds() * 1000),
        "error": error,
    }


def _outcome(status: str, output: Mapping[str, Any]) -> str:
    outcome = mapping(output.get("answer")).get("outcome")
    if isinstance(outcome, str):
        return outcome
    return {"RUNNING": "running", "PENDING_REDRIVE": "running", "SUCCEEDED": "succeeded"}.get(status, "unavailable")
