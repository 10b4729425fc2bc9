"""Compares two executions: the differences in path, verdicts, input and answer."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from stepguard.guard.stages import STAGES
from stepguard.trace.diff import changes, mapping, text_changes

STATES = 2_000
"""More visits than this are not aligned; the paths are compared from their beginnings."""


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two documents of `to_document`.

    `{same, outcome, reason, milliseconds, usd: [first, second], guardrails: [{state, layer, used: [first, second],
    same}], path: [{state, first, second, ...}], input: changes, answer: segments}`. A row of `path` has the indexes of
    the visits, None if one did not pass the state, and for a state that both passed the differences: `outcome`,
    `findings` {only_first, only_second}, `error`.
    """
    rows = _rows(first, second)
    one, two = mapping(first.get("answer")), mapping(second.get("answer"))
    outcome = [first["outcome"], second["outcome"]]
    answer = text_changes(str(one.get("text") or ""), str(two.get("text") or ""))
    return {
        "executions": [first.get("execution"), second.get("execution")],
        "same": outcome[0] == outcome[1]
        and not any(row["differs"] for row in rows)
        and all(s[0] == "=" for s in answer),
        "outcome": outcome,
        "reason": [first["reason"], second["reason"]],
        "milliseconds": [first["milliseconds"], second["milliseconds"]],
        "usd": [first["totals"]["usd"]["total"], second["totals"]["usd"]["total"]],
        "guardrails": _guardrails(first, second),
        "path": rows,
        "input": changes(first.get("input"), second.get("input")),
        "answer": answer,
    }


def _guardrails(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The guardrails that each guarded stage of the two used; None where the stage was not reached, has no guardrail,
    or the history does not name it. They are the same unless both are known and differ."""
    one, two = (
        {visit["state"]: visit["guardrail"] for visit in side["visits"] if visit.get("guardrail")}
        for side in (first, second)
    )
    return [
        {
            "state": stage.state,
            "layer": str(stage.layer),
            "used": [one.get(stage.state), two.get(stage.state)],
            "same": stage.state not in one or stage.state not in two or one[stage.state] == two[stage.state],
        }
        for stage in STAGES
        if stage.state in one or stage.state in two
    ]


def _rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    one, two = first["visits"], second["visits"]
    names = [visit["state"] for visit in one], [visit["state"] for visit in two]
    if max(len(one), len(two)) > STATES:
        pairs = [(i if i < len(one) else None, i if i < len(two) else None) for i in range(max(len(one), len(two)))]
        aligned = [
            pair
            for i, j in pairs
            for pair in ([(i, j)] if None in (i, j) or names[0][i or 0] == names[1][j or 0] else [(i, None), (None, j)])
        ]
    else:
        aligned = []
        for op, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
            if op == "equal":
                aligned += list(zip(range(a, b), range(c, d), strict=True))
            else:
                aligned += [(i, None) for i in range(a, b)] + [(None, j) for j in range(c, d)]
    return [_row(None if i is None else one[i], None if j is None else two[j]) for i, j in aligned]


def _row(one: Mapping[str, Any] | None, two: Mapping[str, Any] | None) -> dict[str, Any]:
    named = one or two or {}
    row: dict[str, Any] = {
        "state": named["state"],
        "first": None if one is None else one["index"],
        "second": None if two is None else two["index"],
        "milliseconds": [visit and visit["milliseconds"] for visit in (one, two)],
    }
    if one is None or two is None:
        return row | {"differs": True}
    verdicts = [one.get("outcome"), two.get("outcome")]
    errors = [one.get("error"), two.get("error")]
    only_first = [found for found in one.get("findings", []) if found not in two.get("findings", [])]
    only_second = [found for found in two.get("findings", []) if found not in one.get("findings", [])]
    tries = [len(one.get("attempts", [])), len(two.get("attempts", []))]
    return row | {
        "outcome": verdicts,
        "error": errors,
        "attempts": tries,
        "findings": {"only_first": only_first, "only_second": only_second},
        "differs": verdicts[0] != verdicts[1] or errors[0] != errors[1] or bool(only_first or only_second),
    }
