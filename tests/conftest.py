"""What every test shares: repeatable property tests, tiers, and an environment that cannot reach an AWS account."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import settings

from stepguard.aws import clients, environment
from stepguard.guard.settings import VARIABLES

# No deadline: a busy machine must not fail a correct property. Derandomized: a red build can be repeated.
settings.register_profile("stepguard", deadline=None, derandomize=True, database=None)
settings.load_profile("stepguard")

# A shell starts background jobs with SIGINT ignored, and children inherit that: tests of Ctrl-C need the default.
signal.signal(signal.SIGINT, signal.default_int_handler)

FOLDERS_OF_PROCESSES = ("browser", "clients", "e2e", "e2e_ministack", "install", "packaging", "sfn_local")
"""Tests in these folders start processes: the installed command, a browser, servers, or the build of the Lambda zip."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of folders that are a tier."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in FOLDERS_OF_PROCESSES:
            item.add_marker(pytest.mark.process)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let only tests with the mark `process` start one, so that `make test-fast` starts none."""
    start = subprocess.Popen.__init__

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError(f"{item.nodeid} starts a process: mark it with @pytest.mark.process")

    allowed = item.get_closest_marker("process") is not None
    subprocess.Popen.__init__ = start if allowed else refuse  # type: ignore[method-assign]
    try:
        return (yield)
    finally:
        subprocess.Popen.__init__ = start  # type: ignore[method-assign]


PREFIXES = ("AWS_", "LLM_", *(name for pair in VARIABLES.values() for name in pair))
NAMES = ("EMPTYMESSAGE", "ERRORMESSAGE", "STATE_MACHINE_ARN")


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A Lambda's environment without our settings, with dummy credentials and nothing cached."""
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


@pytest.fixture(name="moto")
def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto's AWS behind every boto3 client of this process; S3 lists one object a page, so that pages are followed."""
    from moto import mock_aws  # two thirds of a second, which only these tests spend

    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "1")
    with mock_aws():
        yield
