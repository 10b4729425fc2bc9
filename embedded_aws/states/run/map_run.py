"""A Map Run: starts the children of a Distributed Map, counts them, and ends when they have ended.

Children are separate executions. Each free lane takes the next item, so memory does not grow with the number of items.
The store keeps the results, one row for each child.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from embedded_aws.states.interpret.effects import Done, MapPlan, ReadItems
from embedded_aws.states.language.errors import ITEM_READER, TOLERANCE, StateError
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.run.execution import Ending, Execution
from embedded_aws.states.run.mailbox import TaskMailbox
from embedded_aws.states.run.scheduler import Scheduler
from embedded_aws.wire import place_of

_log = logging.getLogger(__name__)

MAX_CONCURRENCY = 10_000
_NAMES = {
    "PENDING": "pending",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timedOut",
    "ABORTED": "aborted",
}


@dataclass(slots=True)
class Limits:
    """The limits that UpdateMapRun can change during the run; None means that the state does not set the limit."""

    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None


@dataclass(slots=True)
class Counts:
    """The number of children, and of their items, by status."""

    executions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NAMES.values(), 0))
    items: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NAMES.values(), 0))

    def add(self, status: str, items: int) -> None:
        """Count an ended child and its items."""
        self.executions[_NAMES[status]] += 1
        self.items[_NAMES[status]] += items

    @property
    def failed(self) -> int:
        """Items of failed and timed-out children, which count towards the tolerances."""
        return self.items["failed"] + self.items["timedOut"]

    def as_json(self) -> dict[str, dict[str, int]]:
        """For the store."""
        return {"executions": self.executions, "items": self.items}


class MapRun:
    """One Map Run in this process.

    `launch(index, input)` starts a child and gives its execution, `stop` ends one; `collect` gives the Map state's
    output at the end, given the inputs of the children that were never started; `finished` holds the children that an
    earlier process finished: number -> status and how many items it held.
    """

    def __init__(
        self,
        plan: MapPlan,
        mailbox: TaskMailbox,
        scheduler: Scheduler,
        read: ReadItems,
        launch: Callable[[int, Json], Execution],
        stop: Callable[[Execution, Ending], object],
        collect: Callable[[Iterator[Json]], Json],
        ended: Callable[[str, Counts], None],
        finished: dict[int, tuple[str, int]],
    ) -> None:
        self.limits = Limits(plan.concurrency, plan.tolerated_count, plan.tolerated_percentage)
        self._plan = plan
        self._mailbox = mailbox
        self._scheduler = scheduler
        self._read = read
        self._launch = launch
        self._stop = stop
        self._collect = collect
        self._ended = ended
        self._finished = finished
        self._lock = threading.Lock()
        self._items: Iterator[tuple[int, Json]] | None = None
        self._exhausted = False
        self._over = False
        self._lanes = 0
        self._running: dict[int, Execution] = {}
        self._failure: StateError | None = None
        self.counts = Counts()
        for status, items in finished.values():
            self.counts.add(status, items)

    def begin(self) -> None:
        """Start the first lane; each lane starts the next one while there is room."""
        with self._lock:
            self._lanes += 1
        self._scheduler.submit(self._lane)

    def abort(self) -> None:
        """Stop all children without a message to the mailbox, because the parent has ended."""
        with self._lock:
            over, self._over = self._over, True
            children = list(self._running.values())
        for child in children:
            self._stop(child, Ending("ABORTED"))
        if not over:
            self._ended("ABORTED", self.counts)

    def update(self, limits: Limits) -> None:
        """UpdateMapRun."""
        with self._lock:
            self.limits = limits
            self._lanes += 1
        self._scheduler.submit(self._lane)

    @property
    def running(self) -> int:
        """The number of running children."""
        return len(self._running)

    @property
    def running_items(self) -> int:
        """The number of items in running children."""
        return sum(map(self._weight, list(self._running.values())))

    def _weight(self, child: Execution) -> int:
        return self._weigh(child.input)

    def _weigh(self, data: Json) -> int:
        return len(data["Items"]) if self._plan.distributed.batcher is not None else 1

    # --- lanes

    def _lane(self) -> None:
        """Start one child after the other, until one runs; one more lane starts if the concurrency allows it."""
        while True:
            with self._lock:
                if self._over or self._lanes > self._most_lanes():
                    self._lanes -= 1
                    return
                try:
                    drawn = self._draw()
                except StateError as failure:
                    self._failure, drawn = failure, None
                except Exception as error:  # noqa: BLE001  a defect in reading items fails the run, not the service
                    _log.error("Reading items failed unexpectedly: %s", place_of(error))
                    self._failure, drawn = StateError(ITEM_READER, f"Unable to read the items: {error}"), None
                if drawn is None:
                    self._lanes -= 1
                    self._exhausted = True
                    more = False
                else:
                    more = self._lanes < self._most_lanes()
                    self._lanes += more
                    index, data = drawn
                    child = self._launch(index, data)
                    self._running[index] = child
            if drawn is None:
                self._conclude()
                return
            if more:
                self._scheduler.submit(self._lane)
            if child.when_ended(partial(self._child_ended, index, child)) or not self._count_end(index, child):
                return

    def _most_lanes(self) -> int:
        return min(self.limits.concurrency or MAX_CONCURRENCY, MAX_CONCURRENCY)

    def _draw(self) -> tuple[int, Json] | None:
        if self._exhausted or self._failure is not None:
            return None
        if self._items is None:
            self._items = self._plan.items(self._read)
        for index, data in self._items:
            if index not in self._finished:
                return index, data
        return None

    def _rest(self, failure: StateError | None) -> Iterator[Json]:
        """The inputs of the children that a failed run did not start."""
        if failure is None or failure.error == ITEM_READER:
            return
        try:
            for index, data in self._items or ():
                if index not in self._finished:
                    self.counts.executions["pending"] += 1
                    self.counts.items["pending"] += self._weigh(data)
                    yield data
        except StateError:
            return

    def _child_ended(self, index: int, child: Execution) -> None:
        if self._count_end(index, child):
            self._lane()  # on this thread, which has nothing else to do

    def _count_end(self, index: int, child: Execution) -> bool:
        """Count an ended child. Returns whether its lane continues; if not, the run may have ended."""
        assert child.ending is not None
        with self._lock:
            self._running.pop(index, None)
            self.counts.add(child.ending.status, self._weight(child))
            if not self._over and self._intolerable():
                self._failure = StateError(TOLERANCE, "The specified tolerated failure threshold was exceeded")
            proceed = not self._over and self._failure is None
            if not proceed:
                self._lanes -= 1
        if not proceed:
            self._conclude()
        return proceed

    def _intolerable(self) -> bool:
        failed = self.counts.failed
        count, percentage = self.limits.tolerated_count, self.limits.tolerated_percentage
        if count is None and percentage is None:
            return failed > 0
        if count is not None and failed > count:
            return True
        # A share can be judged only once the number of items is known.
        total = sum(self.counts.items.values()) + self.running_items
        return percentage is not None and self._exhausted and failed * 100 > percentage * total

    def _conclude(self) -> None:
        """End the run if nothing is left to do, or if it has failed."""
        with self._lock:
            if self._failure is None and self._exhausted and self._intolerable():
                self._failure = StateError(TOLERANCE, "The specified tolerated failure threshold was exceeded")
            idle = self._exhausted and not self._running
            if self._over or not (idle or self._failure is not None):
                return
            self._over = True
            failure = self._failure
            children = list(self._running.values())
        for child in children:
            self._stop(child, Ending("ABORTED"))
        result: Json = None
        try:
            # Results are written out even when the run has failed.
            result = self._collect(self._rest(failure))
        except StateError as error:
            failure = failure or error
        self._ended("SUCCEEDED" if failure is None else "FAILED", self.counts)
        self._mailbox.put(Done(result) if failure is None else Done(failure=failure))
