"""Runs steps on a few threads, and timers.

A blocking call (a Lambda) blocks its thread, so that one execution needs no switch of threads. Threads are added, up to
`workers`, while work is waiting. Timers share one thread.
With a virtual clock, time jumps to the next timer as soon as nothing is left to run.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from embedded_aws.states.interpret.ports import Clock
from embedded_aws.wire import place_of

_log = logging.getLogger(__name__)


_SWEEP = 1000


@dataclass(eq=False, slots=True)
class Timer:
    """A pending wake-up; `cancel` it when it is no longer wanted."""

    when: float
    order: int
    job: Callable[[], object] | None
    cancelled: list[int]

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Never run the job. The timer itself is removed later."""
        if self.job is not None:
            self.job = None
            self.cancelled[0] += 1


class Scheduler:
    """A pool of daemon threads with timers."""

    def __init__(self, clock: Clock, workers: int = 32) -> None:
        self.clock = clock
        self._workers = workers
        lock = threading.Lock()
        self._jobs = threading.Condition(lock)
        self._times = threading.Condition(lock)
        self._ready: deque[Callable[[], object]] = deque()
        self._timers: list[Timer] = []
        # How many timers in the heap are cancelled; only a hint, so it needs no lock.
        self._cancelled = [0]
        self._order = itertools.count()
        self._threads = 0
        self._idle = 0
        self._holds = 0
        self._closed = False
        self._timekeeper: threading.Thread | None = None

    def submit(self, job: Callable[[], object]) -> None:
        """Run `job` soon, on some thread. Jobs must not raise; after `close` they are dropped."""
        with self._jobs:
            self._submit(job)

    def _submit(self, job: Callable[[], object]) -> None:
        if self._closed:
            return
        self._ready.append(job)
        if self._idle < len(self._ready) and self._threads < self._workers:
            self._threads += 1
            threading.Thread(target=self._work, name=f"asl-{self._threads}", daemon=True).start()
        else:
            self._jobs.notify()

    @contextmanager
    def holding_time(self) -> Iterator[None]:
        """Keep a virtual clock from jumping, for timers and jobs that belong together."""
        with self._times:
            self._holds += 1
        try:
            yield
        finally:
            with self._times:
                self._holds -= 1
                if self.clock.virtual:
                    self._times.notify()

    def call_later(self, seconds: float, job: Callable[[], object]) -> Timer:
        """Run `job` after this many seconds of the clock."""
        timer = Timer(self.clock.now() + seconds, next(self._order), job, self._cancelled)
        with self._times:
            if self._cancelled[0] > _SWEEP and self._cancelled[0] * 2 > len(self._timers):
                self._timers = [pending for pending in self._timers if pending.job is not None]
                heapq.heapify(self._timers)
                self._cancelled[0] = 0
            heapq.heappush(self._timers, timer)
            if self._timekeeper is None:
                self._timekeeper = threading.Thread(target=self._keep_time, name="asl-timers", daemon=True)
                self._timekeeper.start()
            elif self._timers[0] is timer:
                self._times.notify()
        return timer

    def close(self) -> None:
        """Start no more jobs; running jobs continue until they next wait."""
        with self._jobs:
            self._closed = True
            self._ready.clear()
            self._timers.clear()
            self._jobs.notify_all()
            self._times.notify_all()

    def _work(self) -> None:
        while True:
            with self._jobs:
                self._idle += 1
                if self.clock.virtual:
                    self._times.notify()
                while not self._ready and not self._closed:
                    self._jobs.wait()
                self._idle -= 1
                if self._closed:
                    self._threads -= 1
                    return
                job = self._ready.popleft()
            try:
                job()
            except Exception as error:  # noqa: BLE001  a thread that dies would take its executions with it, unseen
                _log.error("A step of an execution failed unexpectedly: %s", place_of(error))

    def _keep_time(self) -> None:
        with self._times:
            while not self._closed:
                while self._timers and self._timers[0].job is None:
                    heapq.heappop(self._timers)
                if not self._timers:
                    self._times.wait()
                    continue
                left = self._timers[0].when - self.clock.now()
                if left > 0 and not self.clock.virtual:
                    # Wait in slices, because the system clock may be changed meanwhile.
                    self._times.wait(min(left, 60.0))
                    continue
                if left > 0:
                    if self._ready or self._holds or self._idle < self._threads:
                        self._times.wait()
                        continue
                    self.clock.jump(self._timers[0].when)
                job = heapq.heappop(self._timers).job
                if job is not None:
                    self._submit(job)
