"""The result of an item, from the record that the Distributed Map writes for each child.

Record: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html (transformation NONE). A
long document has a child for each of its parts; their results merge into one, the worst outcome first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from stepguard.evaluation.answers.retrieval import retrieval_of
from stepguard.evaluation.answers.scores import quality_of
from stepguard.evaluation.detail import MOST_PARTS, masks_in, pieces_of
from stepguard.evaluation.items import Expected, Labels, Span, labels_of
from stepguard.guard.bedrock_names import ANONYMIZED, NONE
from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.stages import ALL, GUARD_INPUT, PARTS, STAGES
from stepguard.guard.texts.chunking import Chunk, Mask, masks_of

EXCERPT_CHARACTERS = 240

KEYS = tuple(stage.key for stage in STAGES)
"""The document's keys of the guard stages, in the workflow's order."""


class Action(StrEnum):
    """The guards' action, the mildest first; `failed` without a verdict."""

    PASSED = "passed"
    MASKED = "masked"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """One item's result. `stages` as the API returns them; `scores` are those below their threshold.

    `found` are the spans that the input layer masked; None if unknown. `digest` is made from the item's kind and whole
    texts; None in the records of older releases. `chunks` are the judged text, one for each part; `masks` are what any
    layer masked there; `acting` are the parts of a long document that did not pass. `question` and `answer` are
    known of items with a reference answer; `retrieval` is what a question found. Of an item that ran `repeats` times,
    `verdicts` has the action of each time.
    """

    id: str
    number: int
    line: int
    kind: str
    outcome: str
    source: str | None
    action: Action
    labels: Labels
    stages: tuple[Mapping[str, Any], ...]
    scores: tuple[Mapping[str, Any], ...]
    text_units: Mapping[str, int]
    tokens: Mapping[str, int]
    transitions: int
    milliseconds: int
    executions: tuple[str, ...]
    excerpt: str
    found: tuple[Span, ...] | None = None
    error: str | None = None
    parts: int = 1
    digest: str | None = None
    chunks: tuple[Chunk, ...] = ()
    masks: tuple[Mask, ...] = ()
    query: str | None = None
    acting: tuple[Mapping[str, Any], ...] = ()
    question: str | None = None
    answer: str | None = None
    repeats: int = 1
    verdicts: tuple[Mapping[str, Any], ...] = ()
    retrieval: Mapping[str, Any] | None = None

    @property
    def correct(self) -> bool | None:
        """Whether the guards' action was the expected one; None without a label or a verdict."""
        expected = self.labels.expected
        if expected is None or self.action is Action.FAILED:
            return None
        if expected is Expected.INTERVENED:
            return self.action in (Action.MASKED, Action.BLOCKED)
        return str(self.action) == str(expected)

    @property
    def agreeing(self) -> tuple[int, int] | None:
        """How many of the verdicts are the item's, and how many verdicts there are; None of an item that ran once, or
        has fewer than two verdicts."""
        actions = [verdict["action"] for verdict in self.verdicts if verdict["action"] != Action.FAILED]
        return (actions.count(self.action), len(actions)) if len(actions) > 1 else None

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """The findings of all stages."""
        return [finding for stage in self.stages for finding in stage["findings"]]

    def to_dict(self) -> dict[str, Any]:
        """A line of results.jsonl."""
        line: dict[str, Any] = {
            "id": self.id,
            "number": self.number,
            "line": self.line,
            "kind": self.kind,
            "outcome": self.outcome,
            "source": self.source,
            "action": str(self.action),
            **self.labels.to_dict(),
            "correct": self.correct,
            "stages": [dict(stage) for stage in self.stages],
            "scores": [dict(score) for score in self.scores],
            "text_units": dict(self.text_units),
            "tokens": dict(self.tokens),
            "milliseconds": self.milliseconds,
            "execution": self.executions[0],
            "excerpt": self.excerpt,
        }
        if self.parts > 1:
            line |= {"parts": self.parts, "executions": list(self.executions)}
        if self.found is not None:
            line["found"] = [[span.start, span.end, span.type] for span in self.found]
        if self.verdicts:
            line["verdicts"] = [dict(verdict) for verdict in self.verdicts]
        if self.digest is not None:
            line["digest"] = self.digest
        if self.retrieval is not None:
            line["retrieval"] = dict(self.retrieval)
        line |= self._shown()
        if self.answer is not None:
            quality = quality_of(self.answer, self.labels.reference, self.outcome)
            line |= {"question": self.question, "answer": self.answer, "quality": quality}
        return line | ({"error": self.error} if self.error else {})

    def _shown(self) -> dict[str, Any]:
        """The members for the item's detail in a report, where the excerpt is not all."""
        shown: dict[str, Any] = {}
        if [chunk.text for chunk in self.chunks] not in ([], [self.excerpt]):
            spans = [(mask.start, mask.end) for mask in self.masks]
            spans += [(span.start, span.end) for span in self.labels.pii or ()]
            pieces = pieces_of(self.chunks, spans, (part["start"] for part in self.acting))
            shown["texts"] = [[piece.start, piece.text] for piece in pieces]
            shown["characters"] = self.chunks[-1].end
        if self.masks:
            shown["masks"] = [[mask.start, mask.end, mask.placeholder[1:-1]] for mask in self.masks]
        if self.query:
            shown["query"] = self.query[:EXCERPT_CHARACTERS]
        if self.acting:
            shown["acting"] = [dict(part) for part in self.acting[:MOST_PARTS]]
        return shown


def result_of(record: Mapping[str, Any]) -> tuple[Result, int]:
    """The result of one child, and its place among the parts and repeats of its item.

    Raises KeyError or ValueError for an unrecognised record.
    """
    given = json.loads(record["Input"])
    about, request = given["item"], given["request"]
    document = json.loads(record["Output"]) if record.get("Status") == "SUCCEEDED" else {}
    answer = document.get("answer")
    labels = labels_of(about.get("labels", {}))
    judged = (request.get("completion") if request["kind"] == "response" else None) or request["text"]
    text = request["text"] or request.get("completion", "")
    start = about.get("start", 0)
    stopped = _moment(record["StopDate"])
    result = Result(
        id=about["id"],
        number=about["number"],
        line=about["line"],
        kind=request["kind"],
        outcome=answer["outcome"] if answer else "unavailable",
        source=answer["source"] if answer else None,
        action=_action(answer, document),
        labels=labels,
        stages=_stages(document, stopped),
        scores=tuple(score for _, result in _written(document) for score in result.get("scores") or ()),
        text_units=_sum(result["text_units"] for _, result in _written(document)),
        tokens=document.get("model", {}).get("tokens") or {},
        transitions=_transitions(document),
        milliseconds=_between(_moment(record["StartDate"]), stopped),
        executions=(record["ExecutionArn"],),
        excerpt=" ".join(text[: 2 * EXCERPT_CHARACTERS].split())[:EXCERPT_CHARACTERS],
        found=_found(request, document, start),
        error=None if answer else str(record.get("Cause") or record.get("Error") or record.get("Status")),
        parts=about.get("parts", 1),
        digest=about.get("digest"),
        chunks=(Chunk(start, judged),),
        masks=tuple(
            Mask(mask.start + start, mask.end + start, mask.placeholder) for mask in masks_in(request, document)
        ),
        query=(request.get("query") or request["text"] or None) if request["kind"] == "response" else None,
        question=(request.get("query") or request["text"]) if labels.reference else None,
        answer=answer["text"] if answer and labels.reference else None,
        repeats=about.get("repeats", 1),
        retrieval=retrieval_of(document, labels.sources) if answer else None,
    )
    return result, about.get("repeat", 0) * result.parts + about.get("part", 0)


def merge(parts: Sequence[Result]) -> Result:
    """Merge the parts of one item, in order, into one result."""
    if len(parts) == 1:
        return parts[0]
    worst = max(parts, key=lambda part: list(Action).index(part.action))
    unknown = any(part.found is None for part in parts)
    found = {span for part in parts for span in part.found or ()}
    stages = [_merged([part.stages for part in parts], stage.state) for stage in ALL]
    return Result(
        id=worst.id,
        number=worst.number,
        line=worst.line,
        kind=worst.kind,
        outcome=worst.outcome,
        source=worst.source,
        action=worst.action,
        labels=parts[0].labels,
        stages=tuple(stage for stage in stages if stage),
        scores=_distinct(score for part in parts for score in part.scores),
        text_units=_sum(part.text_units for part in parts),
        tokens=_sum(part.tokens for part in parts),
        transitions=sum(part.transitions for part in parts),
        milliseconds=max(part.milliseconds for part in parts),
        executions=tuple(dict.fromkeys([*worst.executions, *(arn for part in parts for arn in part.executions)])),
        excerpt=parts[0].excerpt,
        found=None if unknown else tuple(sorted(found, key=lambda span: (span.start, span.end, span.type))),
        error=worst.error,
        parts=len(parts),
        digest=worst.digest,
        chunks=tuple(chunk for part in parts for chunk in part.chunks),
        masks=tuple(sorted({mask for part in parts for mask in part.masks}, key=lambda mask: (mask.start, mask.end))),
        query=worst.query,
        repeats=worst.repeats,
        acting=tuple(_acting(number, part) for number, part in enumerate(parts, 1) if part.action is not Action.PASSED),
    )


def most_frequent(times: Sequence[Result]) -> Result:
    """The result of an item that ran several times: the most frequent action, of equally frequent ones the worst; the
    stages are those of the first time with this action. Times without a verdict do not count, unless all are."""
    if len(times) == 1:
        return times[0]
    judged = [one for one in times if one.action is not Action.FAILED]
    counts = Counter(one.action for one in judged or times)
    chosen = max(counts, key=lambda action: (counts[action], list(Action).index(action)))
    first = next(one for one in times if one.action is chosen)
    return replace(
        first,
        text_units=_sum(one.text_units for one in times),
        tokens=_sum(one.tokens for one in times),
        transitions=sum(one.transitions for one in times),
        executions=tuple(dict.fromkeys([*first.executions, *(arn for one in times for arn in one.executions)])),
        verdicts=tuple(
            {"action": str(one.action), "outcome": one.outcome, "execution": one.executions[0]} for one in times
        ),
    )


def _acting(number: int, part: Result) -> dict[str, Any]:
    """A part of a long document that did not pass: its place, action, filters and execution."""
    filters = (f"{item['policy']}/{item['name']}" for item in part.findings if item["action"] != NONE)
    return {
        "part": number,
        "start": part.chunks[0].start,
        "end": part.chunks[0].end,
        "action": str(part.action),
        "filters": list(dict.fromkeys(filters)),
        "execution": part.executions[0],
    }


@dataclass(slots=True)
class Parts:
    """Collects the parts of long documents until each is complete; counts duplicates."""

    doubled: int = 0
    _seen: set[int] = field(default_factory=set)
    _waiting: dict[int, dict[int, Result]] = field(default_factory=dict)

    def add(self, result: Result, part: int) -> Result | None:
        """The item's result, if this was its last part."""
        waiting = self._waiting.setdefault(result.number, {})
        if result.number in self._seen or part in waiting:
            self.doubled += 1
            return None
        waiting[part] = result
        if len(waiting) < result.parts * result.repeats:
            return None
        del self._waiting[result.number]
        self._seen.add(result.number)
        ordered = [waiting[place] for place in sorted(waiting)]
        times = [ordered[start : start + result.parts] for start in range(0, len(ordered), result.parts)]
        return most_frequent([merge(parts) for parts in times])

    @property
    def whole(self) -> int:
        """The number of complete items."""
        return len(self._seen)


def _action(answer: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Action:
    """The worst outcome of the stages. The answer's outcome may be a don't-know of a model, which is no guard's."""
    if answer is None:
        return Action.FAILED
    outcomes = [document[key]["outcome"] for key in KEYS if key in document]
    return next((action for action in (Action.BLOCKED, Action.MASKED) if str(action) in outcomes), Action.PASSED)


def _stages(document: Mapping[str, Any], stopped: datetime) -> tuple[Mapping[str, Any], ...]:
    passed = _written(document)
    moments = [_moment(result["entered"]) for _, result in passed] + [stopped]
    spent = [_between(start, end) for start, end in pairwise(moments)]
    return tuple(
        {"state": state, "outcome": result["outcome"], "findings": result["findings"], "milliseconds": lasted}
        for (state, result), lasted in zip(passed, spent, strict=True)
    )


def _written(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The state and the result of each stage that ran, in the workflow's order."""
    results = [(stage.state, stage.result(document)) for stage in ALL]
    return [(state, result) for state, result in results if result is not None]


_ORDER = ("skipped", "passed", "masked", "blocked")


def _merged(stages: Iterable[Sequence[Mapping[str, Any]]], state: str) -> dict[str, Any] | None:
    same = [stage for several in stages for stage in several if stage["state"] == state]
    if not same:
        return None
    return {
        "state": state,
        "outcome": max((stage["outcome"] for stage in same), key=_ORDER.index),
        "findings": list(_distinct(finding for stage in same for finding in stage["findings"])),
        "milliseconds": max(stage["milliseconds"] for stage in same),
    }


def _distinct(entries: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({json.dumps(entry, sort_keys=True): entry for entry in entries}.values())


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


def _transitions(document: Mapping[str, Any]) -> int:
    """The number of states entered, by the document; retries of a Task are extra."""
    stages = [key for key in KEYS if key in document]
    refused = (document.get("answer") or {}).get("got_hits") != 1
    end = 2 if refused else 1  # a Pass and AnswerDontKnow, or AnswerDelivered alone
    parts = sum(part.result(document) is not None for part in PARTS)
    if parts:
        # GatherContext and ContextReady?; each part but RetrievePassages has a Choice, and the box ends in a Pass.
        return 2 * len(stages) + 2 + parts + (2 if parts > 1 else 1) + 1 + (1 if refused and len(stages) == 1 else end)
    choices = len(stages) + (GUARD_INPUT.key in stages and len(stages) > 1)  # NeedsModel? follows the first
    return len(stages) + choices + end


def _found(request: Mapping[str, Any], document: Mapping[str, Any], start: int) -> tuple[Span, ...] | None:
    guard = document.get(GUARD_INPUT.key)
    if guard is None or guard["blocked"] or request["kind"] == "response":
        return None
    names = {finding["name"] for finding in guard["findings"] if finding["action"] == ANONYMIZED}
    try:
        masks = masks_of(request["text"], guard["text"], {f"{{{name}}}" for name in names})
    except UnreadableVerdict:
        return None
    return tuple(Span(mask.start + start, mask.end + start, mask.placeholder[1:-1]) for mask in masks)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _between(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
