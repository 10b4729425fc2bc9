"""What report.html shows of an item when its row is opened. The page parses it in blocks, so that it opens fast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from stepguard.evaluation.detail import WHOLE_CHARACTERS, pieces_of
from stepguard.guard.automated_reasoning import is_listed
from stepguard.guard.bedrock_names import NONE
from stepguard.guard.stages import STAGE_OF, Stage
from stepguard.guard.texts.chunking import Chunk

BLOCK = 250
"""Items in one block of the page."""

TEXT_BUDGET = 16_000_000
"""The most characters of texts in a page: a browser opens it within a second or two."""

_MEMBERS = ("characters", "query", "acting", "parts", "error", "policies", "category", "answer", "verdicts")


def characters_for(items: int) -> int:
    """The most characters of an item's text in a page with so many items."""
    return max(300, min(WHOLE_CHARACTERS, TEXT_BUDGET // max(1, items)))


def detail_of(line: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The detail of a line of results.jsonl."""
    found = line.get("masks", line.get("found") or [])
    expected = line.get("pii") if line["kind"] != "response" else None
    chunks = [Chunk(start, text) for start, text in line.get("texts", [])]
    if sum(len(chunk.text) for chunk in chunks) > limit:
        acting = (part["start"] for part in line.get("acting", []))
        chunks = pieces_of(chunks, ((span[0], span[1]) for span in [*found, *(expected or [])]), acting, limit)
    detail = {
        "texts": [[chunk.start, chunk.text] for chunk in chunks] or [[0, line["excerpt"]]],
        "stages": [_stage(stage, line["scores"]) for stage in line["stages"]],
        **{name: line[name] for name in _MEMBERS if line.get(name)},
    }
    return detail | ({"found": found} if found else {}) | ({"pii": expected} if expected else {})


def blocks(details: Iterable[str]) -> Iterator[list[str]]:
    """The details, as JSON, in blocks."""
    left = iter(details)
    while block := list(islice(left, BLOCK)):
        yield block


def _stage(stage: Mapping[str, Any], scores: Iterable[Mapping[str, Any]]) -> list[Any]:
    """`[state, outcome, milliseconds, [[policy/name, action, measure, direction], ...]]`, what acted first."""
    known = STAGE_OF.get(stage["state"])
    layer = known.layer if isinstance(known, Stage) else None
    seen = [item for item in scores if item.get("layer") == layer and item.get("confidence") != NONE]
    listed = sorted([*stage["findings"], *seen], key=lambda item: item["action"] == NONE)
    rows = [
        [f"{item['policy']}/{item['name']}", _done(item), _measure(item), str(item.get("direction", "")).lower()]
        for item in listed
    ]
    return [stage["state"], stage["outcome"], stage["milliseconds"], list(map(list, dict.fromkeys(map(tuple, rows))))]


def _done(item: Mapping[str, Any]) -> str:
    if item["action"] != NONE:
        return str(item["action"]).lower()
    return "reported" if is_listed(item) else "did not act"


def _measure(item: Mapping[str, Any]) -> str:
    if item.get("score") is not None:
        return f"score {item['score']:.2f}, threshold {item.get('threshold', 0):.2f}"
    return f"confidence {item['confidence']}" if item.get("confidence") else ""
