"""Other people's Bedrock clients, unmodified, against `stepguard serve`.

`make test-clients` installs LiteLLM's proxy and langchain-aws (requirements-clients.txt) into one environment and names
its Python in STEPGUARD_CLIENTS, the agents (requirements-agents.txt) into another one, STEPGUARD_AGENTS. Without the
first variable the tier runs if both packages are in this environment, and is skipped if not.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.clients import configured
from tests.e2e.product import Server, serve

PACKAGES = ("litellm", "langchain_aws")


def python() -> Path | None:
    """The Python whose environment has the clients, or None."""
    named = os.environ.get("STEPGUARD_CLIENTS")
    if named:
        path = Path(named).absolute()  # not resolved: a virtual environment is known by its own link
        if not path.is_file():
            raise pytest.UsageError(f"STEPGUARD_CLIENTS names no Python: {named}")
        return path
    return Path(sys.executable) if all(importlib.util.find_spec(name) for name in PACKAGES) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs the clients, and says so."""
    missing = python() is None
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)
            if missing:
                item.add_marker(pytest.mark.skip(reason="no LiteLLM and langchain-aws here: make test-clients"))


@dataclass(frozen=True, slots=True)
class Guardrails:
    """Identifiers of the guardrails that the tests made; the version of each is 1."""

    both: str
    """Blocks and masks in both directions."""
    answers: str
    """The same on answers alone."""
    grounded: str
    """Contextual grounding alone."""


@pytest.fixture(name="python", scope="session")
def _python() -> Path:
    found = python()
    assert found is not None, "skipped at collection"
    return found


@pytest.fixture(name="server", scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The product, with the echo model."""
    with serve(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture(name="guardrails", scope="session")
def _guardrails(server: Server) -> Guardrails:
    """The guardrails, made by boto3 as a person would make them on AWS."""
    bedrock = boto3.client(
        "bedrock", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any",
    )  # fmt: skip

    def make(request: dict[str, Any]) -> str:
        identifier = str(bedrock.create_guardrail(**request)["guardrailId"])
        assert bedrock.create_guardrail_version(guardrailIdentifier=identifier)["version"] == "1"
        return identifier

    return Guardrails(make(configured.BOTH), make(configured.ANSWERS), make(configured.GROUNDED))
