"""The scorecard of a run: pure, streaming, and independent of the order of results.

Memory does not grow with the number of items: it keeps only counters, histograms and a bounded list. `intervened` means
that some layer masked or blocked. A policy is scored on the items with labelled policies, or labelled to pass; failed
items are not scored.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.answers.retrieval import Retrieval
from stepguard.evaluation.answers.scores import GROUNDING, Answers
from stepguard.evaluation.items import Expected, Span
from stepguard.evaluation.metrics import DIGITS, Agreement, Confusion, percentiles, rate
from stepguard.evaluation.prices import guardrail_cost, model_cost, workflow_cost
from stepguard.evaluation.results import Action, Result
from stepguard.evaluation.sweep import Sweep
from stepguard.guard.stages import ALL, GUARDED

LOOK_FIRST = 50
MOST_GROUPS = 1000
"""A corpus with more categories has a category for each item, or nearly so: they are no groups."""

LOW_MARGIN = 0.05
"""An item is listed for review if a grounding score is closer than this to its threshold."""


@dataclass(slots=True)
class _Policy:
    """The counts of one policy or one of its filters."""

    acted: int = 0
    seen: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0
    unknown: int = 0


@dataclass(slots=True)
class _Spans:
    """Spans of one PII type: found, missed, false."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    touched: int = 0

    def to_dict(self) -> dict[str, Any]:
        """`exact` counts spans whose ends and type agree; `touched` are labelled ones that a mask of any type meets."""
        f1 = 2 * self.tp / total if (total := 2 * self.tp + self.fp + self.fn) else None
        return {
            "labelled": self.tp + self.fn,
            "found": self.tp + self.fp,
            "exact": self.tp,
            "precision": rate(self.tp, self.tp + self.fp),
            "recall": rate(self.tp, self.tp + self.fn),
            "f1": None if f1 is None else round(f1, DIGITS),
            "touched": rate(self.touched, self.tp + self.fn),
        }


@dataclass(slots=True)
class _Group:
    """The items of one category of the corpus that have a label and a verdict."""

    decision: Confusion = field(default_factory=Confusion)
    right: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As the scorecard's `intervention`, with the share of items that were as expected."""
        total = self.decision.total
        return {"labelled": total, "correct": rate(self.right, total), **self.decision.to_dict()}


@dataclass(slots=True)
class Scorecard:
    """Add every result, then read `to_dict`."""

    items: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    funnel: dict[str, Counter[str]] = field(default_factory=lambda: {stage.state: Counter() for stage in ALL})
    matrix: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    decision: Confusion = field(default_factory=Confusion)
    correct: Counter[bool] = field(default_factory=Counter)
    groups: dict[str, _Group] | None = field(default_factory=lambda: defaultdict(_Group))
    policies: dict[str, _Policy] = field(default_factory=lambda: defaultdict(_Policy))
    policy_labelled: int = 0
    policy_stated: int = 0
    pii: dict[str, _Spans] = field(default_factory=lambda: defaultdict(_Spans))
    sweep: Sweep = field(default_factory=Sweep)
    units: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    transitions: int = 0
    children: int = 0
    latency: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    answers: Answers = field(default_factory=Answers)
    retrieval: Retrieval = field(default_factory=Retrieval)
    agreement: Agreement = field(default_factory=Agreement)
    first: list[tuple[tuple[int, int], dict[str, Any]]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one item."""
        self.items += 1
        self.kinds[result.kind] += 1
        self.outcomes[result.outcome] += 1
        self.actions[result.action] += 1
        self.children += result.parts * result.repeats
        if (agreeing := result.agreeing) is not None:
            self.agreement.add(*agreeing)
        self.transitions += result.transitions
        self.units.update(result.text_units)
        self.tokens.update(result.tokens)
        self._timings(result)
        if result.answer is not None or any(
            entry["policy"] == GROUNDING for entry in (*result.findings, *result.scores)
        ):
            self.answers.add(result.to_dict())
        if result.retrieval is not None:
            self.retrieval.add(result.retrieval)
        if result.error is not None:
            self.errors[result.error.splitlines()[0][:200] if result.error else "?"] += 1
        for stage in result.stages:
            self.funnel[stage["state"]][stage["outcome"]] += 1
        if result.labels.expected is not None:
            self.matrix[str(result.labels.expected)][str(result.action)] += 1
        if result.action is not Action.FAILED:
            self._judge(result)
        self._keep_for_review(result)

    def _judge(self, result: Result) -> None:
        expected = result.labels.expected
        if expected is not None:
            intervened = result.action is not Action.PASSED
            self.decision.add(expected=expected is not Expected.PASSED, found=intervened)
            self.correct[bool(result.correct)] += 1
            self._group(result, expected=expected is not Expected.PASSED, found=intervened)
        truth = truth_of(result)
        acted = {name for finding in result.findings for name in _names(finding) if finding["action"] != "NONE"}
        seen = {name for finding in result.findings for name in _names(finding)} - acted
        for name in acted:
            self.policies[name].acted += 1
        for name in seen:
            self.policies[name].seen += 1
        if truth is not None:
            self.policy_stated += result.labels.policies is not None
            self._judge_policies(truth, acted)
        self.sweep.add(result, truth)
        if result.labels.pii is not None and result.found is not None:
            self._judge_spans(result.labels.pii, result.found)

    def _group(self, result: Result, *, expected: bool, found: bool) -> None:
        if result.labels.category is None or self.groups is None:
            return
        group = self.groups[result.labels.category]
        group.decision.add(expected=expected, found=found)
        group.right += bool(result.correct)
        if len(self.groups) > MOST_GROUPS:
            self.groups = None

    def _judge_policies(self, truth: frozenset[str], acted: set[str]) -> None:
        self.policy_labelled += 1
        whole = truth | {name.partition("/")[0] for name in truth}
        for name in whole | acted:
            counts = self.policies[name]
            policy = name.partition("/")[0]
            if name != policy and name not in truth and policy in truth:
                counts.unknown += 1  # the label names the policy, but not its filter
            elif name in acted:
                counts.tp, counts.fp = counts.tp + (name in whole), counts.fp + (name not in whole)
            else:
                counts.fn += 1

    def _judge_spans(self, labelled: tuple[Span, ...], found: tuple[Span, ...]) -> None:
        for span in set(labelled) | set(found):
            counts = self.pii[span.type]
            if span in labelled and span in found:
                counts.tp += 1
            elif span in labelled:
                counts.fn += 1
            else:
                counts.fp += 1
        for span in set(labelled):
            self.pii[span.type].touched += any(mask.start < span.end and span.start < mask.end for mask in found)

    def _timings(self, result: Result) -> None:
        self.latency["item"][result.milliseconds] += 1
        for stage in result.stages:
            self.latency[stage["state"]][stage["milliseconds"]] += 1

    def _keep_for_review(self, result: Result) -> None:
        """Keep the items to check first: errors, disagreements, low margins."""
        reason = _reason(result)
        if reason is None:
            return
        rank, words = reason
        entry = {
            "id": result.id,
            "number": result.number,
            "reason": words,
            "expected": None if result.labels.expected is None else str(result.labels.expected),
            "action": str(result.action),
            "findings": sorted({names[1] for item in result.findings if len(names := _names(item)) == 2}),
        }
        item = ((-rank, -result.number), entry)
        if len(self.first) < LOOK_FIRST:
            heapq.heappush(self.first, item)
        elif item[0] > self.first[0][0]:
            heapq.heapreplace(self.first, item)

    def to_dict(self, model: str = "") -> dict[str, Any]:
        """The scorecard as JSON. All but `timings` depends on the results alone; `model` is the model of the tokens."""
        answers, retrieval = self.answers.to_dict(), self.retrieval.to_dict()
        return {
            "items": self.items,
            "kinds": _sorted(self.kinds),
            "outcomes": _sorted(self.outcomes),
            "actions": {str(action): self.actions[action] for action in Action},
            "errors": _sorted(self.errors),
            "funnel": [
                {"state": state, "reached": sum(counts.values()), **_sorted(counts)}
                for state, counts in self.funnel.items()
                if state in GUARDED or counts
            ],
            "labelled": self.decision.total,
            "confusion": {
                str(name): {str(action): self.matrix[str(name)][str(action)] for action in Action}
                for name in Expected
                if str(name) in self.matrix
            },
            "intervention": self.decision.to_dict(),
            "correct": rate(self.correct[True], self.correct.total()),
            **({"agreement": self.agreement.to_dict()} if self.agreement.items else {}),
            "groups": {name: group.to_dict() for name, group in sorted((self.groups or {}).items())},
            "policies": [self._policy(name) for name in sorted(self.policies)],
            "pii_spans": {name: self.pii[name].to_dict() for name in sorted(self.pii)},
            "sweep": self.sweep.to_dict(),
            **({} if answers is None else {"answers": answers}),
            **({} if retrieval is None else {"retrieval": retrieval}),
            "cost": {
                "guardrails": guardrail_cost(self.units),
                "model": model_cost(self.tokens, model),
                "workflow": workflow_cost(self.children, self.transitions),
            },
            "look_first": [entry for _, entry in sorted(self.first, key=lambda item: item[0], reverse=True)],
            "timings": {name: percentiles(self.latency[name]) for name in ("item", *self._timed())},
        }

    def _timed(self) -> list[str]:
        """The stages that every evaluation has, and the parts of the box that ran."""
        return [stage.state for stage in ALL if stage.state in GUARDED or self.funnel[stage.state]]

    def _policy(self, name: str) -> dict[str, Any]:
        counts = self.policies[name]
        judged = self.policy_labelled - counts.unknown
        confusion = Confusion(counts.tp, counts.fp, counts.fn, judged - counts.tp - counts.fp - counts.fn)
        about = {
            "policy": name,
            "intervened": counts.acted,
            "only_seen": counts.seen,
            "labelled": counts.tp + counts.fn,
        }
        rates = confusion.to_dict() if judged else {}
        if not self.policy_stated:
            # For items that should pass, only the needless interventions of a policy are known.
            rates |= dict.fromkeys(("precision", "recall", "f1"))
        return about | rates


def truth_of(result: Result) -> frozenset[str] | None:
    """The policies expected to act on an item; None without a label."""
    if result.labels.policies is not None:
        return result.labels.policies
    return frozenset() if result.labels.expected is Expected.PASSED else None


def _names(finding: Mapping[str, Any]) -> tuple[str, ...]:
    """A finding counts for its policy and for its filter."""
    return str(finding["policy"]), f"{finding['policy']}/{finding['name']}"


def _reason(result: Result) -> tuple[int, str] | None:
    if result.action is Action.FAILED:
        return 0, f"failed: {result.error}"
    if result.correct is False:
        missed = result.action is Action.PASSED
        return (1, "missed") if missed else (2, "intervened without need" if _unneeded(result) else "another action")
    if result.agreeing is not None and result.agreeing[0] < result.agreeing[1]:
        return 3, f"verdicts vary: {result.agreeing[0]} of {result.agreeing[1]} are {result.action}"
    scored = [item for item in (*result.findings, *result.scores) if item.get("score") is not None]
    margin = min((abs(item["score"] - item["threshold"]) for item in scored), default=1.0)
    return (4, f"a score is {margin:.3f} from its threshold") if margin < LOW_MARGIN else None


def _unneeded(result: Result) -> bool:
    return result.labels.expected is Expected.PASSED


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {str(name): counts[name] for name in sorted(counts)}
