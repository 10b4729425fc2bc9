"""Recorded chats as the rows of a corpus, and their verdicts as results to compare with.

Personal data is replaced by values of the same form, so that guardrails decide on them as on the originals. Labels, for
instance from people's feedback, come from a function; without one the rows have none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepguard.aws.executions import Execution
from stepguard.evaluation.items import Item, id_of, item_of
from stepguard.evaluation.results import KEYS, result_of
from stepguard.guard.bedrock_names import ANONYMIZED, PII_TYPES
from stepguard.guard.errors import InvalidRequest, UnreadableVerdict
from stepguard.guard.request import Kind
from stepguard.guard.stages import GUARD_INPUT
from stepguard.guard.texts.chunking import masks_of
from stepguard.trace.diff import mapping
from stepguard.trace.exports.placeholders import Replacements

Labels = Callable[[Execution], Mapping[str, Any]]
"""The members of a row that judge a recorded chat: `expected`, `policies`."""

_VERDICT = ("outcome", "blocked", "findings", "scores", "text_units", "tokens")
_ANSWER = ("outcome", "source", "got_hits")
_TEXTS = ("text", "query", "completion")


def no_labels(_: Execution) -> Mapping[str, Any]:
    """Recorded verdicts are no labels: they may be wrong."""
    return {}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded chat: its row, the number of replaced values, and its verdict as a line of results.jsonl."""

    row: dict[str, Any]
    replaced: int
    result: dict[str, Any]


def recorded(execution: Execution, number: int, *, masked: bool = True, labels: Labels = no_labels) -> Recorded:
    """Read an execution that has ended. Raises InvalidRequest, which never quotes a text, if it is no chat."""
    request = mapping(execution.input.get("request"))
    if request.get("guardrails"):
        raise InvalidRequest("a replay or evaluation with other guardrails")
    output = mapping(execution.output)
    known = _replacements(request, output) if masked else Replacements()
    held = {name: request[name] for name in ("kind", *_TEXTS, "passages") if request.get(name)}
    outcome = mapping(output.get("answer")).get("outcome")
    row = known.value(held) | {
        "id": execution.name,
        "kind": held.get("kind", str(Kind.PROMPT)),
        "category": outcome if isinstance(outcome, str) else "unavailable",
        **labels(execution),
    }
    item = item_of(row, number)
    return Recorded(item.to_row(), len(known), _result(execution, item, number))


def _replacements(request: Mapping[str, Any], output: Mapping[str, Any]) -> Replacements:
    """What the input layer masked, and what the offline detectors find in the request's texts."""
    from embedded_aws.bedrock.detectors import pii

    known = Replacements()
    texts = [request[name] for name in _TEXTS if isinstance(request.get(name), str)]
    for value, kind in _masked(request, mapping(output.get(GUARD_INPUT.key))):
        known.add(value, kind)
    texts += [passage["text"] for passage in request.get("passages") or () if isinstance(passage.get("text"), str)]
    for text in texts:
        for span in pii.find(text, PII_TYPES):
            known.add(text[span.start : span.end], span.label)
    return known


def _masked(request: Mapping[str, Any], guard: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {str(item.get("name")) for item in guard.get("findings") or () if item.get("action") == ANONYMIZED}
    text = request.get("query") if request.get("kind") == str(Kind.RESPONSE) else request.get("text")
    if not names or guard.get("blocked") or not isinstance(text, str) or not isinstance(guard.get("text"), str):
        return []
    try:
        masks = masks_of(text, guard["text"], {f"{{{name}}}" for name in names})
    except UnreadableVerdict:
        return []
    return [(text[mask.start : mask.end], mask.placeholder[1:-1]) for mask in masks]


def _result(execution: Execution, item: Item, number: int) -> dict[str, Any]:
    """The recorded verdict, with the item's texts; of an error only its name, since its cause may quote a text."""
    stopped = execution.stopped or execution.started
    started = execution.started.isoformat()
    held = mapping(execution.output)
    # Verdicts only: no text of a guard, a model or an answer. A chat's document has no times of its stages.
    output: dict[str, Any] = {
        key: {"text": "", "entered": started, **{name: held[key][name] for name in _VERDICT if name in held[key]}}
        for key in KEYS
        if isinstance(held.get(key), Mapping)
    }
    output["answer"] = {"text": "", **{name: mapping(held.get("answer")).get(name) for name in _ANSWER}}
    record = {
        "ExecutionArn": execution.arn,
        "Input": json.dumps(
            {
                "item": {"id": item.id, "number": number, "line": number + 1, "digest": id_of(item.request),
                         "labels": item.labels.to_dict()},
                "request": item.request.to_document(),
            }
        ),
        "Output": json.dumps(output),
        "Status": execution.status if execution.answered else "FAILED",
        "StartDate": started,
        "StopDate": stopped.isoformat(),
        "Error": execution.error or execution.status,
    }  # fmt: skip
    try:
        result, _ = result_of(record)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"its history is that of another workflow ({type(error).__name__})") from None
    # The masked text of the guards belongs to the original question: its places are not those of this text.
    return replace(result, found=None, masks=()).to_dict()
