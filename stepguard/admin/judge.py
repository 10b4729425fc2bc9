"""A model that grades an answer, through Converse."""

from __future__ import annotations

from collections.abc import Mapping

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.models.completion import RuntimeClient
from stepguard.evaluation.answers.grades import Grade
from stepguard.evaluation.answers.judging import MAX_TOKENS, message_of, read_grade, system_of
from stepguard.guard.texts.reasoning import answer_of
from stepguard.guard.vocabularies import converse_text


def grade(
    question: str,
    references: tuple[str, ...],
    answer: str,
    model: str,
    rubric: str | None = None,
    runtime: RuntimeClient | None = None,
) -> tuple[Grade | None, Mapping[str, int]]:
    """The judge's grade, None if its reply is none, and its tokens. Raises StepguardError."""
    with aws_errors("Converse", f"It concerns the judge {model}."):
        response = (runtime or client("bedrock-runtime")).converse(
            modelId=model,
            system=[{"text": system_of(rubric)}],
            messages=[{"role": "user", "content": [{"text": message_of(question, references, answer)}]}],
            inferenceConfig={"maxTokens": MAX_TOKENS, "temperature": 0.0},
        )
    cut_short = response.get("stopReason") == "max_tokens"
    reply = answer_of(converse_text(response), thought_opened=False, cut_short=cut_short)
    usage = response.get("usage") or {}
    tokens = {"input": int(usage.get("inputTokens", 0)), "output": int(usage.get("outputTokens", 0))}
    return read_grade(reply), tokens
