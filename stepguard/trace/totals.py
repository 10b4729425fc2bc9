"""The time and cost of an execution.

A STANDARD workflow pays for each state transition: every state entered, every retry, every redrive
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html). Prices are those of
`stepguard.evaluation.prices` and leave out free tiers, Lambda and the model, whose price varies by model: only its
tokens are counted.
"""

from __future__ import annotations

from typing import Any

from stepguard.evaluation.prices import guardrail_cost, transitions_cost
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL, Stage
from stepguard.trace.diff import mapping
from stepguard.trace.model import Trace, rounded


def totals(trace: Trace) -> dict[str, Any]:
    """`{wall, guards, model, waiting, orchestration, transitions, retries, redrives, events, text_units, tokens, usd}`.

    Times are milliseconds. `waiting` is the retries' back-off, `orchestration` the rest of the time; None while the
    execution runs.
    """
    guards = _spent(trace, GUARD_INPUT, GUARD_ANSWER)
    model = _spent(trace, INVOKE_MODEL)
    waiting = sum(item.waited or 0 for visit in trace.visits for item in visit.tries)
    retries = sum(max(visit.attempts - 1, 0) for visit in trace.visits)
    transitions = len(trace.visits) + retries + trace.redrives
    units: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for visit in trace.visits:
        result = visit.result or {}
        _add(units, result.get("text_units"))
        _add(tokens, result.get("tokens"))
    wall = trace.milliseconds
    # Branches of a Parallel or Map run in parallel: the sum of their times may exceed the wall time.
    rest = None if wall is None else max(wall - guards - model - waiting, 0.0)
    guarded = float(guardrail_cost(units)["dollars"])
    moved = transitions_cost(transitions)
    return {
        "wall": rounded(wall),
        "guards": rounded(guards),
        "model": rounded(model),
        "waiting": rounded(waiting),
        "orchestration": rounded(rest),
        "transitions": transitions,
        "retries": retries,
        "redrives": trace.redrives,
        "events": trace.events,
        "text_units": units,
        "tokens": tokens,
        "usd": {
            "transitions": round(moved, 8),
            "guardrails": round(guarded, 8),
            "total": round(moved + guarded, 8),
        },
    }


def _spent(trace: Trace, *stages: Stage) -> float:
    """The time of the attempts of some stages: without the waits between them."""
    states = [stage.state for stage in stages]
    visits = [visit for visit in trace.visits if visit.state in states and visit.milliseconds is not None]
    return sum((visit.milliseconds or 0) - sum(item.waited or 0 for item in visit.tries) for visit in visits)


def _add(sums: dict[str, int], counts: object) -> None:
    for name, count in mapping(counts).items():
        if isinstance(count, int) and not isinstance(count, bool):
            sums[name] = sums.get(name, 0) + count
