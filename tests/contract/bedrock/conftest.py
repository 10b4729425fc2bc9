"""The embedded Bedrock with a model whose answers a test chooses, and boto3's clients of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded_aws.bedrock.boto import Clients
from tests.unit.embedded_aws.bedrock.fakes import ScriptedModel


@pytest.fixture(name="model")
def _model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture(name="clients")
def _clients(tmp_path: Path, model: ScriptedModel) -> Iterator[Clients]:
    clients = Clients(tmp_path, model)
    yield clients
    clients.service.close()
