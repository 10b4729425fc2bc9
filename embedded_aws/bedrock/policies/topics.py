"""Denied topics.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-denied-topics.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.policies.base import Direction, Section, action, enabled, text_units


def assess(
    policy: Mapping[str, Any], direction: Direction, texts: Sequence[str], detection: Detection
) -> Section | None:
    """The policy's section; None when no topic is enabled for this direction."""
    topics = [entry for entry in policy.get("topicsConfig") or [] if enabled(entry, direction)]
    if not topics:
        return None
    grades = [detection.topics(text, topics) for text in texts]
    detected = {name for found in grades for name, grade in found.items() if grade.detected}
    scores: dict[str, tuple[float, float]] = {}
    for name, grade in (pair for found in grades for pair in found.items()):
        scores[name] = max((round(grade.score, 4), grade.threshold), scores.get(name, (0.0, 0.0)))
    entries = [
        {
            "name": topic["name"],
            "type": topic["type"],
            "action": action(topic, direction) if topic["name"] in detected else "NONE",
            "detected": topic["name"] in detected,
        }
        for topic in topics
    ]
    return Section(
        name="topicPolicy",
        lists={"topics": entries},
        units={"topicPolicyUnits": text_units(sum(map(len, texts)))},
        scores=scores,
    )
