"""Which worker takes a request: an idle one, a new one, or the next one that becomes free."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from embedded_aws.workers.process import Worker

K = TypeVar("K", bound=Hashable)
W = TypeVar("W", bound=Worker)


class PoolBusy(Exception):
    """No worker became free in time."""


class PoolClosed(Exception):
    """The pool has been closed."""


@dataclass(eq=False, slots=True)
class _Waiter(Generic[K]):
    """A caller in `acquire`; `error` is why a worker of its key could not be started since it came."""

    key: K
    changed: threading.Condition
    error: Exception | None = None


class WorkerPool(Generic[K, W]):
    """At most `limit` workers; a worker serves one caller at a time, and only callers of its key.

    A caller first gets an idle worker. If there is none and its key has fewer than `keep`, a worker starts at once;
    beyond that, a worker starts when a caller has waited for `grow_after` seconds. Workers start in the background: a
    busy one may become free sooner. At the limit, an idle worker of another key makes room. `together` is how many
    workers may start at the same time.

    `start` makes a worker for a key; its second argument is whether the worker is one beyond `keep`.
    """

    def __init__(
        self,
        start: Callable[[K, bool], W],
        *,
        keep: int,
        limit: int,
        grow_after: float,
        together: int | None = None,
    ) -> None:
        self._start = start
        self._keep = keep
        self._limit = max(keep, limit)
        self._grow_after = grow_after
        self._together = together or self._limit
        self._lock = threading.Lock()
        # First come, first served: a worker that is given back wakes a caller who can use it.
        self._waiting: list[_Waiter[K]] = []
        self._idle: list[tuple[K, W]] = []
        self._busy: dict[W, K] = {}
        self._starting: Counter[K] = Counter()
        self._starters: dict[threading.Thread, W | None] = {}
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers, without those that are starting."""
        with self._lock:
            return tuple(worker.pid for worker in (*(worker for _, worker in self._idle), *self._busy))

    def acquire(self, key: K, patience: float) -> W:
        """A worker for this caller alone, to be given back with `release` or `discard`.

        Raises PoolBusy when `patience` seconds have passed, PoolClosed, and the error of starting a worker if `key` has
        no other worker.
        """
        with self._lock:
            worker = self._take_idle(key)
            return worker if worker is not None else self._wait(key, patience)

    def release(self, worker: W) -> None:
        """Give back a worker that can take another request."""
        with self._lock:
            key = self._busy.pop(worker)
            closed = self._closed
            if not closed:
                self._idle.append((key, worker))
            self._wake(key)
        if closed:
            worker.kill()

    def discard(self, worker: W) -> None:
        """Give back a worker that cannot, and end it."""
        worker.kill()
        with self._lock:
            self._wake(self._busy.pop(worker))

    def warm_up(self, key: K) -> None:
        """Start a worker of `key` if it has none; failures appear at the next `acquire`."""
        with self._lock:
            if not self._closed and not self._count(key):
                self._grow(key)

    def close(self) -> None:
        """End all workers, also those that are busy or starting. Returns when no worker is starting."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            starters = tuple(self._starters)
            interrupted = (*self._busy, *filter(None, self._starters.values()))
            for waiter in self._waiting:
                waiter.changed.notify()
        for _, worker in idle:
            worker.kill()
        for worker in interrupted:
            worker.interrupt()
        for starter in starters:
            starter.join()

    def _take_idle(self, key: K) -> W | None:
        if self._closed:
            raise PoolClosed
        # The worker that was given back last is the warmest.
        for place in reversed(self._idle):
            its_key, worker = place
            if not worker.waiting():
                self._idle.remove(place)
                worker.kill()
            elif its_key == key:
                self._idle.remove(place)
                self._busy[worker] = key
                return worker
        return None

    def _wait(self, key: K, patience: float) -> W:
        began = time.monotonic()
        waiter = _Waiter(key, threading.Condition(self._lock))
        try:
            while (worker := self._take_idle(key)) is None:
                waited = time.monotonic() - began
                if waiter.error is not None and not self._count(key):
                    raise waiter.error
                if self._wants_another(waiter, waited):
                    self._grow(key)
                self._queue(waiter, self._pause(key, waited, patience))
        except BaseException:
            self._wake(key)  # what this caller was woken for is for the next one
            raise
        return worker

    def _wants_another(self, waiter: _Waiter[K], waited: float) -> bool:
        """Whether to start a worker for this caller, which is not in the queue now."""
        running = self._count(waiter.key)
        return (
            (waiter.error is None or not running)
            and (running < self._keep or waited >= self._grow_after)
            and not self._expects_worker(waiter.key)
            and self._starting.total() < self._together
            and (self._has_room() or self._evict())
        )

    def _expects_worker(self, key: K) -> bool:
        """Whether a worker is starting for each caller in the queue and for one more."""
        return self._starting[key] > sum(waiter.key == key for waiter in self._waiting)

    def _pause(self, key: K, waited: float, patience: float) -> float:
        """How long to wait before looking again. Raises PoolBusy if patience has ended and no worker is starting."""
        if waited >= patience:
            if not self._expects_worker(key):
                raise PoolBusy
            return threading.TIMEOUT_MAX
        until = min(self._grow_after, patience) if waited < self._grow_after else patience
        return min(until - waited, threading.TIMEOUT_MAX)

    def _queue(self, waiter: _Waiter[K], seconds: float) -> None:
        self._waiting.append(waiter)
        try:
            waiter.changed.wait(seconds)
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _wake(self, key: K) -> None:
        """A worker of `key`, or its place, is free: wake the first caller of `key`, or else the first of all."""
        fitting = (waiter for waiter in self._waiting if waiter.key == key)
        waiter = next(fitting, None) or next(iter(self._waiting), None)
        if waiter is not None:
            self._waiting.remove(waiter)
            waiter.changed.notify()

    def _count(self, key: K) -> int:
        workers = (*(its_key for its_key, _ in self._idle), *self._busy.values())
        return sum(its_key == key for its_key in workers) + self._starting[key]

    def _has_room(self) -> bool:
        return len(self._idle) + len(self._busy) + self._starting.total() < self._limit

    def _evict(self) -> bool:
        """End the worker that has been idle longest. It has another key, or the caller would have taken it."""
        if not self._idle:
            return False
        self._idle.pop(0)[1].kill()
        return True

    def _grow(self, key: K) -> None:
        extra = self._count(key) >= self._keep
        starter = threading.Thread(target=self._add, args=(key, extra), daemon=True, name="worker start")
        starter.start()  # it cannot end before the next lines: this thread has the lock
        self._starters[starter] = None
        self._starting[key] += 1

    def _add(self, key: K, extra: bool) -> None:
        """Start a worker and make it idle."""
        worker: W | None = None
        error: Exception | None = None
        try:
            worker = self._start(key, extra)
            with self._lock:
                self._starters[threading.current_thread()] = worker  # `close` interrupts it
                closed = self._closed
            if not closed:
                worker.wait_until_ready()
        except Exception as failure:  # noqa: BLE001 - the callers get it
            error = failure
        with self._lock:
            del self._starters[threading.current_thread()]
            self._starting[key] -= 1
            usable = worker if error is None and not self._closed else None
            if usable is not None:
                self._idle.append((key, usable))
            for waiter in self._waiting:
                if waiter.key == key:
                    waiter.error = waiter.error or error
                waiter.changed.notify()
        if worker is not None and usable is None:
            worker.kill()
