"""The lines that the Distributed Map reads: one per item, or one per part of a long document.

A line is `{"item": {...}, "request": {...}}`: the child workflow's input. `item` has the labels and the members for the
summary; guards do not read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from stepguard.evaluation.items import Item, id_of, part_characters
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind, check_size, json_bytes
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import LAYERS, Layer
from stepguard.guard.texts.chunking import cut

Guardrails = Mapping[str, Mapping[str, str]]
"""The run's guardrails by layer: `{"preprocess": {"id", "version"}}`; a missing layer is off."""


def map_lines(
    item: Item, number: int, guardrails: Guardrails, run: str, *, screen: bool = False
) -> Iterator[dict[str, Any]]:
    """The Map's lines of one item, each small enough for the states of the workflow. With `screen` no model answers a
    prompt: the guards read its text as they read a document.

    Raises InvalidRequest if the labels do not fit next to the text.
    """
    digest = id_of(item.request)
    if screen and item.request.kind is Kind.PROMPT:
        item = replace(item, request=replace(item.request, kind=Kind.DOCUMENT, passages=()))
    text = item.request.text
    parts = cut(text, part_characters(text)) if item.request.kind is Kind.DOCUMENT else []
    several = len(parts) > 1
    for index, chunk in enumerate(parts if several else [None]):
        request = replace(
            item.request,
            text=text if chunk is None else chunk.text,
            caller=f"evaluation/{run}",
            guardrails=_layers(guardrails, item.layers),
        )
        about: dict[str, Any] = {"id": item.id, "number": number, "line": item.line, "digest": digest}
        if chunk is not None:
            about |= {"part": index, "parts": len(parts), "start": chunk.start}
        labels = item.labels.to_dict()
        if not is_answered(item, screen=screen):
            labels.pop("reference", None)
        if screen or item.request.kind is not Kind.PROMPT:
            labels.pop("sources", None)  # nothing is searched
        if index:
            labels.pop("pii", None)  # only once: their offsets are those of the whole document
        if labels:
            about["labels"] = labels
        check_size(request, json_bytes(labels) if labels else 0)
        yield {"item": about, "request": request.to_document()}


def repeated(lines: Iterable[dict[str, Any]], times: int) -> Iterator[dict[str, Any]]:
    """The lines of one item so many times; `repeat` numbers the times."""
    for line in lines:
        for number in range(times):
            yield line | {"item": {**line["item"], "repeat": number, "repeats": times}}


def _layers(guardrails: Guardrails, layers: tuple[Layer, ...] | None) -> dict[str, Any]:
    return {
        str(layer): dict(guardrails[layer])
        for layer in LAYERS
        if layer in guardrails and (not layers or layer in layers)
    }


def is_answered(item: Item, *, screen: bool) -> bool:
    """Whether the item has an answer to compare with its references: its own, or a model's."""
    return item.request.kind is Kind.RESPONSE or (item.request.kind is Kind.PROMPT and not screen)


def only(guardrails: Guardrails, layers: Collection[Layer] | None) -> Guardrails:
    """The guardrails of the chosen layers; all of them without a choice. Raises InvalidRequest if one of the layers has
    none."""
    if layers is None:
        return guardrails
    if off := [layer for layer in LAYERS if layer in layers and layer not in guardrails]:
        on = ", ".join(guardrails) or "none"
        raise InvalidRequest(f"The chosen layer {off[0]} has no guardrail in this run; layers with one: {on}.")
    return {str(layer): guardrails[layer] for layer in LAYERS if layer in layers}


def guardrails_of(value: object) -> Guardrails:
    """Read a run's `guardrails`. Raises InvalidRequest."""
    if not isinstance(value, Mapping) or not set(value) <= set(LAYERS):
        raise InvalidRequest(f"'guardrails' must map {', '.join(LAYERS)} to {{'id', 'version'}}.")
    for ref in value.values():
        whole = isinstance(ref, Mapping) and all(
            isinstance(ref.get(key), str) and ref[key] for key in ("id", "version")
        )
        if not whole:
            raise InvalidRequest("Each of 'guardrails' must have an 'id' and a 'version'.")
        if problem := GuardrailRef(ref["id"], ref["version"]).problem:
            raise InvalidRequest(f"'guardrails': {problem}.")
    return {str(layer): {"id": ref["id"], "version": ref["version"]} for layer, ref in value.items()}
