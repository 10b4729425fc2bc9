"""Which local model answers for a model id."""

from __future__ import annotations

from dataclasses import dataclass, field

from embedded_aws.bedrock.models.base import Model
from embedded_aws.bedrock.models.echo import EchoModel
from embedded_aws.wire import ServiceError

# Model ids with these endings always fail so, for trying out what happens then.
_FAILURES = {
    "not-ready": ServiceError(
        "ModelNotReadyException",
        "Model is not ready for inference. Wait and try your request again. Refer to "
        "https://docs.aws.amazon.com/bedrock/latest/userguide/invoke-imported-model.html#handle-model-not-ready-exception",
        429,
    ),
    "throttled": ServiceError("ThrottlingException", "Too many requests, please wait before trying again.", 429),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every id is known: ids that end in `echo` to `echo`, all others to `language`."""

    language: Model
    echo: Model = field(default_factory=EchoModel)

    def model(self, model_id: str) -> Model:
        """The model for an id, ARN or endpoint name. Raises ServiceError for the ids that always fail."""
        for ending, failure in _FAILURES.items():
            if model_id.endswith(ending):
                raise ServiceError(failure.code, failure.message, failure.status)
        return self.echo if model_id.endswith("echo") else self.language


def reasons(model_id: str) -> bool:
    """Whether the id names a reasoning model, whose thoughts Converse reports apart from its answer."""
    return "deepseek" in model_id.lower()
