"""The embedded Bedrock with fake detectors and a scripted model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded_aws.bedrock.fakes import Api


@pytest.fixture(name="api")
def _api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    yield api
    api.bedrock.close()
