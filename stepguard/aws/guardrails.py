"""ApplyGuardrail: one guard layer on one text of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.bedrock_names import ANONYMIZED
from stepguard.guard.errors import InvalidRequest, UnreadableVerdict
from stepguard.guard.grounding import ANSWER_CHARACTERS, query_of, without_grounding
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, about_guardrail
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.texts.chunking import Chunk, cut, put_back
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE, Verdict, block_reasoning, merge, skipped
from stepguard.guard.vocabularies import read_apply_guardrail

_NO_SOURCE = "does not contain the grounding source"
_OVERLAP = 500
"""What two parts of an answer share where contextual grounding would take no longer one."""


class GuardrailClient(Protocol):
    """The part of boto3's `bedrock-runtime` client that guards need."""

    def apply_guardrail(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html"""
        ...


_SOURCE = ("grounding_source", "guard_content")
"""Without guard_content, only contextual grounding would look at a source."""


class Guardrails:
    """Applies guardrails through `bedrock-runtime`; with `scores` a verdict also contains the scores below their
    limits."""

    def __init__(self, runtime: GuardrailClient | None = None, *, scores: bool = False) -> None:
        self._runtime = runtime
        self._scope = {"outputScope": "FULL"} if scores else {}

    def check(
        self, ref: GuardrailRef | None, text: str, layer: Layer, direction: Direction, *, source: bool = False
    ) -> Verdict:
        """The verdict of a layer on a text; skipped if the layer is off or the text is empty.

        A text over a request's limit is sent in overlapping chunks, whose verdicts are merged: the worst wins, and
        masked text keeps its white space. `source` marks a text that the model reads for the user, such as a passage.
        Raises StepguardError.
        """
        if ref is None or not text.strip():
            return skipped(text)
        chunks = cut(text)
        verdicts: list[Verdict] = []
        for chunk in chunks:
            verdict = self._judge_alone(ref, chunk.text, layer, direction, source=source)
            if verdict.blocked:
                return merge([*verdicts, verdict], "")
            verdicts.append(verdict)
        return _merged(text, list(zip(chunks, verdicts, strict=True)))

    def screen(
        self, ref: GuardrailRef | None, question: Question, layer: Layer
    ) -> tuple[Question, tuple[Verdict, ...]]:
        """The question with its passages as the guardrail returns them, each checked alone, and the verdicts. Those
        that were screened before they were stored are not checked again.

        Raises StepguardError.
        """
        verdicts: list[Verdict] = []
        passages = []
        for passage in question.passages:
            if passage.screened:
                passages.append(passage)
                continue
            verdicts.append(self.check(ref, passage.text, layer, Direction.INPUT, source=True))
            if verdicts[-1].blocked:
                return question, tuple(verdicts)
            passages.append(replace(passage, text=verdicts[-1].text))
        return replace(question, passages=tuple(passages), screened=True), tuple(verdicts)

    def check_grounded(self, ref: GuardrailRef | None, text: str, question: Question, layer: Layer) -> Verdict:
        """The verdict of a layer on a model's answer, with the passages and the question it must be grounded in.

        Contextual grounding is never chunked: its judgement needs the whole answer.
        """
        if ref is None or not text.strip():
            return skipped(text)
        if not question.passages:
            return self.check(ref, text, layer, Direction.OUTPUT)
        query, _ = query_of(question.text)
        content = [
            *(_block(passage.text, "grounding_source") for passage in question.passages),
            *([_block(query, "query")] if query.strip() else []),  # Bedrock refuses an empty text
            _block(text, "guard_content"),
        ]
        return self._judge(ref, content, text, layer, Direction.OUTPUT)

    def _judge_alone(
        self, ref: GuardrailRef, text: str, layer: Layer, direction: Direction, *, source: bool
    ) -> Verdict:
        """The verdict on a text without passages.

        Bedrock refuses an answer without a source if the guardrail has contextual grounding, and then judges it by no
        policy at all. So the answer goes again as its own source and query, and what grounding says of it is left out.
        """
        try:
            return self._judge(ref, [_block(text, *(_SOURCE if source else ()))], text, layer, direction)
        except InvalidRequest as error:
            if direction is not Direction.OUTPUT or _NO_SOURCE not in str(error):
                raise
        parts = cut(text, ANSWER_CHARACTERS, _OVERLAP)
        verdicts: list[Verdict] = []
        for part in parts:
            query, _ = query_of(part.text.strip())
            content = [
                _block(part.text, "grounding_source"),
                _block(query, "query"),
                _block(part.text, "guard_content"),
            ]
            judged = without_grounding(self._judge(ref, content, part.text, layer, direction), part.text)
            if judged.blocked:
                return merge([*verdicts, judged], "")
            verdicts.append(judged)
        return _merged(text, list(zip(parts, verdicts, strict=True)))

    def _judge(
        self, ref: GuardrailRef, content: Sequence[Mapping[str, Any]], text: str, layer: Layer, source: Direction
    ) -> Verdict:
        runtime = self._runtime or client("bedrock-runtime")
        with aws_errors("ApplyGuardrail", about_guardrail(layer, ref)):
            response = runtime.apply_guardrail(
                guardrailIdentifier=ref.id,
                guardrailVersion=ref.version,
                source=str(source),
                content=list(content),
                **self._scope,
            )
        return block_reasoning(read_apply_guardrail(response, text, layer, source), ref.reasoning_blocks)


def _block(text: str, *qualifiers: str) -> dict[str, Any]:
    return {"text": {"text": text} | ({"qualifiers": list(qualifiers)} if qualifiers else {})}


def _merged(text: str, parts: Sequence[tuple[Chunk, Verdict]]) -> Verdict:
    verdicts = [verdict for _, verdict in parts]
    placeholders = {
        f"{{{finding.name}}}" for verdict in verdicts for finding in verdict.findings if finding.action == ANONYMIZED
    }
    try:
        whole = put_back(text, [(chunk, verdict.text) for chunk, verdict in parts], placeholders)
    except UnreadableVerdict:
        # The masked parts cannot be identified, so the text may not be delivered.
        return merge([*verdicts, Verdict(Outcome.BLOCKED, "", DEFAULT_BLOCKED_MESSAGE)], "")
    return merge(verdicts, whole)
