"""One normal form for a guardrail's decision.

ApplyGuardrail reports `GUARDRAIL_INTERVENED`, InvokeModel and RetrieveAndGenerate report `INTERVENED`, Converse reports
`stopReason: guardrail_intervened`. All of them report the same for a block and for a mask; only the assessments
distinguish the two. `stepguard.guard.vocabularies` reads the four wire forms into a `Verdict`.

Wire shapes: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stepguard.guard.automated_reasoning import AUTOMATED_REASONING, blocks, entries_of
from stepguard.guard.bedrock_names import ANONYMIZED, BLOCKED, NONE
from stepguard.guard.stages import Direction, Layer, Outcome

DEFAULT_BLOCKED_MESSAGE = "Sorry, the model cannot answer this question."
"""Bedrock's own default message, for a block without a message."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One detection of a policy. It never contains the matched text.

    `action` is BLOCKED, ANONYMIZED or NONE (detected, but the guardrail only reports it). `rules` are the identifiers
    of the rules that automated reasoning used, `warning` its logic warning, and `confidence` that of its translation.
    """

    policy: str
    name: str
    action: str
    layer: Layer
    direction: Direction
    confidence: str | None = None
    score: float | None = None
    threshold: float | None = None
    rules: tuple[str, ...] = ()
    warning: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON, without the members that do not apply to its policy."""
        optional = {
            "confidence": self.confidence,
            "score": self.score,
            "threshold": self.threshold,
            "rules": list(self.rules) or None,
            "warning": self.warning,
        }
        return {
            "policy": self.policy,
            "name": self.name,
            "action": self.action,
            **{key: value for key, value in optional.items() if value is not None},
            "layer": str(self.layer),
            "direction": str(self.direction),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """A layer's decision on a text.

    `text` is the text for the next state: the original, the masked text, or empty after a block. `message` is the
    guardrail's own answer after a block. `text_units` counts billed units by policy. `scores` are the values of content
    filters and grounding below their limits; only evaluations request them.
    """

    outcome: Outcome
    text: str = ""
    message: str | None = None
    findings: tuple[Finding, ...] = ()
    text_units: Mapping[str, int] = field(default_factory=dict)
    scores: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether the layer blocked the text."""
        return self.outcome is Outcome.BLOCKED

    def to_dict(self) -> dict[str, Any]:
        """The part of the verdict that every stage writes into the execution document."""
        return {
            "outcome": str(self.outcome),
            "findings": [finding.to_dict() for finding in self.findings],
            "text_units": dict(self.text_units),
            "scores": [score.to_dict() for score in self.scores],
        }


def skipped(text: str) -> Verdict:
    """The verdict of a layer that is not configured, or that had no text to check."""
    return Verdict(Outcome.SKIPPED, text)


def decide(*, intervened: bool, findings: Sequence[Finding], masked_text: str | None) -> Outcome:
    """Decide between block, mask and pass.

    Blocked: any finding anywhere with action BLOCKED, or an intervention that is not provably masking only. Masked:
    something was anonymised, nothing else acted, and the response contains the masked text. Everything else passed.
    """
    acting = {finding.action for finding in findings} - {NONE}
    if not acting and not intervened:
        return Outcome.PASSED
    if acting == {ANONYMIZED} and masked_text is not None:
        return Outcome.MASKED
    return Outcome.BLOCKED


def block_reasoning(verdict: Verdict, kinds: Collection[str]) -> Verdict:
    """The verdict if findings of automated reasoning of these kinds block.

    Bedrock did not block then, so there is no message of the guardrail: its text is the text that was judged.
    """
    findings = tuple(
        replace(finding, action=BLOCKED)
        if finding.policy == AUTOMATED_REASONING and blocks(finding.name, kinds)
        else finding
        for finding in verdict.findings
    )
    if findings == verdict.findings:
        return verdict
    message = verdict.message if verdict.blocked else None
    return replace(verdict, outcome=Outcome.BLOCKED, text="", message=message, findings=findings)


def merge(verdicts: Sequence[Verdict], text: str) -> Verdict:
    """Several verdicts on the parts of one text, or of several guards in a row: the worst outcome wins.

    `text` is the whole text for the next state if no layer blocked.
    """
    outcome = max((verdict.outcome for verdict in verdicts), key=list(Outcome).index, default=Outcome.SKIPPED)
    message = next((verdict.message for verdict in verdicts if verdict.blocked), None)
    units: Counter[str] = Counter()
    for verdict in verdicts:
        units.update(verdict.text_units)
    findings = tuple(dict.fromkeys(finding for verdict in verdicts for finding in verdict.findings))
    scores = tuple(dict.fromkeys(score for verdict in verdicts for score in verdict.scores))
    return Verdict(outcome, "" if outcome is Outcome.BLOCKED else text, message, findings, dict(units), scores)


def findings_of(assessments: Iterable[Mapping[str, Any]], layer: Layer, direction: Direction) -> tuple[Finding, ...]:
    """Every detected entry of every policy of every assessment.

    With outputScope FULL an assessment also lists what was not detected (`detected: false`).
    """
    return _listed(assessments, layer, direction, detected=True)


def scores_of(assessments: Iterable[Mapping[str, Any]], layer: Layer, direction: Direction) -> tuple[Finding, ...]:
    """The scores of content filters and grounding that stayed below their limits; only outputScope FULL lists them."""
    undetected = _listed(assessments, layer, direction, detected=False)
    return tuple(entry for entry in undetected if entry.confidence is not None or entry.score is not None)


def _listed(
    assessments: Iterable[Mapping[str, Any]], layer: Layer, direction: Direction, *, detected: bool
) -> tuple[Finding, ...]:
    found = []
    for assessment in assessments:
        for policy, name, entry in _entries(assessment):
            action = str(entry.get("action", "NONE"))
            if (action == "NONE" and entry.get("detected") is False) is detected:
                continue
            found.append(
                Finding(
                    policy,
                    name,
                    action,
                    layer,
                    direction,
                    confidence=entry.get("confidence"),
                    score=entry.get("score"),
                    threshold=entry.get("threshold"),
                    rules=entry.get("rules", ()),
                    warning=entry.get("warning"),
                )
            )
    return tuple(dict.fromkeys(found))


# The place of each policy's entries in an assessment, and the member that names an entry without quoting the text.
_POLICIES: dict[str, tuple[str, dict[str, str]]] = {
    "topicPolicy": ("topic", {"topics": "name"}),
    "contentPolicy": ("content", {"filters": "type"}),
    "wordPolicy": ("word", {"customWords": "", "managedWordLists": "type"}),
    "sensitiveInformationPolicy": ("sensitive_information", {"piiEntities": "type", "regexes": "name"}),
    "contextualGroundingPolicy": ("contextual_grounding", {"filters": "type"}),
}
_NO_ENTRIES = {"invocationMetrics", "appliedGuardrailDetails"}


def _entries(assessment: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for key, section in assessment.items():
        if key in _NO_ENTRIES:
            continue
        if key == "automatedReasoningPolicy":
            yield from ((AUTOMATED_REASONING, name, entry) for name, entry in entries_of(section))
        if key not in _POLICIES:
            yield from ((key, key, entry) for entry in _acting_entries(section))
            continue
        policy, lists = _POLICIES[key]
        for list_name, entries in (section or {}).items():
            if list_name not in lists:
                yield from ((policy, list_name, entry) for entry in _acting_entries(entries))
                continue
            for entry in entries or ():
                name = entry.get(lists[list_name]) if lists[list_name] else None
                yield policy, str(name or _UNNAMED.get(list_name, list_name)), entry


_UNNAMED = {"customWords": "custom word", "regexes": "regex"}


def _acting_entries(value: Any) -> Iterator[Mapping[str, Any]]:
    """Entries with an action in a policy or list that this release does not know: a block there counts as a block."""
    if isinstance(value, Mapping):
        if isinstance(value.get("action"), str):
            yield {"action": value["action"]}
        for item in value.values():
            yield from _acting_entries(item)
    elif isinstance(value, list):
        for item in value:
            yield from _acting_entries(item)
