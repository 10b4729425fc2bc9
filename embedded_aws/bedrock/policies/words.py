"""Word filters: configured words and phrases, and the managed list of profanity. Free of charge on AWS.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-word-filters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.policies.base import Direction, Entry, Section, action, enabled, text_units


@dataclass(frozen=True, slots=True)
class WordFilters:
    """What of a word policy works in one direction: actions by configured word and by managed list."""

    custom: Mapping[str, str]
    words: tuple[str, ...]
    managed: Mapping[str, str]


def prepare(policy: Mapping[str, Any], direction: Direction) -> WordFilters:
    """The filters enabled for a direction. Worth keeping: there may be 10,000 words."""
    custom = {
        entry["text"]: action(entry, direction)
        for entry in policy.get("wordsConfig") or []
        if enabled(entry, direction)
    }
    managed = {
        entry["type"]: action(entry, direction)
        for entry in policy.get("managedWordListsConfig") or []
        if enabled(entry, direction)
    }
    return WordFilters(custom, tuple(custom), managed)


def assess(filters: WordFilters, texts: Sequence[str], detection: Detection) -> Section | None:
    """The policy's section; None if no entry is enabled for this direction.

    Words that do not occur are never listed, not even with outputScope FULL.
    """
    if not filters.words and not filters.managed:
        return None
    custom: dict[tuple[str, str], Entry] = {}
    profane: dict[tuple[str, str], Entry] = {}
    for text in texts:
        for span in detection.words(filters.words, text) if filters.words else ():
            match = text[span.start : span.end]
            entry = {"match": match, "action": filters.custom[span.label], "detected": True}
            custom.setdefault((span.label, match), entry)
        for kind, done in filters.managed.items():
            for span in detection.profanity(text):
                match = text[span.start : span.end]
                profane.setdefault((kind, match), {"match": match, "type": kind, "action": done, "detected": True})
    return Section(
        name="wordPolicy",
        lists={"customWords": list(custom.values()), "managedWordLists": list(profane.values())},
        units={"wordPolicyUnits": text_units(sum(map(len, texts)))},
    )
