"""Limits for continuous integration: `recall=0.9,content/VIOLENCE:precision=80%,bad-rows=0,cost=2`.

A limit is the least value of a metric of which more is better, and the greatest value of the others. A metric without a
value (no labelled item, no common item) keeps no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from stepguard.evaluation.items import FIXED_NAMES, POLICIES, UnknownLabel, policy_name
from stepguard.guard.errors import InvalidRequest

AGREEMENT = "repeat-agreement"
MINIMA = ("precision", "recall", "f1", "accuracy", "correct", AGREEMENT)
"""Rates that must reach their limit."""

FALSE_POSITIVES = "false-positive-rate"
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "exact-agreement": ("exact", "value"),
    "word-agreement": ("words", "mean"),
    "embedding-agreement": ("embedding", "mean"),
    "correct-answers": ("correct", "value"),
    "grounding": ("grounding", "mean"),
    "relevance": ("relevance", "mean"),
    "judge-kappa": ("labels", "kappa"),
}
"""Values of the scorecard's `answers` that must reach their limit."""

RETRIEVAL: Mapping[str, tuple[str, ...]] = {
    "hit-rate-at-1": ("hit_rate", "1", "value"),
    "hit-rate-at-3": ("hit_rate", "3", "value"),
    "hit-rate-at-5": ("hit_rate", "5", "value"),
    "hit-rate-at-10": ("hit_rate", "10", "value"),
    "reciprocal-rank": ("reciprocal_rank", "value"),
    "citation-precision": ("citation_precision", "value"),
    "citation-recall": ("citation_recall", "value"),
    "groundedness": ("grounded", "value"),
}
"""Values of the scorecard's `retrieval` that must reach their limit."""

WRONG_CURATED = "wrong-curated"
ANSWER_COUNTS = ("wrong-answers", "refused-answers")
COUNTS = ("bad-rows", "failed", *ANSWER_COUNTS, WRONG_CURATED)
"""Numbers of rows, items or answers, or their share: `bad-rows=0`, `failed=2%`."""

COST = "cost"
RUN_METRICS = (
    *MINIMA,
    FALSE_POSITIVES,
    "bad-rows",
    "failed",
    COST,
    *ANSWERS,
    *RETRIEVAL,
    *ANSWER_COUNTS,
    WRONG_CURATED,
)
CHANGES = ("newly-wrong", "newly-right", "newly-missed", "newly-needless", "changed", "missing")
"""Numbers of items of a comparison, or their share of the items that both runs have."""

BAD_ROWS_SHARE = 0.1
"""A run with more bad rows passes only if a limit permits it. One bad row is never more."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A limit, compared with the value that a run has; `text` is for people, and may hold names of others."""

    name: str
    value: float | None
    limit: str
    passed: bool
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "passed": self.passed,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit of a metric: of everything, or of the policy, filter or group in `scope`."""

    metric: str
    limit: float
    scope: str = ""
    share: bool = False
    default: bool = False

    @property
    def name(self) -> str:
        """The metric with its scope, as the option names it."""
        return f"{self.scope}:{self.metric}" if self.scope else self.metric

    def check(self, card: Mapping[str, Any]) -> Checked:
        """Compare a scorecard with the limit. Raises InvalidRequest for a scope that the run does not know."""
        if self.metric in COUNTS:
            count, total = _count(self.metric, card)
            return self._counted(count, total)
        value = self._value(card)
        if self.metric == COST:
            most = f"at most ${self.limit:g}"
            passed = value is not None and value <= self.limit
            about = "unknown, since a price is not known" if value is None else f"${value:.4f}"
            return self._checked(value, most, passed, about)
        least = self.metric in MINIMA or self.metric in ANSWERS or self.metric in RETRIEVAL
        limit = f"at {'least' if least else 'most'} {self.limit:g}"
        if value is None:
            what = "an answer" if self.metric in ANSWERS else "a label for it"
            what = "a search with it" if self.metric in RETRIEVAL else what
            what = "verdicts to compare: add --repeat N" if self.metric == AGREEMENT else what
            return self._checked(None, limit, False, f"unknown, since no item has {what}")
        return self._checked(value, limit, value >= self.limit if least else value <= self.limit, f"{value:.4f}")

    def check_changes(self, comparison: Mapping[str, Any]) -> Checked:
        """Compare the counts of a comparison with the limit."""
        counts = comparison["counts"]
        judged = counts["judged"] or self.metric in ("changed", "missing")
        return self._counted(counts[self.metric] if judged else None, comparison["both"])

    def _value(self, card: Mapping[str, Any]) -> float | None:
        if self.metric == COST:
            return cost_of(card)
        if self.metric in ANSWERS:
            return _value_at(card.get("answers"), ANSWERS[self.metric])
        if self.metric in RETRIEVAL:
            return _value_at(card.get("retrieval"), RETRIEVAL[self.metric])
        key = self.metric.replace("-", "_")
        if self.metric == AGREEMENT:
            found = card.get("agreement", {}).get("agreeing")
        elif not self.scope:
            found = card["correct"] if key == "correct" else card["intervention"][key]
        else:
            found = self._row(card).get(key)
        value: float | None = found["value"] if isinstance(found, Mapping) else found
        return value

    def _row(self, card: Mapping[str, Any]) -> Mapping[str, Any]:
        rows: dict[str, Mapping[str, Any]] = {row["policy"]: row for row in card["policies"]}
        rows |= {f"group/{name}": row for name, row in card.get("groups", {}).items()}
        if self.scope in rows:
            return rows[self.scope]
        if self.scope in (*POLICIES, *(policy_name(name) for name in FIXED_NAMES)):
            return {}  # Bedrock has this filter, but the run has neither a label nor an intervention of it
        known = ", ".join(sorted(rows)) or "none"
        raise InvalidRequest(f"{self.name}: the run has no {self.scope}. It has: {known}.")

    def _counted(self, count: int | None, total: int) -> Checked:
        value = None if count is None else count / total if self.share and total else float(count)
        most = max(1, math.floor(self.limit * total + 1e-9)) if self.default else self.limit
        if self.default:
            limit = f"at most {most} ({self.limit:.0%}, the default; another: --fail-on {self.metric}=N or N%)"
        else:
            limit = f"at most {100 * most:g}%" if self.share else f"at most {most:g}"
        if count is None or value is None:
            what = "answer has a reference" if self.metric in ANSWER_COUNTS else "item of both runs has a label"
            what = "question has sources" if self.metric == WRONG_CURATED else what
            return self._checked(None, limit, False, f"unknown, since no {what}")
        passed = count <= most if self.default or not self.share else value <= most
        return self._checked(value, limit, passed, f"{count} of {total}")

    def _checked(self, value: float | None, limit: str, passed: bool, about: str) -> Checked:
        text = f"{self.name} is {about}, {'limit' if passed else 'not'} {limit}"
        return Checked(self.name, value, limit, passed, text)


BAD_ROWS = Gate("bad-rows", BAD_ROWS_SHARE, share=True, default=True)


def gates_of(*options: str | None) -> list[Gate]:
    """Read --fail-under and --fail-on. Raises InvalidRequest for a name or a limit that means nothing."""
    return [_gate(part) for option in options for part in _parts(option or "")]


def run_gates(gates: Iterable[Gate]) -> list[Gate]:
    """The limits of a run, with the one of bad rows that holds by default."""
    chosen = [gate for gate in gates if gate.metric in RUN_METRICS]
    return chosen if any(gate.metric == BAD_ROWS.metric for gate in chosen) else [*chosen, BAD_ROWS]


def change_gates(gates: Iterable[Gate]) -> list[Gate]:
    """The limits of a comparison."""
    return [gate for gate in gates if gate.metric in CHANGES]


def cost_of(card: Mapping[str, Any]) -> float | None:
    """The dollars of guardrails, model and EXPRESS children; None if the price of the model or a policy is unknown."""
    cost = card["cost"]
    model = cost["model"]
    unpriced = [entry for entry in cost["guardrails"]["policies"].values() if entry["dollars"] is None]
    if unpriced or (model["tokens"] and model["dollars"] is None):
        return None
    compared = ((card.get("answers") or {}).get("models") or {}).values()
    if any(entry["dollars"] is None for entry in compared):
        return None
    spent = cost["guardrails"]["dollars"] + (model["dollars"] or 0) + cost["workflow"]["express_requests_dollars"]
    spent += sum(entry["dollars"] for entry in compared)
    return round(float(spent), 6)


def _count(metric: str, card: Mapping[str, Any]) -> tuple[int | None, int]:
    """A number, and that of which it is a share."""
    if metric in ANSWER_COUNTS:
        answers = card.get("answers") or {"references": 0}
        total = int(answers["references"])
        return (int(answers["grades"][metric.removesuffix("-answers")]) if total else None), total
    if metric == WRONG_CURATED:
        found = card.get("retrieval") or {"questions": 0}
        total = int(found["questions"])
        return (int(found["curated"]["wrong"]) if total else None), total
    return _bad_rows(card) if metric == "bad-rows" else _failed(card)


def _value_at(found: Any, path: Iterable[str]) -> float | None:
    """The value at a path of members; None if one is missing."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    value: float | None = found
    return value


def _bad_rows(card: Mapping[str, Any]) -> tuple[int, int]:
    bad = int(card["bad_rows"])
    return bad, int(card.get("rows") or card["items"] + card.get("not_evaluated", 0) + bad)


def _failed(card: Mapping[str, Any]) -> tuple[int, int]:
    """Items without a verdict; those that a run did not reach are among them."""
    missing = int(card.get("not_evaluated", 0))
    return int(card["actions"]["failed"]) + missing, int(card["items"]) + missing


def _parts(option: str) -> list[str]:
    """The limits between commas; a comma before the sign of equality belongs to a name."""
    parts: list[str] = []
    open_name = ""
    for piece in option.split(","):
        open_name = f"{open_name},{piece}" if open_name else piece
        if "=" in piece:
            parts.append(open_name)
            open_name = ""
    return [*parts, open_name] if open_name.strip() else parts


def _gate(text: str) -> Gate:
    name, equals, written = (part.strip() for part in text.rpartition("="))
    scope, _, metric = (part.strip() for part in name.rpartition(":"))
    metric = metric.lower().replace("_", "-")
    known = (*RUN_METRICS, *CHANGES)
    if not equals or metric not in known:
        similar = get_close_matches(metric, known, 1)
        hint = f" Did you mean {similar[0]}?" if similar else ""
        raise InvalidRequest(
            f"{text.strip()!r} is no limit. --fail-under and --fail-on take METRIC=LIMIT or NAME:METRIC=LIMIT, such as "
            f"recall=0.9; the metrics of a run are {', '.join(RUN_METRICS)}; those of a comparison are "
            f"{', '.join(CHANGES)}.{hint}"
        )
    if scope and (metric == AGREEMENT or metric not in (*MINIMA, FALSE_POSITIVES)):
        raise InvalidRequest(f"{name}: {metric} has no values by policy or group. Leave out {scope}.")
    scope = _scope(scope)
    if metric == "correct" and scope and not scope.startswith("group/"):
        raise InvalidRequest(f"{name}: correct has no values by policy. Leave out {scope}, or use recall or precision.")
    return Gate(metric, _limit(metric, written, text), scope, share=written.endswith("%") and _countable(metric))


def _countable(metric: str) -> bool:
    return metric in (*COUNTS, *CHANGES)


def _limit(metric: str, written: str, text: str) -> float:
    try:
        limit = float(written.removesuffix("%"))
    except ValueError:
        limit = math.nan
    if written.endswith("%"):
        limit /= 100
    if metric == COST:
        valid, words = 0 <= limit < math.inf and "%" not in written, "a number of US dollars"
    elif _countable(metric) and "%" not in written:
        valid, words = limit >= 0 and limit == int(limit) if math.isfinite(limit) else False, "a count, or a percentage"
    else:
        valid, words = 0 <= limit <= 1, "from 0 to 1, or a percentage"
    if not valid:
        raise InvalidRequest(f"--fail-under and --fail-on: the limit in {text.strip()!r} must be {words}.")
    return limit


def _scope(scope: str) -> str:
    """A policy, `policy/filter` or `group/NAME`. Raises InvalidRequest for one that does not exist."""
    if not scope or (scope.startswith("group/") and scope != "group/"):
        return scope
    fixed = {name.lower(): name for name in FIXED_NAMES}
    try:
        return policy_name(fixed.get(scope.lower(), scope))
    except UnknownLabel:
        similar = get_close_matches(scope.rpartition("/")[2].upper(), FIXED_NAMES, 1)
        hint = f" Did you mean {similar[0]}?" if similar else ""
        raise InvalidRequest(
            f"--fail-under and --fail-on: {scope!r} is no policy or filter. Known are {', '.join(POLICIES)}, "
            f"{', '.join(FIXED_NAMES)}, topic/NAME, sensitive_information/REGEX and group/NAME.{hint}"
        ) from None
