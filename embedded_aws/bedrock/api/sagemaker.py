"""The `sagemaker-runtime` service: InvokeEndpoint, as a JumpStart endpoint with Text Generation Inference answers it.

Endpoint names work like model ids: one that ends in `echo` is the echo model. There is no guardrail on this way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.api import bodies
from embedded_aws.bedrock.api.families import choose
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.wire import ServiceError


class SageMakerRuntime:
    """Backend of `sagemaker-runtime`."""

    def __init__(self, models: Catalogue) -> None:
        self._models = models

    def invoke_endpoint(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        model = self._models.model(name)
        try:
            body = bodies.parse(request["Body"])
            chosen = choose(body, name)
            conversation, in_thought = bodies.messages(bodies.slots(body))
            completion = bodies.closed(model.complete(conversation, chosen.sampling(body)), in_thought)
        except ServiceError as error:
            if error.status != 400:
                raise
            raise ServiceError(
                "ModelError",
                f'Received client error (400) from primary with message "{error.message}".',
                424,
                OriginalStatusCode=400,
                OriginalMessage=error.message,
            ) from None
        answer = json.dumps(chosen.answer(completion, body), ensure_ascii=False).encode()
        return {"Body": answer, "ContentType": "application/json", "InvokedProductionVariant": "AllTraffic"}
