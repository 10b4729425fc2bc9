"""The items of a run as a person looks through them: filtered, searched, next to those of another run, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.bedrock_names import NONE

Line = Mapping[str, Any]
"""A line of results.jsonl."""

Item = dict[str, Any]

_CORRECT = {"yes": True, "no": False, "unlabelled": None}
FILTERS = ("action", "expected", "correct", "policy", "text", "change")
CHANGES = ("newly wrong", "newly right", "other verdict", "other findings", "other text", "only here", "same")
"""What differs between an item and its namesake of another run, the most important first."""


def item_of(line: Line) -> Item:
    """What a list shows of an item; its trace has the rest."""
    stages = line.get("stages") or ()
    findings = [finding for stage in stages for finding in stage.get("findings") or ()]
    kept = ("number", "id", "kind", "action", "expected", "correct", "excerpt", "execution", "error", "digest")
    return {
        **{name: line.get(name) for name in kept},
        "findings": _shown(finding for finding in findings if finding.get("action") != NONE),
        "scores": _shown(score for score in line.get("scores") or () if score.get("confidence") != NONE),
    }


def _shown(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each once, in the order of the stages."""
    names = ("policy", "name", "action", "confidence", "score", "threshold")
    seen: dict[tuple[tuple[str, Any], ...], None] = {}
    for finding in findings:
        seen.setdefault(tuple((name, finding[name]) for name in names if finding.get(name) is not None))
    return [dict(pairs) for pairs in seen]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of a list of items; an empty one matches every item."""

    action: str = ""
    expected: str = ""
    correct: str = ""
    policy: str = ""
    text: str = ""
    change: str = ""

    def match(self, item: Item) -> bool:
        """Whether an item is wanted. `policy` is a policy or `POLICY/NAME`; `text` is part of the id or the text."""
        if self.action and item["action"] != self.action:
            return False
        if self.expected and item["expected"] != self.expected:
            return False
        if self.correct and item["correct"] is not _CORRECT[self.correct]:
            return False
        if self.change and not self._changed(item):
            return False
        if self.policy and not any(_names(finding, self.policy) for finding in item["findings"]):
            return False
        return not self.text or self.text.casefold() in f"{item['id']}\n{item['excerpt'] or ''}".casefold()

    def _changed(self, item: Item) -> bool:
        change = item.get("change")
        return change not in (None, "same") if self.change == "any" else change == self.change


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """The filters of a request. Raises ValueError that lists what is known."""
    known = {"correct": tuple(_CORRECT), "change": ("any", *CHANGES)}
    for name, values in known.items():
        if query.get(name) and query[name] not in values:
            raise ValueError(f"'{name}' is one of {', '.join(values)}.")
    return Wanted(**{name: query.get(name) or "" for name in FILTERS})


def _names(finding: Mapping[str, Any], policy: str) -> bool:
    return policy in (finding.get("policy"), f"{finding.get('policy')}/{finding.get('name')}")


def page_of(items: Iterable[Item], wanted: Wanted, start: int, limit: int) -> dict[str, Any]:
    """`{items, total, matching, cursor}`: the wanted items from place `start` on; `cursor` is the next place."""
    everything = list(items)
    found = [item for item in everything if wanted.match(item)]
    end = start + limit
    shown = [{name: value for name, value in item.items() if name != "digest"} for item in found[start:end]]
    cursor = str(end) if end < len(found) else None
    return {"items": shown, "total": len(everything), "matching": len(found), "cursor": cursor}


def compared(items: Iterable[Item], others: Iterable[Item]) -> list[Item]:
    """Each item with `other`, its namesake of another run, and `change`; the most important change first."""
    by_id = {str(item["id"]): item for item in others}
    both = []
    for item in items:
        other = by_id.get(str(item["id"]))
        brief = None if other is None else {name: value for name, value in other.items() if name != "digest"}
        both.append({**item, "other": brief, "change": _change(item, other)})
    return sorted(both, key=lambda item: (CHANGES.index(item["change"]), str(item["id"])))


def _change(item: Item, other: Item | None) -> str:
    if other is None:
        return "only here"
    if item["digest"] != other["digest"]:
        return "other text"
    if item["correct"] is False and other["correct"]:
        return "newly wrong"
    if item["correct"] and other["correct"] is False:
        return "newly right"
    if item["action"] != other["action"]:
        return "other verdict"
    return "same" if (item["findings"], item["scores"]) == (other["findings"], other["scores"]) else "other findings"
