"""Which worker takes an invocation: warm ones first, more when all are busy, never more than a laptop bears."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from embedded_aws.lambda_.worker import Sandbox, Worker
from embedded_aws.wire import ServiceError

# A function that waits for other functions (an API route that polls an execution) holds a worker without using a
# processor, so a queue that does not move for this long gets another worker.
GROW_AFTER = 0.05
# How long a worker beyond the kept ones stays without work.
EXTRA_IDLE = 20.0


class WorkerPool:
    """At most `limit` worker processes, of which `keep` for each sandbox stay warm.

    A worker serves one invocation at a time. When all are busy, a caller waits a moment, then another worker is
    started; at the limit an idle one of another sandbox makes room, or callers queue until `patience` ends, which is
    Lambda's throttling.
    """

    def __init__(self, keep: int, limit: int, start: Callable[[Sandbox, float], Worker] | None = None) -> None:
        self._keep = keep
        self._limit = max(keep, limit)
        self._start = start or (lambda sandbox, idle: Worker(sandbox, idle=idle))
        self._lock = threading.Lock()
        # Who waits for a worker of which sandbox, first come first: a release must wake somebody who can use it.
        self._waiting: list[tuple[Sandbox, threading.Condition]] = []
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting: Counter[Sandbox] = Counter()
        self._closed = False

    def acquire(self, sandbox: Sandbox, patience: float) -> Worker:
        """A worker of this sandbox for the caller alone.

        Raises ServiceError TooManyRequestsException when none is free within `patience` seconds.
        """
        asked = time.monotonic()
        with self._lock:
            while (worker := self._take_idle(sandbox)) is None:
                waited = time.monotonic() - asked
                kept = self._count(sandbox) < self._keep
                if (kept or waited >= GROW_AFTER) and (self._has_room() or self._evict()):
                    self._starting[sandbox] += 1
                    break
                if waited >= patience:
                    self._wake(sandbox)  # whatever this caller was woken for
                    raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Type="User")
                pause = GROW_AFTER - waited if waited < GROW_AFTER else patience - waited
                self._queue(sandbox, min(pause, patience - waited))
            else:
                return worker
        return self._start_worker(sandbox, 0.0 if kept else EXTRA_IDLE)

    def release(self, worker: Worker) -> None:
        """Give back a worker that is fit for another invocation."""
        with self._lock:
            self._busy.discard(worker)
            closed = self._closed
            if not closed:
                self._idle.append(worker)
            self._wake(worker.sandbox)
        if closed:
            worker.kill()

    def discard(self, worker: Worker) -> None:
        """End a worker that is not."""
        worker.kill()
        with self._lock:
            self._busy.discard(worker)
            self._wake(worker.sandbox)

    def close(self) -> None:
        """End all workers, also those in the middle of an invocation."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle, tuple(self._busy)
            self._idle = []
            for _, waiter in self._waiting:
                waiter.notify()
        for worker in idle:
            worker.kill()
        for worker in busy:
            worker.interrupt()

    def _queue(self, sandbox: Sandbox, seconds: float) -> None:
        entry = (sandbox, threading.Condition(self._lock))
        self._waiting.append(entry)
        entry[1].wait(seconds)
        if entry in self._waiting:
            self._waiting.remove(entry)

    def _wake(self, sandbox: Sandbox) -> None:
        """A worker of `sandbox`, or its place, is free: for the first who waits for one, else for the first of all."""
        fitting = (entry for entry in self._waiting if entry[0] == sandbox)
        entry = next(fitting, None) or next(iter(self._waiting), None)
        if entry is not None:
            self._waiting.remove(entry)
            entry[1].notify()

    def _count(self, sandbox: Sandbox) -> int:
        there = sum(worker.sandbox == sandbox for worker in (*self._idle, *self._busy))
        return there + self._starting[sandbox]

    def _has_room(self) -> bool:
        return len(self._idle) + len(self._busy) + self._starting.total() < self._limit

    def _take_idle(self, sandbox: Sandbox) -> Worker | None:
        if self._closed:
            raise ServiceError("ServiceException", "The embedded Lambda is shutting down.", 500)
        # The last one given back is the warmest.
        for worker in reversed(self._idle):
            if not worker.waiting():
                self._idle.remove(worker)
                worker.kill()
            elif worker.sandbox == sandbox:
                self._idle.remove(worker)
                self._busy.add(worker)
                return worker
        return None

    def _evict(self) -> bool:
        """End the idle worker that has waited longest; it is of another sandbox, or it would have been taken."""
        if not self._idle:
            return False
        self._idle.pop(0).kill()
        return True

    def _start_worker(self, sandbox: Sandbox, idle: float) -> Worker:
        worker: Worker | None = None
        try:
            worker = self._start(sandbox, idle)
        finally:
            with self._lock:
                self._starting[sandbox] -= 1
                if worker is not None:
                    self._busy.add(worker)
                else:
                    self._wake(sandbox)
        return worker
