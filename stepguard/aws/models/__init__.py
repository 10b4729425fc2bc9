"""The model that answers a question, through any of its APIs."""

from __future__ import annotations

from dataclasses import replace

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import converse, endpoint, invoke
from stepguard.aws.models.completion import Completion, RuntimeClient
from stepguard.guard.chunking import REQUEST_CHARACTERS
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelApi, ModelSettings
from stepguard.guard.verdict import Layer, merge

__all__ = ["Completion", "Models", "RuntimeClient"]


_OVER_CONTEXT = "Input is too long for requested model"


class Models:
    """Calls the configured model under the model layer's guardrail."""

    def __init__(
        self,
        runtime: RuntimeClient | None = None,
        sagemaker: endpoint.EndpointClient | None = None,
        guardrails: Guardrails | None = None,
    ) -> None:
        self._runtime = runtime
        self._sagemaker = sagemaker
        self._guardrails = guardrails or Guardrails()

    def ask(self, question: Question, model: ModelSettings, guardrail: GuardrailRef | None) -> Completion:
        """One answer. Raises StepguardError; Throttled, ServiceUnavailable and ModelNotReady can be retried.

        Passages that do not fit into one guarded request, or into the model's context, still give an answer: they are
        checked in separate requests, and shortened for the model.
        """
        if model.api is ModelApi.SAGEMAKER:
            return endpoint.ask(question, model, guardrail, self._guardrails, self._sagemaker)
        if guardrail is None or question.characters <= REQUEST_CHARACTERS:
            return self._shortening(question, model, guardrail)
        screened, before = self._guardrails.screen(guardrail, question, Layer.MODEL)
        if any(verdict.blocked for verdict in before):
            return Completion(merge(before, ""), "guardrail_intervened")
        completion = self._shortening(screened, model, guardrail)
        return replace(completion, verdict=merge([*before, completion.verdict], completion.verdict.text))

    def _shortening(self, question: Question, model: ModelSettings, guardrail: GuardrailRef | None) -> Completion:
        """One answer from as much of the passages as the model takes."""
        ask = converse.ask if model.api is ModelApi.CONVERSE else invoke.ask
        shorter = question
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
