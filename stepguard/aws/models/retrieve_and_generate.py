"""RetrieveAndGenerate: Bedrock searches the knowledge base and answers, in one call.

Its guardrail judges the question and the answer, never the passages, and the response says only whether it intervened:
without a finding that proves a mask, an intervention is a block. Sessions are made by the service and not used, because
what they keep could not be guarded turn by turn.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerate.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.models.completion import Completion
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.knowledge import Reader, Search, filter_of, is_readable, read_passage
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import GuardrailRef, ModelSettings, about_model
from stepguard.guard.stages import Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE, Verdict, skipped
from stepguard.guard.vocabularies import read_retrieve_and_generate

INPUT_CHARACTERS = 1_000
"""The longest question that every version of the service takes."""


class GenerateClient(Protocol):
    """The part of boto3's `bedrock-agent-runtime` client that this needs."""

    def retrieve_and_generate(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerate.html"""
        ...

    def retrieve_and_generate_stream(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrieveAndGenerateStream.html"""
        ...


def ask(
    question: Question,
    model: ModelSettings,
    guardrail: GuardrailRef | None,
    reader: Reader,
    runtime: GenerateClient | None = None,
    *,
    stream: bool = False,
) -> Completion:
    """One call, read as a stream if wanted: a long answer then needs no long time-out.

    A question over the service's limit is cut, and `left_out` counts what is missing.

    Raises StepguardError.
    """
    if problem := reader.knowledge.problem:
        raise ConfigurationError(f"LLM_API=RETRIEVE_AND_GENERATE needs a knowledge base: {problem}.")
    text = question.neutralised().text
    request = {
        "input": {"text": text[:INPUT_CHARACTERS]},
        "retrieveAndGenerateConfiguration": {
            "type": "KNOWLEDGE_BASE",
            "knowledgeBaseConfiguration": _configuration(model, guardrail, reader),
        },
    }
    caller = runtime or client("bedrock-agent-runtime")
    with aws_errors("RetrieveAndGenerateStream" if stream else "RetrieveAndGenerate", about_model(model, guardrail)):
        if stream:
            from stepguard.aws.models.streams import read_generated_stream

            events = caller.retrieve_and_generate_stream(**request)["stream"]
            response: Mapping[str, Any] = read_generated_stream(events, guarded=guardrail is not None)
        else:
            response = caller.retrieve_and_generate(**request)
    said = str((response.get("output") or {}).get("text") or "")
    verdict = skipped(said) if guardrail is None else read_retrieve_and_generate(response, said)
    references = [item for part in response.get("citations") or () for item in part.get("retrievedReferences") or ()]
    if not all(_readable(item, reader) for item in references):
        # The filter did not hold: the answer may have words that the caller must not read.
        verdict = Verdict(Outcome.BLOCKED, "", DEFAULT_BLOCKED_MESSAGE)
    sources = () if verdict.blocked else _sources(references, reader)
    left_out = max(0, len(text) - INPUT_CHARACTERS)
    return Completion(verdict, "end_turn", {"left_out": left_out} if left_out else {}, sources)


def _configuration(model: ModelSettings, guardrail: GuardrailRef | None, reader: Reader) -> dict[str, Any]:
    knowledge = reader.knowledge
    search: dict[str, Any] = {"numberOfResults": knowledge.results}
    if knowledge.search is not Search.DEFAULT:
        search["overrideSearchType"] = str(knowledge.search)
    condition = filter_of(knowledge, reader.groups, reader.tenant)
    if condition is not None:
        search["filter"] = condition
    generation: dict[str, Any] = {
        "inferenceConfig": {
            "textInferenceConfig": {
                "maxTokens": model.max_tokens,
                "temperature": model.temperature,
                "topP": model.top_p,
            }
        }
    }
    if guardrail is not None:
        # This operation takes the id alone, not the ARN.
        identifier = guardrail.id.rpartition("/")[2]
        generation["guardrailConfiguration"] = {"guardrailId": identifier, "guardrailVersion": guardrail.version}
    return {
        "knowledgeBaseId": knowledge.id,
        "modelArn": model.id,
        "retrievalConfiguration": {"vectorSearchConfiguration": search},
        "generationConfiguration": generation,
    }


def _readable(reference: Mapping[str, Any], reader: Reader) -> bool:
    return is_readable(reader.knowledge, reference.get("metadata") or {}, reader.groups, reader.tenant)


def _sources(references: list[Mapping[str, Any]], reader: Reader) -> tuple[Passage, ...]:
    read = [read_passage(reference, reader.knowledge.access) for reference in references]
    distinct = {(passage.id, passage.text): passage for passage in read if passage is not None}
    return tuple(replace(passage, number=number) for number, passage in enumerate(distinct.values(), 1))
