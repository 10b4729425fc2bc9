"""What a new worker loads before its first text."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from embedded_aws.bedrock.judge import workers
from embedded_aws.bedrock.packages import PackageMissingError


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was loaded; the third part needs a package that is missing."""
    found: list[str] = []

    def missing() -> object:
        raise PackageMissingError("the package is not installed")

    def steps() -> Iterator[Callable[[], object]]:
        yield lambda: found.append("first")
        yield lambda: found.append("second")
        yield missing
        yield lambda: found.append("fourth")

    monkeypatch.setattr(workers, "first_steps", steps)
    monkeypatch.setattr(workers, "IDLE", 0.001)
    return found


def test_a_worker_without_a_request_loads_the_detectors(loaded: list[str]) -> None:
    """Step by step; a missing package is reported by the request that needs it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        workers._load_while_idle(ours)
    assert loaded == ["first", "second"]


def test_a_request_does_not_wait_for_what_it_may_not_need(loaded: list[str]) -> None:
    """A guardrail of words needs no encoder."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"request")
        workers._load_while_idle(ours)
    assert loaded == []
