"""Which answers people review: a rule that selects by outcome, policy, confidence and feedback.

Without the setting REVIEW_RULE no answer is reviewed. Each part of a rule selects alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from stepguard.guard.bedrock_names import CONFIDENCES, NONE
from stepguard.guard.errors import ConfigurationError

REVIEW_RULE = "REVIEW_RULE"
"""The setting."""

RULE_BYTES = 1_000
OUTCOMES = ("answered", "masked", "blocked", "dont_know")
"""The outcomes of a chat that a person can judge."""

POLICIES = (
    "topic", "content", "word", "sensitive_information", "contextual_grounding", "automated_reasoning",
)  # fmt: skip
"""The policies as findings name them."""

SURE = CONFIDENCES[1:]
"""The confidences of a filter that found something."""

_NAMES = 20
_NAME_CHARACTERS = 100


class Feedback(StrEnum):
    """Which feedback of a caller selects an answer: none, a thumb down, or a thumb down with a reason."""

    NONE = "none"
    DOWN = "down"
    REASON = "reason"


class Reviewed(Protocol):
    """What the rule reads of an answer."""

    @property
    def outcome(self) -> StrEnum:
        """`answered`, `masked`, `blocked`, `dont_know`, or another."""
        ...

    @property
    def verdicts(self) -> Sequence[Mapping[str, Any]]:
        """The outcome and the findings of each stage."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of selection; one without any part selects nothing.

    `policies` select what they acted on, by `policy` or `policy/name`. `confidence` selects an answer for which a
    filter found something and was at most so sure. `margin` does for a grounding score that close to its threshold.
    `percent` is the share of these that is reviewed; feedback is never left out.
    """

    outcomes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    confidence: str = ""
    margin: float = 0.0
    feedback: Feedback = Feedback.NONE
    percent: float = 100.0

    def reasons(self, execution: str, answer: Reviewed) -> tuple[str, ...]:
        """Why an answer is reviewed; empty if it is not."""
        if answer.outcome not in OUTCOMES or not self._in_share(execution):
            return ()
        return tuple(dict.fromkeys(self._reasons(answer)))

    def of_feedback(self, answer: Reviewed, *, down: bool, reason: bool) -> tuple[str, ...]:
        """Why an answer with this feedback is reviewed; empty if it is not."""
        wanted = {Feedback.NONE: False, Feedback.DOWN: down, Feedback.REASON: down and reason}[self.feedback]
        if not wanted or answer.outcome not in OUTCOMES:
            return ()
        return ("feedback down, with a reason" if reason else "feedback down",)

    def _reasons(self, answer: Reviewed) -> Iterator[str]:
        if answer.outcome in self.outcomes:
            yield f"outcome {answer.outcome}"
        for verdict in answer.verdicts:
            for finding in verdict["findings"]:
                yield from self._of_finding(finding)

    def _of_finding(self, finding: Mapping[str, Any]) -> Iterator[str]:
        policy, name = str(finding.get("policy")), f"{finding.get('policy')}/{finding.get('name')}"
        if finding.get("action") != NONE and (policy in self.policies or name in self.policies):
            yield f"policy {name}"
        sure = finding.get("confidence")
        if self.confidence and sure in SURE and SURE.index(sure) <= SURE.index(self.confidence):
            yield f"confidence {sure} of {name}"
        score, threshold = finding.get("score"), finding.get("threshold")
        if self.margin and score is not None and threshold is not None and abs(score - threshold) <= self.margin:
            yield f"score {score:g} of {name}, threshold {threshold:g}"

    def _in_share(self, execution: str) -> bool:
        """The same decision for an execution every time."""
        drawn = int(hashlib.sha256(execution.encode()).hexdigest()[:8], 16) % 1_000
        return drawn < self.percent * 10


def read_rule(source: str | Mapping[str, Any]) -> Rule:
    """The rule of a JSON text or object. Raises ConfigurationError, which names the part that is wrong."""
    document: Any = source
    if isinstance(source, str):
        try:
            document = json.loads(source)
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{REVIEW_RULE} is not JSON.") from None
    if problems := list(rule_problems(document)):
        raise ConfigurationError(" ".join(problems))
    return Rule(
        tuple(document.get("outcomes", ())),
        tuple(document.get("policies", ())),
        str(document.get("confidence", "")),
        float(document.get("margin", 0)),
        Feedback(document.get("feedback", Feedback.NONE)),
        float(document.get("percent", 100)),
    )


def rule_problems(document: object) -> Iterator[str]:
    """What is wrong with a rule, each problem as a sentence."""
    if not isinstance(document, Mapping):
        yield f"{REVIEW_RULE} must be a JSON object of {', '.join(_PARTS)}."
        return
    for part in document:
        if part not in _PARTS:
            yield f"{REVIEW_RULE} has no part '{str(part)[:80]}'; known are {', '.join(_PARTS)}."
    yield from _names_problems(document, "outcomes", OUTCOMES)
    yield from _names_problems(document, "policies", POLICIES)
    for part, known in (("confidence", SURE), ("feedback", tuple(Feedback))):
        if part in document and document[part] not in known:
            yield f"{REVIEW_RULE}.{part} must be one of {', '.join(known)}."
    for part, most in (("margin", 1), ("percent", 100)):
        value = document.get(part, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            yield f"{REVIEW_RULE}.{part} must be a number from 0 to {most}."
    if len(json.dumps(document, default=str)) > RULE_BYTES:
        yield f"{REVIEW_RULE} is longer than {RULE_BYTES:,} bytes as JSON."


def rule_schema() -> dict[str, Any]:
    """The JSON schema (draft 4) of a rule."""

    def names(item: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": item, "maxItems": _NAMES}

    properties: dict[str, Any] = {
        "outcomes": names({"enum": list(OUTCOMES)}),
        "policies": names({"type": "string", "maxLength": _NAME_CHARACTERS}),
        "confidence": {"enum": list(SURE)},
        "margin": {"type": "number", "minimum": 0, "maximum": 1},
        "feedback": {"enum": [str(name) for name in Feedback]},
        "percent": {"type": "number", "minimum": 0, "maximum": 100},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


_PARTS = ("outcomes", "policies", "confidence", "margin", "feedback", "percent")


def _names_problems(document: Mapping[str, Any], part: str, known: Sequence[str]) -> Iterator[str]:
    names = document.get(part, [])
    if not isinstance(names, list | tuple) or len(names) > _NAMES or not all(isinstance(name, str) for name in names):
        yield f"{REVIEW_RULE}.{part} must be a list of at most {_NAMES} names."
        return
    for name in names:
        head = name.partition("/")[0] if part == "policies" else name
        if head not in known or len(name) > _NAME_CHARACTERS:
            yield f"{REVIEW_RULE}.{part} has '{name[:80]}'; known are {', '.join(known)}."
