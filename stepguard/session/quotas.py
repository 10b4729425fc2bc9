"""The request quotas of the embedded AWS, from the option of `stepguard serve`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from embedded_aws.wire import Rate, service_model
from embedded_aws.wire.quotas import bucket_of
from stepguard.evaluation.quotas import QUOTAS
from stepguard.guard.errors import ConfigurationError

DEFAULT = "default"


def read_rates(text: str) -> dict[str, Rate]:
    """`default`, a factor of the default quotas, or a JSON file `{BUCKET: {"size", "refill"}}`.

    Raises ConfigurationError.
    """
    if text == DEFAULT:
        return default_rates()
    try:
        scale = float(text)
    except ValueError:
        return _of_file(Path(text))
    if not (math.isfinite(scale) and scale > 0):
        raise ConfigurationError(f"--quotas {text}: a factor must be above 0.")
    return default_rates(scale)


def default_rates(scale: float = 1.0) -> dict[str, Rate]:
    """AWS's default quotas of a large Region, scaled; a bucket has room for one unit at least."""
    return {
        name: Rate(max(1.0, quota.burst_large * scale), quota.large * scale)
        for name, quota in QUOTAS.items()
        if name not in NOT_LIMITED
    }


NOT_LIMITED = frozenset({"stepfunctions:StateTransition", "apigateway:requests"})
"""AWS delays transitions above the quota and refuses none; the embedded API has a separate limit."""


def _of_file(file: Path) -> dict[str, Rate]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--quotas {file}: cannot be read ({type(error).__name__}).") from None
    if not isinstance(document, Mapping):
        raise ConfigurationError(f"--quotas {file}: must be a JSON object of buckets.")
    known = set(QUOTAS) - NOT_LIMITED
    rates = {}
    for name, entry in document.items():
        if name not in known and not _is_operation(name):
            raise ConfigurationError(
                f"--quotas {file}: unknown bucket {name!r}: {', '.join(sorted(known))}, or SERVICE:OPERATION."
            )
        values = [entry.get(key) for key in ("size", "refill")] if isinstance(entry, Mapping) else []
        if not all(_positive(value) for value in values) or len(values) != 2:
            raise ConfigurationError(f"--quotas {file}: {name} must have a 'size' and a 'refill' above 0.")
        rates[name] = Rate(float(entry["size"]), float(entry["refill"]))
    return rates


_SERVICES = ("stepfunctions", "bedrock", "bedrock-runtime", "sagemaker-runtime", "lambda")


def _is_operation(name: str) -> bool:
    """Whether a bucket is that of one operation, which shares it with no other."""
    service, _, operation = name.partition(":")
    known = service in _SERVICES and operation in service_model(service).operation_names
    return known and bucket_of(service, operation) == name


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
