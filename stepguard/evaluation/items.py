"""An item of a corpus: the text to guard, and its expected result.

Labels are stored next to the request; guards never read them. Policies are named `policy/name`, as findings are
(`content/VIOLENCE`, `topic/Medical advice`, `sensitive_information/EMAIL`); Bedrock's fixed names need no policy
(`VIOLENCE`, `EMAIL`, `GROUNDING`), and a policy needs no name (`content`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from stepguard.evaluation.answers.grades import Grade, grade_of
from stepguard.guard.automated_reasoning import AUTOMATED_REASONING
from stepguard.guard.bedrock_names import (
    CONTENT_FILTERS,
    GROUNDING_FILTERS,
    MANAGED_WORDS,
    PII_TYPES,
    REASONING_FINDINGS,
)
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Passage
from stepguard.guard.request import (
    TEXT_BYTES,
    Kind,
    Request,
    check_size,
    check_unicode,
    json_bytes,
    passages_of,
)
from stepguard.guard.stages import LAYERS, Layer

ID_CHARACTERS = 200

_ID_DIGITS = 16
"""Hexadecimal digits of an id that is made from texts: with 100,000 items, one collision in four thousand million."""

PART_CHARACTERS = 20_000
"""A longer document runs through the workflow in parts."""


def part_characters(text: str) -> int:
    """The most characters of a part of this text, so that a part fits the states of the workflow.

    A state contains the text up to four times, and a character may need four bytes, or six if JSON escapes it.
    """
    widest = max((json_bytes(character) - len('""') for character in set(text)), default=1)
    return min(PART_CHARACTERS, TEXT_BYTES // widest)


class UnknownLabel(InvalidRequest):
    """A label that no verdict can match: the whole corpus is refused, since its scores would be wrong."""


class Expected(StrEnum):
    """The expected action: `intervened` is either of the last two."""

    PASSED = "passed"
    INTERVENED = "intervened"
    MASKED = "masked"
    BLOCKED = "blocked"


_EXPECTED = {
    **{str(name): name for name in Expected},
    "pass": Expected.PASSED,
    "none": Expected.PASSED,
    "allow": Expected.PASSED,
    "answered": Expected.PASSED,
    "reject": Expected.INTERVENED,
    "guardrail_intervened": Expected.INTERVENED,
    "mask": Expected.MASKED,
    "anonymized": Expected.MASKED,
    "block": Expected.BLOCKED,
}

LABEL_WORDS = frozenset(name.replace("_", "") for name in _EXPECTED)
"""The words of `expected`, without underscores."""

_FIXED = {
    "content": CONTENT_FILTERS,
    "sensitive_information": PII_TYPES,
    "word": (*MANAGED_WORDS, "custom word"),
    "contextual_grounding": GROUNDING_FILTERS,
    AUTOMATED_REASONING: REASONING_FINDINGS,
}
POLICIES = ("topic", *_FIXED)
_ALONE = {name: f"{policy}/{name}" for policy, names in _FIXED.items() for name in names}
FIXED_NAMES = tuple(_ALONE)
"""The names of filters, PII types, word lists and findings of automated reasoning that Bedrock fixes."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of an item's text, which contain PII of a `type`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Labels:
    """The expected result of an item; None if the row has no label.

    `policies` are those that should act; `category` is the corpus's own group of the item. `reference` are answers that
    are right, each of them; `grade` is the corpus's own of a given answer. `sources` are the documents or the curated
    answer that the answer should come from: none of them if empty.
    """

    expected: Expected | None = None
    policies: frozenset[str] | None = None
    pii: tuple[Span, ...] | None = None
    category: str | None = None
    reference: tuple[str, ...] = ()
    grade: Grade | None = None
    sources: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON, only the known members; `from_dict` reads it."""
        known: dict[str, Any] = {}
        if self.expected is not None:
            known["expected"] = str(self.expected)
        if self.policies is not None:
            known["policies"] = sorted(self.policies)
        if self.pii is not None:
            known["pii"] = [[span.start, span.end, span.type] for span in self.pii]
        if self.category is not None:
            known["category"] = self.category
        if self.reference:
            known["reference"] = list(self.reference)
        if self.grade is not None:
            known["grade"] = str(self.grade)
        if self.sources is not None:
            known["sources"] = list(self.sources)
        return known


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a corpus. `layers` limits the guard layers that check it; None is all of the run's layers.

    `line` is its line in the file; `named` says that the row has an id, not only one made from its texts.
    """

    id: str
    request: Request
    labels: Labels = Labels()
    layers: tuple[Layer, ...] | None = None
    line: int = 0
    named: bool = True

    def to_row(self) -> dict[str, Any]:
        """The item as a row of a JSON-lines corpus, for `item_of` to read."""
        document = self.request.to_document()
        row = {"id": self.id, **{key: value for key, value in document.items() if key not in ("caller", "guardrails")}}
        if self.layers is not None:
            row["layers"] = [str(layer) for layer in self.layers]
        return row | self.labels.to_dict()


_TEXTS = {"text": None, "document": Kind.DOCUMENT, "prompt": Kind.PROMPT, "question": Kind.PROMPT, "input": None}
KNOWN = {
    "id", "kind", "query", "completion", "passages", "expected", "policies", "pii", "layers", "category",
    "reference", "grade", "sources", *_TEXTS,
}  # fmt: skip
"""The members of a row that are read."""


def item_of(row: Mapping[str, Any], line: int, kind: Kind | None = None) -> Item:
    """Read one row; a row without an id has one made from its texts. `kind` overrides what the row says. Raises
    InvalidRequest for an invalid row, UnknownLabel for an unknown label."""
    text_name = next((name for name in _TEXTS if row.get(name) not in (None, "")), "text")
    own = _kind(row, text_name)
    text, query, completion = _text(row, text_name), _text(row, "query"), _text(row, "completion")
    labels = _labels(row, len(text))
    passages = _passages(row.get("passages"))
    kind = kind or own
    if kind is Kind.RESPONSE:
        if not query:
            text, query = "", text  # the text of a response is its question
    elif own is Kind.RESPONSE:
        # Screened as a document, a response is its answer; asked again, its question.
        text, query, completion = (completion if kind is Kind.DOCUMENT else query or text), "", ""
        # Offsets are those of another text, and a grade that of the given answer.
        labels = replace(labels, pii=None, grade=None)
    if kind is Kind.DOCUMENT:
        labels = replace(labels, grade=None)  # no answer that it could grade
        passages = () if kind is not own else passages
    request = Request(
        text=text,
        caller="evaluation",
        kind=kind,
        passages=passages,
        query=query or None,
        completion=completion or None,
    )
    if kind is Kind.RESPONSE and request.completion is None:
        raise InvalidRequest("a response needs a 'completion'")
    if kind is not Kind.RESPONSE and not request.text.strip():
        raise InvalidRequest("it has no text")
    if kind is not Kind.DOCUMENT:
        try:
            check_size(request, json_bytes(labels.to_dict()))
        except InvalidRequest as error:
            raise InvalidRequest(f"it is too long, and only documents are cut into parts: {error}") from None
    given = _id(row.get("id"))
    return Item(given or id_of(request), request, labels, _layers(row), line, given is not None)


def id_of(request: Request) -> str:
    """An id made from the item's kind and texts: the same in every file, whatever the order of its rows."""
    texts = [str(request.kind), request.text, request.query, request.completion, [p.text for p in request.passages]]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:_ID_DIGITS]


def _kind(row: Mapping[str, Any], text_name: str) -> Kind:
    if row.get("kind"):
        try:
            return Kind(row["kind"])
        except ValueError:
            raise InvalidRequest(f"'kind' must be one of {', '.join(Kind)}") from None
    if row.get("completion"):
        return Kind.RESPONSE
    return _TEXTS[text_name] or Kind.DOCUMENT


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"'{name}' must be a string")
    check_unicode(value, f"'{name}'")
    return value


def _passages(value: Any) -> tuple[Passage, ...]:
    return passages_of([value] if isinstance(value, str) and value else value or None)


def _id(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= ID_CHARACTERS:
        raise InvalidRequest(f"'id' must be a string of 1 to {ID_CHARACTERS} characters, or a number")
    check_unicode(str(value), "'id'")
    return str(value)


def _layers(row: Mapping[str, Any]) -> tuple[Layer, ...] | None:
    value = row.get("layers")
    if value in (None, ""):
        return None
    names = value.split(";") if isinstance(value, str) else value
    known = {str(layer) for layer in LAYERS}
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in known for name in names):
        raise InvalidRequest(f"'layers' must name one or more of {', '.join(LAYERS)}")
    return tuple(Layer(name) for name in names)


def _labels(row: Mapping[str, Any], characters: int) -> Labels:
    expected = row.get("expected")
    if expected in (None, ""):
        read = None
    elif isinstance(expected, str) and expected.strip().lower() in _EXPECTED:
        read = _EXPECTED[expected.strip().lower()]
    else:
        raise UnknownLabel(f"'expected' must be one of {', '.join(Expected)}{_hint(expected)}")
    policies = row.get("policies")
    if isinstance(policies, str):  # a CSV cell
        policies = [name.strip() for name in policies.split(";")] if policies.strip() else None
    if policies is not None and (not isinstance(policies, list) or not all(isinstance(item, str) for item in policies)):
        raise UnknownLabel("'policies' must be a list of names")
    names = None if policies is None else frozenset(policy_name(name) for name in policies)
    spans, category = _spans(row.get("pii"), characters), _category(row.get("category"))
    reference, sources = references_of(row.get("reference")), sources_of(row.get("sources"))
    return Labels(read, names, spans, category, reference, _grade(row.get("grade")), sources)


def references_of(value: Any) -> tuple[str, ...]:
    """Reference answers: a text or a list of texts. Raises InvalidRequest."""
    entries = value if isinstance(value, list) else [value]
    entries = [str(entry) if type(entry) in (int, float) else entry for entry in entries if entry not in (None, "")]
    if not all(isinstance(entry, str) for entry in entries):
        raise InvalidRequest("'reference' must be a text or a list of texts")
    for entry in entries:
        check_unicode(entry, "'reference'")
    return tuple(dict.fromkeys(entry for entry in entries if entry.strip()))


_NAMES_OF_SOURCES = ("id", "uri", "file", "name", "source", "document", "title", "url")


def sources_of(value: Any) -> tuple[str, ...] | None:
    """The documents that an answer should cite: a name, several with `;` between them, or a list of names or of objects
    with one. Raises InvalidRequest."""
    if value is None or value == "":
        return None
    entries = value.split(";") if isinstance(value, str) else value if isinstance(value, list) else [value]
    names = []
    for entry in entries:
        if isinstance(entry, Mapping):
            entry = next((entry[name] for name in _NAMES_OF_SOURCES if entry.get(name) not in (None, "")), None)
        if isinstance(entry, bool) or not isinstance(entry, str | int):
            raise InvalidRequest("'sources' must be a list of names of documents")
        check_unicode(str(entry), "'sources'")
        names.append(str(entry).strip())
    return tuple(dict.fromkeys(name for name in names if name))


def _grade(value: Any) -> Grade | None:
    if value in (None, ""):
        return None
    if (grade := grade_of(value)) is None:
        raise UnknownLabel(f"'grade' must be one of {', '.join(Grade)}")
    return grade


def _category(value: Any) -> str | None:
    """A group's name; a list of names is one group."""
    parts = value if isinstance(value, list) else [value]
    text = "; ".join(str(part) for part in parts if isinstance(part, str | int | float) and part != "")
    check_unicode(text, "'category'")
    return text[:ID_CHARACTERS].strip() or None


def _hint(expected: object) -> str:
    if expected != "dont_know":
        return ""
    return "; a block of the model layer is 'blocked', and a model that does not know is 'passed': no guard acted"


def policy_name(name: str) -> str:
    """`content`, or `content/VIOLENCE` for `VIOLENCE`. Raises UnknownLabel."""
    if name in _ALONE:
        return _ALONE[name]
    policy, slash, own = name.partition("/")
    known = policy in POLICIES and (not slash or own)
    if known and (not slash or policy in ("topic",) or own in _FIXED[policy] or policy == "sensitive_information"):
        return name  # a regex of sensitive_information has a name of the guardrail's author
    raise UnknownLabel(
        f"'policies' has an unknown name; known are {', '.join(POLICIES)}, Bedrock's fixed names, and "
        "topic/NAME or sensitive_information/REGEX"
    )


def _spans(value: Any, characters: int) -> tuple[Span, ...] | None:
    if value in (None, ""):
        return None
    if not isinstance(value, list):
        raise UnknownLabel("'pii' must be a list of [start, end, type]")
    spans = []
    for entry in value:
        parts = [entry.get("start"), entry.get("end"), entry.get("type")] if isinstance(entry, dict) else entry
        if not isinstance(parts, list) or len(parts) != 3 or parts[2] not in PII_TYPES:
            raise UnknownLabel("'pii' must be a list of [start, end, type] with one of Bedrock's 31 types")
        start, end, kind = parts
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= characters:
            raise UnknownLabel(f"a span of 'pii' is not within the text's {characters} characters")
        spans.append(Span(start, end, kind))
    return tuple(sorted(spans, key=lambda span: (span.start, span.end, span.type)))


def labels_of(value: Mapping[str, Any]) -> Labels:
    """Read the result of `Labels.to_dict`."""
    policies, pii = value.get("policies"), value.get("pii")
    return Labels(
        Expected(value["expected"]) if "expected" in value else None,
        None if policies is None else frozenset(policies),
        None if pii is None else tuple(Span(*span) for span in pii),
        value.get("category"),
        tuple(value.get("reference") or ()),
        Grade(value["grade"]) if "grade" in value else None,
        tuple(value["sources"]) if "sources" in value else None,
    )
