"""`stepguard guardrail test --scores`: the score of each policy of the embedded Bedrock on a text, and the effect of
each filter strength. Amazon Bedrock returns no scores, so this does not work for an account's guardrails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.bedrock.detection import LocalDetection
from embedded_aws.bedrock.policies.base import action, enabled
from embedded_aws.bedrock.policies.content import acts, modalities
from stepguard.guard.bedrock_names import PROMPT_ATTACK, STRENGTHS
from stepguard.guard.stages import Direction


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one entry of a guardrail: `score` from 0 to 1 (None for policies that match or do not), `found` in
    words, `action` of this guardrail (BLOCKED, ANONYMIZED, NONE), and the strengths that would act.
    """

    policy: str
    name: str
    score: float | None
    found: str
    action: str
    strengths: tuple[str, ...] = ()


def scores(guardrail: Mapping[str, Any], text: str, direction: Direction) -> list[Score]:
    """Every policy's score of a text; `guardrail` as GetGuardrail returns it.

    Contextual grounding is left out: it needs a source and a query, which a text alone does not have.
    """
    detection, way = LocalDetection(), direction.value
    return [
        *_content(guardrail, text, way, detection),
        *_topics(guardrail, text, way),
        *_matches(guardrail, text, way, detection),
    ]


def _content(guardrail: Mapping[str, Any], text: str, way: Any, detection: LocalDetection) -> Iterator[Score]:
    policy = guardrail.get("contentPolicy") or {}
    filters, chosen = policy.get("filters") or [], str((policy.get("tier") or {}).get("tierName", "CLASSIC"))
    for entry in filters:
        kind = str(entry["type"])
        attack = kind == PROMPT_ATTACK
        if attack and way == "OUTPUT":
            continue  # Bedrock checks only inputs for attacks
        grade = detection.prompt_attack(text, chosen) if attack else detection.content(text, [kind], chosen)[kind]
        configured = str(entry["inputStrength" if way == "INPUT" else "outputStrength"])
        looks = "TEXT" in modalities(entry, way)
        acting = looks and enabled(entry, way) and acts(configured, grade.confidence)
        yield Score(
            "content", kind, round(grade.score, 3), f"confidence {grade.confidence}, strength {configured}",
            action(entry, way) if acting else "NONE",
            tuple(strength for strength in STRENGTHS if acts(strength, grade.confidence)),
        )  # fmt: skip


def _topics(guardrail: Mapping[str, Any], text: str, way: Any) -> Iterator[Score]:
    from embedded_aws.bedrock.detectors.likeness import Topic
    from embedded_aws.bedrock.detectors.topics import THRESHOLD, detect

    for entry in (guardrail.get("topicPolicy") or {}).get("topics") or []:
        topic = Topic(str(entry["name"]), str(entry["definition"]), tuple(map(str, entry.get("examples") or ())))
        found = detect(text, [topic])[topic.name]
        acting = enabled(entry, way) and found.detected
        yield Score(
            "topic", topic.name, round(found.score, 3), f"threshold {THRESHOLD}",
            action(entry, way) if acting else "NONE",
        )  # fmt: skip


def _matches(guardrail: Mapping[str, Any], text: str, way: Any, detection: LocalDetection) -> Iterator[Score]:
    words, sensitive = guardrail.get("wordPolicy") or {}, guardrail.get("sensitiveInformationPolicy") or {}
    for entry in words.get("words") or []:
        yield _match("word", str(entry["text"]), len(detection.words((str(entry["text"]),), text)), entry, way)
    for entry in words.get("managedWordLists") or []:
        yield _match("word", str(entry["type"]), len(detection.profanity(text)), entry, way)
    for entry in sensitive.get("piiEntities") or []:
        kind = str(entry["type"])
        yield _match("sensitive_information", kind, len(detection.pii(text, [kind])), entry, way)
    for entry in sensitive.get("regexes") or []:
        count = len(detection.regex(str(entry["pattern"]), text))
        yield _match("sensitive_information", str(entry["name"]), count, entry, way)


def _match(policy: str, name: str, count: int, entry: Mapping[str, Any], way: Any) -> Score:
    acting = enabled(entry, way) and count > 0
    found = "no match" if count == 0 else "1 match" if count == 1 else f"{count} matches"
    return Score(policy, name, None, found, action(entry, way) if acting else "NONE")


def line(score: Score) -> str:
    """One score for people: `content INSULTS 0.98  confidence HIGH, strength HIGH: BLOCKED (by LOW, MEDIUM, HIGH)`."""
    number = "    " if score.score is None else f"{score.score:.2f}"
    text = f"{score.policy:<21} {score.name:<28} {number}  {score.found}: {score.action}"
    if score.policy != "content":
        return text
    return f"{text}; {'would act at ' + ', '.join(score.strengths) if score.strengths else 'acts at no strength'}"
