"""The answer that the person gets, and its source.

Outcomes and sources: the table in docs/use/chat.md; sources are QnABot's names
(https://github.com/aws-solutions/qnabot-on-aws, docs/bedrock_guardrails).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stepguard.guard.request import Kind
from stepguard.guard.stages import STAGES, Outcome


class AnswerOutcome(StrEnum):
    """The result of a question; `passed` is that of a screened document or a given response."""

    ANSWERED = "answered"
    PASSED = "passed"
    MASKED = "masked"
    BLOCKED = "blocked"
    DONT_KNOW = "dont_know"
    UNAVAILABLE = "unavailable"


class Source(StrEnum):
    """Where the answer's text comes from."""

    LLM = "LLM"
    PREPROCESS = "PREPROCESS GUARDRAIL"
    BEDROCK = "BEDROCK GUARDRAIL"
    POSTPROCESS = "POSTPROCESS GUARDRAIL"
    CURATED = "CURATED ANSWER"
    KNOWLEDGE = "KNOWLEDGE BASE"
    DOCUMENT = "DOCUMENT"
    RESPONSE = "RESPONSE"


SOURCES = {Kind.PROMPT: Source.LLM, Kind.DOCUMENT: Source.DOCUMENT, Kind.RESPONSE: Source.RESPONSE}
"""The source of a delivered text, by the kind of request."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One cited passage. `groups` may read its document; a person never gets this member."""

    n: int
    id: str
    title: str
    uri: str
    page: int | None = None
    excerpt: str = ""
    score: float | None = None
    groups: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """`{n, id, title, uri, page, excerpt, score}`, as people get it."""
        return {key: value for key, value in self.to_document().items() if key != "groups"}

    def to_document(self) -> dict[str, Any]:
        """The citation in the form of the execution document."""
        return {
            "n": self.n,
            "id": self.id,
            "title": self.title,
            "uri": self.uri,
            "page": self.page,
            "excerpt": self.excerpt,
            "score": self.score,
            "groups": list(self.groups),
        }


def read_citation(document: Mapping[str, Any]) -> Citation:
    """The citation of `to_document`. Raises KeyError, TypeError or ValueError for what is none."""
    page, score = document.get("page"), document.get("score")
    return Citation(
        int(document["n"]),
        str(document["id"]),
        str(document["title"]),
        str(document["uri"]),
        None if page is None else int(page),
        str(document.get("excerpt", "")),
        None if score is None else float(score),
        tuple(map(str, document.get("groups") or ())),
    )


_OPTIONAL = ("citations", "execution", "verdicts")
"""Members of an answer as JSON that are left out if empty."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One guarded answer. `got_hits` is QnABot's: 1 when a model or document answered, 0 otherwise.

    `citations` are the passages that the text names by number.
    """

    text: str
    outcome: AnswerOutcome
    source: Source | None
    got_hits: int
    execution: str | None = None
    verdicts: tuple[Mapping[str, Any], ...] = ()
    citations: tuple[Citation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON; `verdicts` is a summary by state and never holds a matched text."""
        full = {
            **self.to_document(),
            "citations": [citation.to_dict() for citation in self.citations],
            "execution": self.execution,
            "verdicts": [dict(item) for item in self.verdicts],
        }
        return {key: value for key, value in full.items() if key not in _OPTIONAL or value}

    def to_document(self) -> dict[str, Any]:
        """The answer in the form of the execution document, without execution and verdicts."""
        document = {
            "text": self.text,
            "outcome": str(self.outcome),
            "source": None if self.source is None else str(self.source),
            "got_hits": self.got_hits,
        }
        cited = [citation.to_document() for citation in self.citations]
        return document | ({"citations": cited} if cited else {})


def delivered(text: str, source: Source, *outcomes: Outcome) -> Answer:
    """A text that passed every layer; it is masked when any layer masked.

    A document or a given response is passed, not answered.
    """
    unmasked = AnswerOutcome.PASSED if source in (Source.DOCUMENT, Source.RESPONSE) else AnswerOutcome.ANSWERED
    return Answer(text, AnswerOutcome.MASKED if Outcome.MASKED in outcomes else unmasked, source, got_hits=1)


def refused(message: str, source: Source) -> Answer:
    """A layer blocked: the answer is the guardrail's own message."""
    return Answer(message, AnswerOutcome.BLOCKED, source, got_hits=0)


def dont_know(empty_message: str, source: Source) -> Answer:
    """The model does not know, or there is no text: the answer is the team's own message."""
    return Answer(empty_message, AnswerOutcome.DONT_KNOW, source, got_hits=0)


def unavailable(error_message: str, execution: str | None = None) -> Answer:
    """The execution failed, timed out or was aborted: this is never reported as a guardrail's decision."""
    return Answer(error_message, AnswerOutcome.UNAVAILABLE, None, got_hits=0, execution=execution)


def from_document(document: Mapping[str, Any], execution: str) -> Answer:
    """The answer of a finished execution's document.

    Raises KeyError when the document holds no answer, which a succeeded execution always does.
    """
    verdicts = [
        {
            "state": stage.state,
            "outcome": document[stage.key]["outcome"],
            "findings": document[stage.key]["findings"],
        }
        for stage in STAGES
        if stage.key in document
    ]
    return read_answer(document["answer"], verdicts, execution)


def read_answer(answer: Mapping[str, Any], verdicts: Iterable[Mapping[str, Any]], execution: str) -> Answer:
    """The answer in the form of `to_document`, with its verdicts in any order.

    Raises KeyError, TypeError or ValueError for what is no answer.
    """
    order = [stage.state for stage in STAGES]
    return Answer(
        str(answer["text"]),
        AnswerOutcome(answer["outcome"]),
        None if answer["source"] is None else Source(answer["source"]),
        int(answer["got_hits"]),
        execution,
        tuple(sorted(verdicts, key=lambda verdict: order.index(verdict["state"]))),
        tuple(map(read_citation, answer.get("citations") or ())),
    )


def expiry(now: float, hours: int) -> int:
    """When the row of an answer expires, in seconds since 1970."""
    return int(now) + hours * 3600
