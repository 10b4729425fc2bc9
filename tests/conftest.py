"""What every test shares: repeatable property tests, and an environment that cannot reach an AWS account."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import settings

from stepguard.aws import clients, environment
from stepguard.guard.settings import VARIABLES

# No deadline: a busy machine must not fail a correct property. Derandomized: a red build can be repeated.
settings.register_profile("stepguard", deadline=None, derandomize=True, database=None)
settings.load_profile("stepguard")

PREFIXES = ("AWS_", "LLM_", *(name for pair in VARIABLES.values() for name in pair))
NAMES = ("EMPTYMESSAGE", "ERRORMESSAGE", "STATE_MACHINE_ARN")


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A Lambda's environment with no setting of ours, dummy credentials and nothing cached."""
    for name in list(os.environ):
        if name.startswith(PREFIXES) or name in NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    environment.settings.cache_clear()
    clients.client.cache_clear()
    yield monkeypatch
    environment.settings.cache_clear()
    clients.client.cache_clear()
