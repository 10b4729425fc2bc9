"""Sensitive information filters: personal information by type, and the guardrail's own regular expressions.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.policies.base import Direction, Entry, Mask, Section, action, enabled, text_units
from embedded_aws.wire import ServiceError


def assess(
    policy: Mapping[str, Any], direction: Direction, texts: Sequence[str], detection: Detection
) -> Section | None:
    """The policy's section; None if no entry is enabled for this direction.

    Raises ServiceError when a regular expression does not finish in time: the text would otherwise be unchecked.
    """
    types = {entry["type"]: entry for entry in policy.get("piiEntitiesConfig") or [] if enabled(entry, direction)}
    regexes = [entry for entry in policy.get("regexesConfig") or [] if enabled(entry, direction)]
    if not types and not regexes:
        return None
    masks: list[Mask] = []
    characters = sum(map(len, texts))
    return Section(
        name="sensitiveInformationPolicy",
        lists={
            "piiEntities": _entities(types, direction, texts, detection, masks),
            "regexes": _regexes(regexes, direction, texts, detection, masks),
        },
        units={
            "sensitiveInformationPolicyUnits": text_units(characters) if types else 0,
            "sensitiveInformationPolicyFreeUnits": text_units(characters) if regexes else 0,
        },
        masks=masks,
    )


def _entities(
    types: Mapping[str, Entry],
    direction: Direction,
    texts: Sequence[str],
    detection: Detection,
    masks: list[Mask],
) -> list[Entry]:
    entries: dict[tuple[str, str], Entry] = {}
    for block, text in enumerate(texts):
        for span in detection.pii(text, types) if types else ():
            done = action(types[span.label], direction)
            match = text[span.start : span.end]
            found = {"match": match, "type": span.label, "action": done, "detected": True}
            entries.setdefault((span.label, match), found)
            if done == "ANONYMIZED":
                masks.append(Mask(block, span.start, span.end, f"{{{span.label}}}"))
    seen = {label for label, _ in entries}
    absent = [{"match": "", "type": label, "action": "NONE", "detected": False} for label in types if label not in seen]
    return [*entries.values(), *absent]


def _regexes(
    regexes: Sequence[Entry],
    direction: Direction,
    texts: Sequence[str],
    detection: Detection,
    masks: list[Mask],
) -> list[Entry]:
    entries: dict[tuple[str, str], Entry] = {}
    for regex in regexes:
        name, pattern = regex["name"], regex["pattern"]
        done = action(regex, direction)
        for block, text in enumerate(texts):
            for span in _find(name, pattern, text, detection):
                match = text[span[0] : span[1]]
                found = {"name": name, "match": match, "regex": pattern, "action": done, "detected": True}
                entries.setdefault((name, match), found)
                if done == "ANONYMIZED":
                    masks.append(Mask(block, span[0], span[1], f"{{{name}}}"))
    return list(entries.values())


def _find(name: str, pattern: str, text: str, detection: Detection) -> list[tuple[int, int]]:
    try:
        # An empty match has nothing to report or to mask.
        return [(span.start, span.end) for span in detection.regex(pattern, text) if span.start < span.end]
    except TimeoutError:
        raise ServiceError(
            "ValidationException",
            f"The regular expression '{name}' of the guardrail took too long on this text. Simplify the pattern: "
            "repetitions inside repetitions are the usual cause.",
        ) from None
