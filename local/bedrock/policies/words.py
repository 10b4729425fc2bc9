"""Word filters: configured words and phrases, and the managed list of profanity. Free of charge on AWS.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-word-filters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.bedrock.detection import Detection
from local.bedrock.policies.base import Direction, Entry, Section, action, enabled, text_units


def assess(
    policy: Mapping[str, Any], direction: Direction, texts: Sequence[str], detection: Detection
) -> Section | None:
    """The policy's section; None when nothing of it is enabled for this direction.

    Words that do not occur are never listed, not even with outputScope FULL.
    """
    words = {entry["text"]: entry for entry in policy.get("wordsConfig") or [] if enabled(entry, direction)}
    managed = [entry for entry in policy.get("managedWordListsConfig") or [] if enabled(entry, direction)]
    if not words and not managed:
        return None
    custom: dict[tuple[str, str], Entry] = {}
    profane: dict[str, Entry] = {}
    chosen = tuple(words)
    for text in texts:
        for span in detection.words(chosen, text) if chosen else ():
            match = text[span.start : span.end]
            done = action(words[span.label], direction)
            custom.setdefault((span.label, match), {"match": match, "action": done, "detected": True})
        for entry in managed:
            for span in detection.profanity(text):
                match = text[span.start : span.end]
                profane.setdefault(
                    match,
                    {"match": match, "type": entry["type"], "action": action(entry, direction), "detected": True},
                )
    return Section(
        name="wordPolicy",
        lists={"customWords": list(custom.values()), "managedWordLists": list(profane.values())},
        units={"wordPolicyUnits": text_units(sum(map(len, texts)))},
    )
