"""Which worker takes a request, with workers that have no process."""

from __future__ import annotations

import threading
import time

import pytest

from embedded_aws.workers.pool import PoolBusy, PoolClosed, WorkerPool
from embedded_aws.workers.process import Worker

ONE, TWO = "one", "two"


class FakeWorker(Worker):
    """Counts how often it is ended; `gone` workers have left by themselves."""

    def __init__(self, key: str, extra: bool) -> None:
        self.key = key
        self.extra = extra
        self.gone = False
        self.killed = 0

    def waiting(self) -> bool:
        return not self.gone

    def kill(self) -> None:
        self.killed += 1

    def interrupt(self) -> None:
        self.killed += 1


Pool = WorkerPool[str, FakeWorker]


def pool_of(keep: int, limit: int) -> Pool:
    """A pool that starts fakes."""
    return WorkerPool(FakeWorker, keep=keep, limit=limit, grow_after=0.05)


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
    assert not kept.extra
    assert extra.extra


def test_a_full_pool_refuses_when_patience_ends() -> None:
    """At the limit a caller waits for as long as it wants to."""
    pool = pool_of(1, 1)
    pool.acquire(ONE, 5)
    began = time.monotonic()
    with pytest.raises(PoolBusy):
        pool.acquire(ONE, 0.1)
    assert 0.1 <= time.monotonic() - began < 2


def test_a_waiting_caller_gets_the_worker_given_back() -> None:
    """A release wakes the queue."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 5)
    threading.Timer(0.1, pool.release, [worker]).start()
    assert pool.acquire(ONE, 5) is worker


def test_a_release_wakes_who_can_use_it() -> None:
    """With two keys queueing, a worker given back goes to its own, and a place that is free to the other."""
    pool = pool_of(1, 2)
    first, second = pool.acquire(ONE, 5), pool.acquire(ONE, 5)
    got: dict[str, FakeWorker] = {}

    def take(name: str, key: str) -> None:
        got[name] = pool.acquire(key, 5)

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
    assert (got["one"], got["two"].key) == (first, TWO)


def test_a_worker_that_left_is_not_handed_out() -> None:
    """A dead process is cleared away and replaced."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 0)
    pool.release(worker)
    worker.gone = True
    assert pool.acquire(ONE, 0) is not worker
    assert worker.killed == 1


def test_an_idle_worker_of_others_makes_room() -> None:
    """At the limit a key without a worker gets the place of one that is idle, never of a busy one."""
    pool = pool_of(1, 2)
    idle, busy = pool.acquire(ONE, 0), pool.acquire(ONE, 1)
    pool.release(idle)
    assert pool.acquire(TWO, 0).key == TWO
    assert (idle.killed, busy.killed) == (1, 0)


def test_discarding_makes_room() -> None:
    """An ended worker no longer counts."""
    pool = pool_of(1, 1)
    worker = pool.acquire(ONE, 0)
    pool.discard(worker)
    assert worker.killed == 1
    assert pool.acquire(ONE, 0) is not worker


def test_a_start_that_fails_leaves_no_trace() -> None:
    """The place of a worker that could not be started is free again."""

    def start(key: str, extra: bool) -> FakeWorker:
        if key == TWO:
            raise OSError("no such folder")
        return FakeWorker(key, extra)

    pool = WorkerPool(start, keep=1, limit=1, grow_after=0.05)
    with pytest.raises(OSError, match="no such folder"):
        pool.acquire(TWO, 0)
    assert pool.acquire(ONE, 0).key == ONE


def test_closing_ends_idle_and_busy_workers() -> None:
    """Nothing survives close, also what is given back after it; nothing is handed out any more."""
    pool = pool_of(2, 2)
    idle, busy = pool.acquire(ONE, 0), pool.acquire(ONE, 0)
    pool.release(idle)
    pool.close()
    pool.release(busy)
    assert idle.killed == 1
    assert busy.killed == 2
    with pytest.raises(PoolClosed):
        pool.acquire(ONE, 0)


def test_a_caller_takes_the_busy_worker_that_becomes_free_before_the_new_one_is_ready() -> None:
    """A slow start costs no caller time when another worker ends its work sooner."""
    ready = threading.Event()

    class Slow(FakeWorker):
        def wait_until_ready(self) -> None:
            if self.extra:
                ready.wait(10)

    pool = WorkerPool(Slow, keep=1, limit=2, grow_after=0)
    first = pool.acquire(ONE, 5)
    threading.Timer(0.1, pool.release, [first]).start()
    assert pool.acquire(ONE, 5) is first
    ready.set()
    assert pool.acquire(ONE, 5) is not first


def test_each_caller_gets_one_start_and_no_more() -> None:
    """Callers that wait for a slow start do not start further workers."""
    started: list[FakeWorker] = []
    gate = threading.Event()

    def start(key: str, extra: bool) -> FakeWorker:
        started.append(FakeWorker(key, extra))
        gate.wait(10)
        return started[-1]

    pool = WorkerPool(start, keep=4, limit=8, grow_after=0.01)
    callers = [threading.Thread(target=pool.acquire, args=(ONE, 5)) for _ in range(2)]
    for caller in callers:
        caller.start()
    time.sleep(0.1)
    assert len(started) == 2
    gate.set()
    for caller in callers:
        caller.join(10)
    assert len(started) == 2


def test_a_caller_without_patience_still_gets_the_worker_that_it_started() -> None:
    """Patience is for the queue: the start of a process does not count."""

    class Slow(FakeWorker):
        def wait_until_ready(self) -> None:
            time.sleep(0.1)

    pool = WorkerPool(Slow, keep=1, limit=1, grow_after=0.05)
    assert pool.acquire(ONE, 0).key == ONE
