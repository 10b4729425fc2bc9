"""The execution document's `request`: the input of the workflow, and its limits.

`{kind, text, passages?, query?, completion?, conversation?, listener?, guardrails?, caller}`. `prompt` is answered by
the model; a `document` is only screened; a `response` is a given `completion` to a `query`, checked with its
`passages`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stepguard.guard.callers import Caller
from stepguard.guard.conversation import Place, read_place
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import LAYERS
from stepguard.guard.stream.listeners import listener_of

QUESTION_CHARACTERS = 20_000
PASSAGES = 20
PASSAGE_CHARACTERS = 20_000
PASSAGE_ID_CHARACTERS = 200
STATE_BYTES = 236_000
"""The largest sum of all copies of a request's texts, as UTF-8. A state's input and output may be 262,144 bytes; the
rest is for findings, names and messages."""

ANSWER_BYTES = 32_000
"""The largest answer of a model: the document of an execution contains it three times."""

REQUEST_BYTES = STATE_BYTES - 3 * ANSWER_BYTES
"""The largest request for a model, in which the question counts twice: the input layer returns it."""

CONVERSATION_BYTES = 24_000
"""Of these, the room that a conversation may take beside the request and its passages."""

TEXT_BYTES = STATE_BYTES // 4 - 1_000
"""The largest document: it is in the request and in the results of the input layer, the answer layer and the end."""


class Kind(StrEnum):
    """The kind of text to guard."""

    PROMPT = "prompt"
    DOCUMENT = "document"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Request:
    """One guarded question, document or response.

    `caller` is the id of who asks; `groups` and `tenant` say what this caller may read. `listener` is the connection
    that the frames of the answer go to.
    """

    text: str
    caller: str
    kind: Kind = Kind.PROMPT
    passages: tuple[Passage, ...] = ()
    query: str | None = None
    completion: str | None = None
    guardrails: Mapping[str, Any] | None = field(default=None)
    groups: tuple[str, ...] = ()
    tenant: str | None = None
    conversation: Place | None = None
    listener: str | None = None

    @property
    def question(self) -> Question:
        """The input of the model or of the check of a response."""
        return Question(self.text, self.passages)

    @property
    def for_study(self) -> bool:
        """Whether an evaluation or a replay made this request: these name the guardrails and need every score."""
        return self.guardrails is not None

    @property
    def input_text(self) -> str:
        """The text that the input layer checks: the question, the document, or the query of a given response."""
        return (self.query or "") if self.kind is Kind.RESPONSE else self.text

    def to_document(self) -> dict[str, Any]:
        """The `request` of an execution's input; optional members only if present."""
        document: dict[str, Any] = {"kind": str(self.kind), "text": self.text, "caller": self._caller()}
        if self.passages:
            document["passages"] = [{"id": passage.id, "text": passage.text} for passage in self.passages]
        place = None if self.conversation is None else self.conversation.to_document()
        optional = {
            "query": self.query,
            "completion": self.completion,
            "conversation": place,
            "listener": None if self.listener is None else {"connection": self.listener},
            "guardrails": self.guardrails,
        }
        return document | {name: value for name, value in optional.items() if value is not None}

    def _caller(self) -> str | dict[str, Any]:
        if not self.groups and self.tenant is None:
            return self.caller
        return {"id": self.caller, "groups": list(self.groups), "tenant": self.tenant}


def from_document(document: object) -> Request:
    """Read and check the `request` of an execution. Raises InvalidRequest naming the member that is wrong."""
    if not isinstance(document, Mapping):
        raise InvalidRequest("The execution's input must be {'request': {...}}.")
    try:
        kind = Kind(document.get("kind", "prompt"))
    except ValueError:
        raise InvalidRequest(f"request.kind must be one of {', '.join(Kind)}.") from None
    query = _optional_text(document, "query")
    completion = _optional_text(document, "completion")
    if kind is Kind.RESPONSE and completion is None:
        raise InvalidRequest("A request of kind response needs 'completion'.")
    text = _optional_text(document, "text") or ""
    if kind is not Kind.RESPONSE and not text.strip():
        raise InvalidRequest("request.text must not be empty.")
    caller = _caller(document.get("caller"))
    request = Request(
        text=text,
        caller=caller.id,
        kind=kind,
        passages=passages_of(document.get("passages")),
        query=query,
        completion=completion,
        guardrails=_guardrails(document.get("guardrails")),
        groups=tuple(sorted(caller.groups)),
        tenant=caller.tenant,
        conversation=read_place(caller.id, document.get("conversation")),
        listener=listener_of({"request": document}),
    )
    check_size(request)
    return request


def _caller(value: object) -> Caller:
    """`{id, groups, tenant}`, or the id alone."""
    if isinstance(value, Mapping):
        groups, tenant = value.get("groups") or [], value.get("tenant")
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise InvalidRequest("request.caller.groups must be a list of strings.")
        if tenant is not None and not isinstance(tenant, str):
            raise InvalidRequest("request.caller.tenant must be a string.")
        return Caller(_optional_text(value, "id") or "unknown", frozenset(groups), tenant=tenant)
    return Caller(_optional_text({"caller": value}, "caller") or "unknown")


def passages_of(value: object) -> tuple[Passage, ...]:
    """Read `[{"id", "text"}]`; a plain string is a passage too, numbered. Raises InvalidRequest."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > PASSAGES:
        raise InvalidRequest(f"'passages' must be a list of at most {PASSAGES} objects with 'id' and 'text'.")
    passages = []
    for number, item in enumerate(value, 1):
        entry = {"id": str(number), "text": item} if isinstance(item, str) else item
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str) or not entry["text"].strip():
            raise InvalidRequest(f"passages[{number - 1}] must be an object with a non-empty string 'text'.")
        identifier = entry.get("id", str(number))
        if not isinstance(identifier, str) or not 0 < len(identifier) <= PASSAGE_ID_CHARACTERS:
            raise InvalidRequest(
                f"passages[{number - 1}].id must be a string of 1 to {PASSAGE_ID_CHARACTERS} characters."
            )
        check_unicode(identifier + entry["text"], f"passages[{number - 1}]")
        if len(entry["text"]) > PASSAGE_CHARACTERS:
            raise InvalidRequest(f"passages[{number - 1}].text is longer than {PASSAGE_CHARACTERS} characters.")
        passages.append(Passage(identifier, entry["text"]))
    return tuple(passages)


def check_size(request: Request, beside: int = 0) -> None:
    """Raise InvalidRequest when the request, with so many bytes beside it, would not fit the states of the workflow."""
    size = json_bytes(request.to_document()) + beside + (CONVERSATION_BYTES if request.conversation else 0)
    most, why = STATE_BYTES, "its texts count once for each copy"
    if request.kind is Kind.PROMPT:
        size, most, why = size + json_bytes(request.text), REQUEST_BYTES, "the question counts twice"
    elif request.kind is Kind.DOCUMENT:
        size += 3 * json_bytes(request.text)
    else:
        size += json_bytes(request.query or "") + 3 * json_bytes(request.completion or "")
    if size > most:
        raise InvalidRequest(f"The request is {size} bytes as JSON, where {why}; at most {most} fit.")


def json_bytes(value: object) -> int:
    """The size of a value as JSON in UTF-8, as Step Functions counts it."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"request.{name} must be a string.")
    if value is not None:
        check_unicode(value, f"request.{name}")
    return value


def check_unicode(text: str, name: str) -> None:
    """Raise InvalidRequest for half of a surrogate pair, which JSON can carry but no encoding can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is not valid Unicode text.") from None


def _guardrails(value: object) -> Mapping[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidRequest("request.guardrails must be an object.")
    if not value:
        raise InvalidRequest("request.guardrails is empty: it must name the guardrail of at least one layer.")
    for layer, ref in value.items():
        if layer not in LAYERS or not isinstance(ref, Mapping) or not ref.get("id") or not ref.get("version"):
            raise InvalidRequest("request.guardrails must map preprocess, model or postprocess to {'id', 'version'}.")
        if problem := GuardrailRef(str(ref["id"]), str(ref["version"])).problem:
            raise InvalidRequest(f"request.guardrails, {layer}: {problem}.")
    return dict(value)
