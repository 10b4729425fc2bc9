"""The services of AWS as botocore names them: how each one signs and which protocol it speaks.

A model's first bytes contain its metadata, so the metadata of all services are read without loading the models.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore.loaders import Loader

_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class KnownService:
    """`name` is botocore's (`stepfunctions`), `signing_name` AWS's (`states`); only JSON has a `target_prefix`."""

    name: str
    signing_name: str
    endpoint_prefix: str
    protocol: str
    target_prefix: str = ""
    json_version: str = "1.1"


@cache
def known_services() -> Mapping[str, KnownService]:
    """All services by name."""
    found = {}
    for file in _model_files():
        metadata = _metadata(file)
        name = file.parent.parent.name
        prefix = metadata.get("endpointPrefix", name)
        found[name] = KnownService(
            name,
            metadata.get("signingName", prefix).lower(),
            prefix,
            metadata["protocol"],
            metadata.get("targetPrefix", ""),
            metadata.get("jsonVersion", "1.1"),
        )
    return found


@cache
def services_signed_as(signing_name: str) -> tuple[KnownService, ...]:
    """The services that share a signing name, e.g. `bedrock` and `bedrock-runtime`."""
    return tuple(service for service in known_services().values() if service.signing_name == signing_name)


def _model_files() -> Iterator[Path]:
    """The newest model of each service in botocore's own data."""
    for folder in sorted(Path(Loader.BUILTIN_DATA_PATH).iterdir()):
        versions = sorted(folder.glob("*/service-2.json*")) if folder.is_dir() else []
        if versions:
            yield versions[-1]


def _metadata(file: Path) -> dict[str, str]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        text = stream.read(_HEAD_BYTES).decode("utf-8", "ignore")
    start = text.index("{", text.index('"metadata"'))
    metadata: dict[str, str] = json.JSONDecoder().raw_decode(text, start)[0]
    return metadata
