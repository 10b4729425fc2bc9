"""Questions to a model, and the settings that reach it by each API."""

from __future__ import annotations

from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import ImportedBody, ModelApi, ModelSettings

QUESTION = Question("What causes diabetes?")
GROUNDED = Question("What causes diabetes?", (Passage("1", "Genes."), Passage("2", "Weight.")))
ANSWER = "Diabetes has several causes."
IMPORTED = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl"
ENDPOINT = "deepseek-r1-distill-llama-8b"
SAGEMAKER = ModelSettings(ModelApi.SAGEMAKER, ENDPOINT, max_tokens=900)


def imported(body: ImportedBody = ImportedBody.COMPLETION) -> ModelSettings:
    """An imported model that takes this body."""
    return ModelSettings(ModelApi.IMPORTED_MODEL, IMPORTED, body, 4096, 0.3, 0.9, "Be kind.")
