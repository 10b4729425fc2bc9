"""One server for all tests that only talk to it; it answers with the echo model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.product import Server, serve


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A `stepguard serve` that lives as long as the test session."""
    with serve(tmp_path_factory.mktemp("served")) as running:
        yield running
