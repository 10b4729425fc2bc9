"""The model that answers a question, through any of its APIs. Only the module of the configured one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models.completion import Completion, RuntimeClient
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.grounding import QUERY_CHARACTERS, only_ungrounded
from stepguard.guard.knowledge import NOBODY, Reader
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelApi, ModelSettings
from stepguard.guard.stages import Layer
from stepguard.guard.texts.chunking import REQUEST_CHARACTERS
from stepguard.guard.verdict import merge

if TYPE_CHECKING:
    from stepguard.aws.models.endpoint import EndpointClient
    from stepguard.aws.models.retrieve_and_generate import GenerateClient

__all__ = ["Completion", "Models", "RuntimeClient"]


_OVER_CONTEXT = "Input is too long for requested model"


class Models:
    """Calls the configured model under the model layer's guardrail."""

    def __init__(
        self,
        runtime: RuntimeClient | None = None,
        sagemaker: EndpointClient | None = None,
        guardrails: Guardrails | None = None,
        agent: GenerateClient | None = None,
    ) -> None:
        self._agent = agent
        self._runtime = runtime
        self._sagemaker = sagemaker
        self._guardrails = guardrails or Guardrails()

    def ask(
        self,
        question: Question,
        model: ModelSettings,
        guardrail: GuardrailRef | None,
        reader: Reader | None = None,
        hear: Callable[[str], None] | None = None,
    ) -> Completion:
        """One answer. Raises StepguardError; Throttled, ServiceUnavailable and ModelNotReady can be retried.

        `hear` gets the text as the model writes it, by Converse or InvokeModel and without passages only: with passages
        the answer is judged as a whole. RetrieveAndGenerate is read as a stream then, and nothing of it is heard.

        Passages that do not fit into one guarded request, or into the model's context, still give an answer: they are
        checked in separate requests, and shortened for the model.
        """
        if model.api is ModelApi.RETRIEVE_AND_GENERATE and not question.passages:
            from stepguard.aws.models import retrieve_and_generate

            return retrieve_and_generate.ask(
                question, model, guardrail, reader or NOBODY, self._agent, stream=hear is not None
            )
        if model.api is ModelApi.SAGEMAKER:
            from stepguard.aws.models import endpoint

            return endpoint.ask(question, model, guardrail, self._guardrails, self._sagemaker)
        if hear is not None and not question.passages:
            return _one_call(model)(question, model, guardrail, self._runtime, hear)
        if guardrail is None or _fits(question, model):
            return self._shortening(question, model, guardrail)
        screened, before = self._guardrails.screen(guardrail, question, Layer.MODEL)
        if any(verdict.blocked for verdict in before):
            return Completion(merge(before, ""), "guardrail_intervened")
        completion = self._shortening(screened, model, guardrail)
        verdicts, said = [*before, completion.verdict], completion.said
        if not _is_converse(model) and not completion.verdict.blocked:
            # In input tags the passages cannot be a source without being judged by the other policies as well.
            text = completion.verdict.text
            verdicts.append(self._guardrails.check_grounded(guardrail, text, screened, Layer.MODEL))
            said = text if only_ungrounded(verdicts[-1]) else ""
        return replace(completion, verdict=merge(verdicts, verdicts[-1].text), said=said)

    def _shortening(self, question: Question, model: ModelSettings, guardrail: GuardrailRef | None) -> Completion:
        """One answer from as much of the passages as the model takes."""
        ask, shorter = _one_call(model), question
        while True:
            try:
                completion = ask(shorter, model, guardrail, self._runtime)
            except InvalidRequest as error:
                half = shorter.shortened() if _OVER_CONTEXT in str(error) else None
                if half is None:
                    raise
                shorter = half
            else:
                left_out = question.passage_characters - shorter.passage_characters
                if not left_out:
                    return completion
                return replace(completion, tokens={**completion.tokens, "left_out": left_out})


def _one_call(model: ModelSettings) -> Callable[..., Completion]:
    """The function that calls the model once, by Converse or InvokeModel."""
    if _is_converse(model):
        from stepguard.aws.models import converse

        return converse.ask
    from stepguard.aws.models import invoke

    return invoke.ask


def _is_converse(model: ModelSettings) -> bool:
    return model.api in (ModelApi.CONVERSE, ModelApi.RETRIEVE_AND_GENERATE)  # the latter with given passages


def _fits(question: Question, model: ModelSettings) -> bool:
    """Whether one guarded request takes it all.

    In input tags a text is a query or guarded content, not both: with a question longer than a query, or with screened
    passages, which must not be judged again, the passages are left untagged and the answer is compared apart.
    """
    judged = len(question.text) + sum(len(passage.text) for passage in question.passages if not passage.screened)
    if judged > REQUEST_CHARACTERS:
        return False
    if _is_converse(model) or not question.passages:
        return True
    return len(question.text) <= QUERY_CHARACTERS and not any(passage.screened for passage in question.passages)
