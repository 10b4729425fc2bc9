"""The model that answers a question, through any of its APIs."""

from __future__ import annotations

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import converse, endpoint, invoke
from stepguard.aws.models.completion import Completion, RuntimeClient
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelApi, ModelSettings

__all__ = ["Completion", "Models", "RuntimeClient"]


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
        """One answer. Raises StepguardError; Throttled, ServiceUnavailable and ModelNotReady can be retried."""
        if model.api is ModelApi.CONVERSE:
            return converse.ask(question, model, guardrail, self._runtime)
        if model.api is ModelApi.SAGEMAKER:
            return endpoint.ask(question, model, guardrail, self._guardrails, self._sagemaker)
        return invoke.ask(question, model, guardrail, self._runtime)
