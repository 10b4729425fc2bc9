"""Detection of the 31 PII types of Bedrock Guardrails, offline.

Types with a form or a check digit are found by rules, one module per family; NAME and ADDRESS by a small sequence
tagger (tagger.py) together with rules. The types and their meaning are those of the Bedrock user guide, "Remove PII
from conversations by using sensitive information filters".
"""

from __future__ import annotations

from collections.abc import Collection

from embedded_aws.bedrock.detectors.pii import (
    address,
    age,
    contact,
    credentials,
    documents,
    groups,
    names,
    network,
    numbers,
)
from embedded_aws.bedrock.detectors.pii.resolve import outside, resolve
from embedded_aws.bedrock.detectors.text.borders import bordered
from embedded_aws.bedrock.detectors.text.normalize import Folded, encoded, readings, separated
from embedded_aws.bedrock.detectors.text.spans import Span
from embedded_aws.bedrock.detectors.wrappers.unwrap import rendered

_FAMILIES = (numbers.find, network.find, credentials.find, contact.find, documents.find, age.find, address.find)


def find(text: str, types: Collection[str]) -> list[Span]:
    """The PII of the requested `types` in `text`: sorted, not overlapping, with the type as label.

    Other types are looked for as well, because knowing that digits are a card number keeps them from being taken for
    a telephone number; they are not returned. Invisible characters, marks, other forms of the same characters and
    look-alikes hide nothing, nor do base 64 and hexadecimal (normalize.py). A text in a wrapper (JSON, XML, a quoted
    e-mail; wrappers/unwrap.py) is read as its lines "key: value", and no finding reaches over a value's border.
    Raises nothing for any text; an unknown type is never found.
    """
    if not text or not types:
        return []
    wrapped = rendered(text)
    if wrapped is None:
        return _find(text, types)
    return _separate([own for span in _find(wrapped.folded.text, types) for own in wrapped.original(text, span)])


def _find(text: str, types: Collection[str]) -> list[Span]:
    """The PII of a text without wrappers."""
    first, *others = map(bordered, readings(text))
    candidates = _original(first, _candidates(first.text, types))
    for reading in others:
        surer = _original(reading, _candidates(reading.text, types))
        candidates = [*outside(candidates, surer), *surer]
    if apart := separated(text):
        # Names and addresses have words on both sides: "Müller\u00adstraße" is one word.
        apart = bordered(apart)
        between = _original(apart, _candidates(apart.text, ()))
        candidates = [*outside(candidates, between), *outside(between, candidates)]
    spans = resolve(text, candidates, frozenset(types))
    for inside in encoded(text):
        spans += _original(inside, resolve(inside.text, _candidates(inside.text, types), frozenset(types)))
    return spans if len(spans) < 2 else _separate(spans)


def _candidates(text: str, types: Collection[str]) -> list[Span]:
    candidates = [span for family in _FAMILIES for span in family(text)]
    grouped = groups.find(text)
    candidates = [*outside(candidates, grouped), *grouped]
    if "NAME" in types or "ADDRESS" in types:
        streets = [span for span in candidates if span.label == "ADDRESS"]
        candidates += outside(names.find(text), streets)
    return candidates


def _original(folded: Folded, spans: list[Span]) -> list[Span]:
    """The spans with offsets in the text as it was written."""
    if not folded.starts:
        return spans
    return [Span(*folded.original(span.start, span.end), span.label, span.score) for span in spans]


def _separate(spans: list[Span]) -> list[Span]:
    """The spans sorted; of two that share a character, as neighbours in an encoded text may, the second is trimmed."""
    separate: list[Span] = []
    end = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.end > end:
            separate.append(span if span.start >= end else Span(end, span.end, span.label, span.score))
            end = span.end
    return separate
