"""The `bedrock-runtime` service: ApplyGuardrail, Converse and InvokeModel, whole and as streams."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from embedded_aws.bedrock.api.converse import converse, converse_stream
from embedded_aws.bedrock.api.embeddings import embed, embeds
from embedded_aws.bedrock.api.inline import Guard, guard
from embedded_aws.bedrock.api.invoke_model import invoke_model, invoke_stream
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.images import check_image, check_number
from embedded_aws.bedrock.judge.evaluation import Block, Scope
from embedded_aws.bedrock.judge.judge import Judge
from embedded_aws.bedrock.knowledge.embedding import Encoder, local_encoder
from embedded_aws.bedrock.models.base import Model
from embedded_aws.bedrock.models.catalogue import Catalogue, reasons
from embedded_aws.wire import ServiceError

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
_IDENTIFIER = re.compile(r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+")
_INVALID_IDENTIFIER = "The provided guardrail identifier is invalid."
_INCORRECT = "Guardrail was enabled but input is in incorrect format."

TOPIC_SCORES = "x-embedded-topic-scores"
"""The header of ApplyGuardrail with outputScope FULL: `{topic: [score, score from which it is detected]}`."""


class Runtime:
    """Backend of `bedrock-runtime`. `find` gives the guardrail for an identifier and a version."""

    repeated: ClassVar[Mapping[str, Mapping[str, str]]] = {"ApplyGuardrail": {"output": "outputs"}}
    """Members that AWS sends and botocore's model lacks, each with the one that it repeats."""

    def __init__(
        self,
        find: Callable[[str, str], Guardrail],
        judge: Judge,
        models: Catalogue,
        encoder: Encoder = local_encoder,
    ) -> None:
        self._find = find
        self._encoder = encoder
        self._judge = judge
        self._models = models

    def precheck(self, operation: str, request: Mapping[str, Any]) -> None:
        """Refuse a malformed guardrail identifier in the service's words, not in the model's.

        Model calls may have an empty name, which means no guardrail; ApplyGuardrail may not.
        """
        identifier = request.get("guardrailIdentifier")
        if operation in ("Converse", "ConverseStream"):
            config = request.get("guardrailConfig")
            identifier = config.get("guardrailIdentifier") if isinstance(config, dict) else None
        if not isinstance(identifier, str) or _IDENTIFIER.fullmatch(identifier):
            return
        if identifier or operation == "ApplyGuardrail":
            raise ServiceError("ValidationException", _INVALID_IDENTIFIER)

    def apply_guardrail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not request["guardrailVersion"]:
            raise ServiceError("ValidationException", _INVALID_IDENTIFIER)
        found = self._find(request["guardrailIdentifier"], request["guardrailVersion"])
        blocks = [_block(block, f"content.{number}.member.image") for number, block in enumerate(request["content"], 1)]
        if not any(block.text.strip() or block.image for block in blocks):
            raise ServiceError("ValidationException", _INCORRECT)
        check_number(sum(block.image is not None for block in blocks))
        full = request.get("outputScope") == "FULL"
        judged = self._judge(found, request["source"], blocks, Scope(full=full))
        # AWS's answer says only whether a topic was found: the scores are in a header, which is ours.
        scores = {TOPIC_SCORES: json.dumps(judged.topic_scores)} if full and judged.topic_scores else {}
        return {
            "ResponseMetadata": {"HTTPHeaders": scores},
            "usage": judged.usage,
            "action": "GUARDRAIL_INTERVENED" if judged.intervened else "NONE",
            "actionReason": judged.reason,
            "outputs": [{"text": text} for text in judged.outputs],
            "assessments": [judged.assessment],
            "guardrailCoverage": judged.coverage,
        }

    def converse(self, request: Mapping[str, Any]) -> dict[str, Any]:
        config = request.get("guardrailConfig") or {}
        if "streamProcessingMode" in config:
            raise ServiceError("ValidationException", "streamProcessingMode is for ConverseStream only.")
        return converse(request, self._model(request), self._guard(config), **self._manner(request))

    def converse_stream(self, request: Mapping[str, Any]) -> dict[str, Any]:
        config = request.get("guardrailConfig") or {}
        guarding, behind = self._guard(config), config.get("streamProcessingMode") == "async"
        model, manner = self._model(request), self._manner(request)
        return {"stream": converse_stream(request, model, guarding, behind=behind, **manner)}

    def _model(self, request: Mapping[str, Any]) -> Model:
        return self._models.model(request["modelId"])

    def _guard(self, config: Mapping[str, Any]) -> Guard | None:
        identifier, version = config.get("guardrailIdentifier"), config.get("guardrailVersion")
        full = str(config.get("trace")).lower() == "enabled_full"
        return guard(self._find, self._judge, identifier, version, full=full)

    def _manner(self, request: Mapping[str, Any]) -> dict[str, bool]:
        trace = (request.get("guardrailConfig") or {}).get("trace", "disabled")
        return {"reasoning": reasons(request["modelId"]), "traced": trace != "disabled"}

    def invoke_model(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if embeds(request["modelId"]):
            if request.get("guardrailIdentifier"):
                raise ServiceError("ValidationException", "Guardrails do not support embedding models.")
            vectors, tokens = embed(request["modelId"], request.get("body") or b"", self._encoder)
            return _invoked(vectors, {"x-amzn-bedrock-input-token-count": str(tokens)})
        traced = request.get("trace", "DISABLED") != "DISABLED"
        body, completion = invoke_model(request, self._model(request), self._guard(request), traced=traced)
        # Not every body has room for the tokens; AWS sends them in headers that botocore's model lacks.
        counts = {
            "x-amzn-bedrock-input-token-count": str(completion.input_tokens),
            "x-amzn-bedrock-output-token-count": str(completion.output_tokens),
        }
        return _invoked(body, counts)

    def invoke_model_with_response_stream(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if embeds(request["modelId"]):
            raise ServiceError("ValidationException", "The model does not support streaming.")
        traced = request.get("trace", "DISABLED") != "DISABLED"
        chunks = invoke_stream(request, self._model(request), self._guard(request), traced=traced)
        return {"body": ({"chunk": {"bytes": chunk}} for chunk in chunks), "contentType": "application/json"}


def _invoked(body: bytes, counts: Mapping[str, str]) -> dict[str, Any]:
    return {"body": body, "contentType": "application/json", "ResponseMetadata": {"HTTPHeaders": counts}}


def _block(block: Mapping[str, Any], where: str) -> Block:
    if image := block.get("image"):
        return Block("", image=check_image(image["format"], image["source"]["bytes"], where))
    if "text" not in block:
        raise ServiceError("ValidationException", _INCORRECT)
    return Block(block["text"]["text"], frozenset(block["text"].get("qualifiers") or ()))
