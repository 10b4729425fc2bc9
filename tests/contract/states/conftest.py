"""The embedded Step Functions with fakes at its edges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded_aws.states.cloud import Cloud, FakeLambda


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path, FakeLambda())
    yield made
    made.states.close()
