"""botocore's service models, from which requests and responses are read and written."""

from __future__ import annotations

from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

# Limits in which botocore's models lag behind what AWS documents and accepts: service -> shape -> traits.
_CORRECTIONS: dict[str, dict[str, dict[str, int]]] = {
    # 1,000 on the STANDARD tier (user guide, "Safeguard tiers"); 200 on CLASSIC is checked by the service itself.
    "bedrock": {"GuardrailTopicDefinition": {"max": 1000}},
}


@cache
def service_model(name: str) -> ServiceModel:
    """botocore's model of a service, e.g. `stepfunctions`, `bedrock`, `bedrock-runtime`."""
    description = Loader().load_service_model(name, "service-2")
    for shape, traits in _CORRECTIONS.get(name, {}).items():
        description["shapes"][shape].update(traits)
    return ServiceModel(description, service_name=name)
