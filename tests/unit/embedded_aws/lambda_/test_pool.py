"""Which worker takes an invocation, with workers that are no processes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import cast

import pytest

from embedded_aws.lambda_.pool import WorkerPool
from embedded_aws.lambda_.worker import Sandbox, Worker
from embedded_aws.wire import ServiceError

ONE = Sandbox(Path("one"), "us-east-1", ())
TWO = Sandbox(Path("two"), "us-east-1", ())


class FakeWorker:
    """Counts how often it is ended; `gone` workers have left by themselves."""

    def __init__(self, sandbox: Sandbox, idle: float) -> None:
        self.sandbox = sandbox
        self.idle = idle
        self.gone = False
        self.killed = 0

    def waiting(self) -> bool:
        return not self.gone

    def kill(self) -> None:
        self.killed += 1

    def interrupt(self) -> None:
        self.killed += 1


def pool_of(keep: int, limit: int) -> WorkerPool:
    """A pool that starts fakes."""
    return WorkerPool(keep, limit, lambda sandbox, idle: cast(Worker, FakeWorker(sandbox, idle)))


def fake(worker: Worker) -> FakeWorker:
    """The fake behind a worker."""
    return cast(FakeWorker, worker)


def test_a_worker_given_back_is_taken_again() -> None:
    """The warmest one first; no second is started without need."""
    pool = pool_of(2, 4)
    first, second = pool.acquire(ONE, 0), pool.acquire(ONE, 0)
    pool.release(first)
    pool.release(second)
    assert pool.acquire(ONE, 0) is second
    assert pool.acquire(ONE, 0) is first


def test_a_queue_that_does_not_move_gets_an_extra_worker() -> None:
    """Beyond the kept workers one is started after a moment, and that one leaves when it is idle for long."""
    pool = pool_of(1, 2)
    kept = pool.acquire(ONE, 5)
    extra = pool.acquire(ONE, 5)
    assert fake(kept).idle == 0
    assert fake(extra).idle > 0


def test_a_full_pool_throttles_when_patience_ends() -> None:
    """At the limit a caller waits, then gets Lambda's TooManyRequestsException."""
    pool = pool_of(1, 1)
    pool.acquire(ONE, 5)
    with pytest.raises(ServiceError) as caught:
        pool.acquire(ONE, 0.1)
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)


def test_a_waiting_caller_gets_the_worker_given_back() -> None:
    """A release wakes the queue."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 5)
    threading.Timer(0.1, pool.release, [worker]).start()
    assert pool.acquire(ONE, 5) is worker


def test_a_release_wakes_who_can_use_it() -> None:
    """With two sandboxes queueing, a worker given back goes to its own, and a place that is free to the other."""
    pool = pool_of(1, 2)
    first, second = pool.acquire(ONE, 5), pool.acquire(ONE, 5)
    got: dict[str, Worker] = {}

    def take(name: str, sandbox: Sandbox) -> None:
        got[name] = pool.acquire(sandbox, 5)

    waiting = [threading.Thread(target=take, args=("two", TWO)), threading.Thread(target=take, args=("one", ONE))]
    for thread in waiting:
        thread.start()
        time.sleep(0.1)
    started = time.monotonic()
    pool.release(first)
    pool.discard(second)
    for thread in waiting:
        thread.join()
    assert time.monotonic() - started < 2
    assert (got["one"], got["two"].sandbox) == (first, TWO)


def test_a_worker_that_left_is_not_handed_out() -> None:
    """A dead process is cleared away and replaced."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 0)
    pool.release(worker)
    fake(worker).gone = True
    assert pool.acquire(ONE, 0) is not worker
    assert fake(worker).killed == 1


def test_an_idle_worker_of_others_makes_room() -> None:
    """At the limit a sandbox without a worker gets the place of one that is idle, never of a busy one."""
    pool = pool_of(1, 2)
    idle, busy = pool.acquire(ONE, 0), pool.acquire(ONE, 1)
    pool.release(idle)
    assert pool.acquire(TWO, 0).sandbox == TWO
    assert (fake(idle).killed, fake(busy).killed) == (1, 0)


def test_discarding_makes_room() -> None:
    """An ended worker no longer counts."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 0)
    pool.discard(worker)
    assert fake(worker).killed == 1
    assert pool.acquire(ONE, 0) is not worker


def test_a_start_that_fails_leaves_no_trace() -> None:
    """The place of a worker that could not be started is free again."""

    def start(sandbox: Sandbox, idle: float) -> Worker:
        if sandbox == TWO:
            raise OSError("no such folder")
        return cast(Worker, FakeWorker(sandbox, idle))

    pool = WorkerPool(1, 1, start)
    with pytest.raises(OSError, match="no such folder"):
        pool.acquire(TWO, 0)
    assert pool.acquire(ONE, 0).sandbox == ONE


def test_closing_ends_idle_and_busy_workers() -> None:
    """Nothing survives close, also what is given back after it; nothing is handed out any more."""
    pool = pool_of(2, 2)
    idle, busy = pool.acquire(ONE, 0), pool.acquire(ONE, 0)
    pool.release(idle)
    pool.close()
    pool.release(busy)
    assert fake(idle).killed == 1
    assert fake(busy).killed == 2
    with pytest.raises(ServiceError, match="shutting down"):
        pool.acquire(ONE, 0)
