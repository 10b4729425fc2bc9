"""A line of an evaluation's results as a trace: its children are EXPRESS executions, which have no history.

The line holds each guard stage with verdict, findings, milliseconds and attempts; other values stay None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import CONTEXT, STAGE_OF, Part
from stepguard.trace.diff import mapping
from stepguard.trace.events import EPOCH
from stepguard.trace.model import Attempt, Trace, Visit


def is_result(document: object) -> bool:
    """Whether a JSON document is a line of results.jsonl."""
    return isinstance(document, Mapping) and isinstance(document.get("stages"), list) and "outcome" in document


def read_result(line: Mapping[str, Any]) -> Trace:
    """The trace of one item. Raises InvalidRequest if its stages are malformed."""
    visits: list[Visit] = []
    at = EPOCH
    for stage in line["stages"]:
        state, spent = mapping(stage).get("state"), mapping(stage).get("milliseconds")
        if not isinstance(state, str) or not (spent is None or isinstance(spent, int | float)):
            raise InvalidRequest("The line's stages are not those of an evaluation's results.")
        error = stage.get("error") if isinstance(stage.get("error"), str) else None
        found = {"outcome": stage.get("outcome"), "findings": stage.get("findings")}
        known = STAGE_OF.get(state)
        written: dict[str, Any] = {known.key if known else state: found}
        if isinstance(known, Part):
            written = {CONTEXT: written}
        tries = stage.get("attempts")
        count = tries if isinstance(tries, int) and 0 < tries < 100 else 1
        attempts = [Attempt("failed", at)] * (count - 1) + [
            Attempt("failed" if error else "succeeded", at, error=error)
        ]
        visits.append(
            Visit(
                state, "Task", at, spent, "failed" if error else "succeeded", tuple(attempts), error,
                index=len(visits), output=json.dumps(written),
            )
        )  # fmt: skip
        at += timedelta(milliseconds=spent or 0)
    failed = isinstance(line.get("error"), str)
    answer = {"outcome": line.get("outcome"), "source": line.get("source")}
    spent = line.get("milliseconds")
    return Trace(
        tuple(visits),
        "FAILED" if failed else "SUCCEEDED",
        float(spent) if isinstance(spent, int | float) else None,
        line["error"] if failed else None,
        output=None if failed else json.dumps({"answer": answer}),
        started=EPOCH,
    )
