"""One worker process on its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from embedded_aws.lambda_.worker import LambdaWorker, Sandbox
from embedded_aws.workers.process import WorkerRetired

pytestmark = pytest.mark.process

HEADER = {"kind": "load", "request_id": "r", "handler": "app.echo", "seconds": 5, "variables": {}, "arn": "a"}


def nothing(piece: bytes) -> None:
    """Takes a worker's output."""


def test_an_extra_worker_leaves_when_idle_and_says_so(task_root: Path) -> None:
    """After its idle time it is no longer waiting, and a late request gets the reply that nothing was run."""
    worker = LambdaWorker(Sandbox(task_root, "us-east-1", ()), idle=0.1)
    try:
        worker.send(HEADER, b"", time.monotonic() + 5)
        reply = worker.wait(time.monotonic() + 10, nothing)
        assert reply is not None
        assert reply.ok
        deadline = time.monotonic() + 10
        while worker.waiting():
            assert time.monotonic() < deadline
        with pytest.raises(WorkerRetired):  # noqa: PT012 - either step may be the one that notices
            worker.send(HEADER, b"", time.monotonic() + 5)
            worker.wait(time.monotonic() + 5, nothing)
    finally:
        worker.kill()


def test_an_answer_that_is_not_there_yet_is_none(task_root: Path) -> None:
    """A caller can poll again; no data is lost."""
    worker = LambdaWorker(Sandbox(task_root, "us-east-1", ()))
    try:
        worker.send(HEADER, b"", time.monotonic() + 5)
        assert worker.wait(time.monotonic() - 1, nothing) is None
        reply = worker.wait(time.monotonic() + 10, nothing)
        assert reply is not None
        assert reply.ok
        assert 1_000_000 < reply.peak < 100_000_000
    finally:
        worker.kill()
