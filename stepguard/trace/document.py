"""A trace as the JSON document for the API, `--json` and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.grounding import is_ungrounded
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL
from stepguard.trace.diff import Segment, changes, mapping, text_changes
from stepguard.trace.evidence import explain_no_answer, no_answer_of
from stepguard.trace.failure import failure_of, read_failure
from stepguard.trace.model import Attempt, Trace, Visit, parsed, rounded
from stepguard.trace.reason import guardrail_of, outcome_of, reason
from stepguard.trace.totals import totals

BYTES = 2_000_000
"""The most text of inputs and outputs in a document: a Lambda response has at most 6 MB, with its body escaped."""


def to_document(
    trace: Trace, execution: str | None = None, *, data: bool = True, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`{execution, status, outcome, reason, answer, path, stages, totals, visits, ...}`.

    `names` are the guardrails' names by identifier, as far as they are known.

    Without `data`, and for visits after the first BYTES of text, `input`, `output` and `changes` are left out; `cut`
    counts those visits. The events contain all of it.
    """
    budget = BYTES if data else 0
    visits, cut = [], 0
    for visit in trace.visits:
        size = len(visit.input or "") + 2 * len(visit.output or "")
        whole = size <= budget
        budget -= size if whole else 0
        cut += not whole
        visits.append(_visit(trace, visit, data=whole, names=names or {}))
    answer = mapping(mapping(parsed(trace.output)).get("answer"))
    failure = failure_of(trace)
    return {
        "execution": execution,
        "status": trace.status,
        "outcome": outcome_of(trace),
        "reason": reason(trace, names),
        "started": None if trace.started is None else trace.started.isoformat(),
        "stopped": None if trace.stopped is None else trace.stopped.isoformat(),
        "milliseconds": rounded(trace.milliseconds),
        "error": trace.error,
        "cause": trace.cause,
        "failure": None if failure is None else failure[1].to_dict(),
        "input": parsed(trace.input) if data else None,
        "answer": {name: value for name, value in answer.items() if name != "citations" or value} or None,
        "ungrounded": is_ungrounded(mapping(parsed(trace.output))),
        "path": trace.path,
        "stages": trace.stages(),
        "totals": totals(trace),
        "visits": visits,
        "cut": cut if data else 0,
    }


def _visit(trace: Trace, visit: Visit, *, data: bool, names: Mapping[str, str]) -> dict[str, Any]:
    began = trace.started or visit.entered
    row: dict[str, Any] = {
        "index": visit.index,
        "state": visit.state,
        "type": visit.type,
        "status": visit.status,
        "outcome": visit.outcome,
        "at": rounded((visit.entered - began).total_seconds() * 1000),
        "milliseconds": rounded(visit.milliseconds),
        "events": list(visit.events),
    }
    optional: dict[str, Any] = {
        "findings": visit.findings,
        "guardrail": guardrail_of(trace, visit, names),
        "attempts": [_attempt(item) for item in visit.tries],
        "error": visit.error,
        "cause": visit.cause,
        "failure": _failure(visit.error, visit.cause),
        "parent": visit.parent,
        "branch": visit.branch,
        "items": visit.items,
        "map_run": visit.map_run,
        "truncated": visit.truncated,
        "variables": visit.variables,
    }
    if data:
        before, after = parsed(visit.input), parsed(visit.output)
        optional |= {
            "input": before,
            "output": after,
            "changes": [] if before is None or after is None else changes(before, after),
            "masked": masked(visit),
            "no_answer": _no_answer(visit),
        }
    return row | {key: value for key, value in optional.items() if value or (value == 0 and value is not False)}


def _no_answer(visit: Visit) -> dict[str, Any]:
    evidence = no_answer_of(visit)
    return {**evidence, "explanation": explain_no_answer(evidence)} if evidence else {}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    failure = _failure(attempt.error, attempt.cause)
    return attempt.to_dict() | ({"failure": failure} if failure else {})


def _failure(error: str | None, cause: str | None) -> dict[str, Any] | None:
    found = read_failure(error, cause)
    return None if found is None else found.to_dict()


def masked(visit: Visit) -> list[Segment]:
    """The parts that a layer masked: its input compared with its output; empty if it masked nothing.

    The model layer masks inside Bedrock: the history never contains the raw text.
    """
    if visit.outcome != "masked":
        return []
    document = mapping(parsed(visit.input))
    request = mapping(document.get("request"))
    result = mapping(visit.result)
    if visit.state == GUARD_INPUT.state:
        before = request.get("query") if request.get("kind") == "response" else request.get("text")
        after = result.get("text")
    elif visit.state == GUARD_ANSWER.state:
        before = mapping(document.get(INVOKE_MODEL.key) or document.get(GUARD_INPUT.key)).get("text")
        after = mapping(result.get("answer")).get("text")
    else:
        return []
    return text_changes(before, after) if isinstance(before, str) and isinstance(after, str) else []
