"""Drives executions: performs the interpreter's effects on the scheduler's threads.

An execution consists of strands (its main line, branches, iterations); its lock lets one of them step at a time. A
Call runs on the strand's thread, without the lock and without a switch of threads. A Sleep parks the strand with a
timer. A Fork creates new strands. Stopping an execution never waits for a task: a late response is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.states.interpret.effects import (
    Branch,
    Call,
    Effect,
    Fork,
    Message,
    Receive,
    Sleep,
    StartMapRun,
    Steps,
    Submit,
    TaskTimeoutError,
)
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.history import HistoryFullError
from embedded_aws.states.interpret.interpreter import run_machine
from embedded_aws.states.language.errors import RUNTIME, StateError
from embedded_aws.states.language.json_text import Json, dump
from embedded_aws.states.run.execution import Ending, Execution
from embedded_aws.states.run.mailbox import TaskMailbox
from embedded_aws.states.run.scheduler import Scheduler, Timer
from embedded_aws.wire import place_of

_log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
EXPRESS_SECONDS = 300.0


@dataclass(eq=False, slots=True)
class _Strand:
    """One line of steps.

    `group` is the fork it belongs to (None for the main line), `children` the fork it waits for.
    """

    execution: Execution
    steps: Steps
    frame: Frame
    group: _Group | None = None
    position: int = 0
    branch: Branch | None = None
    children: _Group | None = None
    timer: Timer | None = None
    cancelled: bool = False


@dataclass(eq=False, slots=True)
class _Group:
    """The branches of one Fork."""

    parent: _Strand
    fork: Fork
    results: list[Json] = field(default_factory=list)
    active: set[_Strand] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The value or error that resumes a strand."""

    strand: _Strand
    value: Json = None
    error: Exception | None = None


class Engine:
    """Runs executions.

    `call` runs a task (Call) or starts one (Submit), and blocks meanwhile. `ended` is called once at each execution's
    end, under the execution's lock, before its waiting callers are notified.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        call: Callable[[Execution, Call | Submit | StartMapRun], Any],
        ended: Callable[[Execution, Ending], None],
    ) -> None:
        self._scheduler = scheduler
        self._call = call
        self._ended = ended

    def start(self, execution: Execution) -> None:
        """Record ExecutionStarted and run the execution."""
        with execution.lock:
            execution.record_start()
        self.go_on(execution, None)

    def go_on(self, execution: Execution, inside: str | None, since: float | None = None) -> None:
        """Run the execution from its start, or continue it from its frame's current state.

        Its time-out counts from `since`, by default from its start.
        """
        timeout = execution.machine.timeout
        if execution.who.express:
            timeout = min(timeout or EXPRESS_SECONDS, EXPRESS_SECONDS)
        steps = run_machine(execution.machine, execution.frame, execution.input, inside)
        strand = _Strand(execution, steps, execution.frame)
        with self._scheduler.holding_time():
            if timeout is not None:
                spent = self._scheduler.clock.now() - (since or execution.who.started)
                execution.deadline = self._scheduler.call_later(
                    max(0.0, timeout - spent), lambda: self.end(execution, Ending("TIMED_OUT"))
                )
            self._scheduler.submit(lambda: self._run(_Answer(strand)))

    def end(self, execution: Execution, ending: Ending) -> bool:
        """Stop an execution from outside; False if it has already ended."""
        with execution.lock:
            finished = self._finish(execution, ending)
        if finished:
            execution.notify_listeners()
        return finished

    def _finish(self, execution: Execution, ending: Ending) -> bool:
        if execution.ending is not None:
            return False
        execution.record_end(ending)
        for timer in (execution.deadline, *execution.sleeping):
            if timer is not None:
                timer.cancel()
        self._ended(execution, ending)
        execution.ended.set()
        return True

    # --- stepping

    def _run(self, answer: _Answer | None) -> None:
        """Step a strand, and then each strand that can continue because of it, until all must wait."""
        while answer is not None:
            strand = answer.strand
            with strand.execution.lock:
                if strand.execution.ending is not None or strand.cancelled:
                    strand.steps.close()
                    return
                effect, following = self._step(answer)
                if isinstance(effect, Sleep):
                    self._sleep(strand, effect.seconds)
                elif isinstance(effect, Receive):
                    following = self._receive(strand, effect)
                elif isinstance(effect, Fork):
                    following = self._fork(strand, effect)
            if strand.execution.ended.is_set():
                strand.execution.notify_listeners()
                return
            answer = self._answer(strand, effect) if isinstance(effect, (Call, Submit, StartMapRun)) else following

    def _step(self, answer: _Answer) -> tuple[Effect | None, _Answer | None]:
        """The strand's next effect or, if it has ended, the strand that continues."""
        steps = answer.strand.steps
        try:
            return (steps.throw(answer.error) if answer.error is not None else steps.send(answer.value)), None
        except StopIteration as stop:
            return None, self._succeeded(answer.strand, stop.value)
        except StateError as failure:
            return None, self._failed(answer.strand, failure)
        except Exception as failure:  # noqa: BLE001  a defect of the interpreter ends one execution, visibly
            _log.error("The interpreter failed unexpectedly: %s", place_of(failure))
            cause = f"Internal error of the engine: {type(failure).__name__}."
            return None, self._failed(answer.strand, StateError(RUNTIME, cause))

    def _answer(self, strand: _Strand, call: Call | Submit | StartMapRun) -> _Answer:
        try:
            return _Answer(strand, self._call(strand.execution, call))
        except (StateError, TaskTimeoutError) as failure:
            return _Answer(strand, error=failure)
        except Exception as failure:  # noqa: BLE001  a defect in a port fails the task, not the whole service
            _log.error("A task failed unexpectedly: %s", place_of(failure))
            return _Answer(strand, error=StateError(RUNTIME, f"The task could not be run: {type(failure).__name__}."))

    def _sleep(self, strand: _Strand, seconds: float, mailbox: TaskMailbox | None = None) -> None:
        def wake() -> None:
            with strand.execution.lock:
                if strand.timer is not timer:
                    return
                self._awake(strand)
                if mailbox is not None:
                    mailbox.waiter = None
            self._run(_Answer(strand))

        timer = self._scheduler.call_later(seconds, wake)
        strand.timer = timer
        strand.execution.sleeping.add(timer)

    def _awake(self, strand: _Strand) -> None:
        """Cancel and forget the strand's timer, if it has one. The caller holds the lock."""
        if strand.timer is not None:
            strand.timer.cancel()
            strand.execution.sleeping.discard(strand.timer)
            strand.timer = None

    def _receive(self, strand: _Strand, effect: Receive) -> _Answer | None:
        mailbox = effect.mailbox
        assert isinstance(mailbox, TaskMailbox)
        message = mailbox.take()
        if message is not None:
            return _Answer(strand, message)

        def deliver(message: Message) -> None:
            self._awake(strand)
            self._scheduler.submit(lambda: self._run(_Answer(strand, message)))

        mailbox.waiter = deliver
        if effect.seconds is not None:
            self._sleep(strand, effect.seconds, mailbox)
        return None

    # --- forks

    def _fork(self, strand: _Strand, fork: Fork) -> _Answer | None:
        group = _Group(strand, fork)
        strand.children = group
        first: _Answer | None = None
        for _ in range(fork.limit):
            child = self._spawn(group, fork.frame.last)
            if child is None:
                break
            if first is None:
                first = _Answer(child)
            else:
                self._scheduler.submit(lambda child=child: self._run(_Answer(child)))  # type: ignore[misc]  # bound now
        return first or self._joined(group)

    def _spawn(self, group: _Group, previous: int) -> _Strand | None:
        make = next(group.fork.spawns, None)
        if make is None:
            return None
        branch = make(previous)
        strand = _Strand(group.parent.execution, branch.steps, branch.frame, group, len(group.results), branch)
        group.results.append(None)
        group.active.add(strand)
        return strand

    def _joined(self, group: _Group) -> _Answer:
        group.parent.children = None
        return _Answer(group.parent, group.results)

    def _succeeded(self, strand: _Strand, value: Json) -> _Answer | None:
        group = strand.group
        if group is None:
            self._finish(strand.execution, Ending("SUCCEEDED", output=dump(value)))
            return None
        group.results[strand.position] = value
        group.active.discard(strand)
        group.fork.frame.last = strand.frame.after or strand.frame.last
        following = self._spawn(group, strand.frame.last)
        if following is not None:
            return _Answer(following)
        return None if group.active else self._joined(group)

    def _failed(self, strand: _Strand, failure: StateError) -> _Answer | None:
        group = strand.group
        if group is None or not failure.catchable:
            self._finish(strand.execution, Ending("FAILED", error=failure.error, cause=failure.cause))
            return None
        group.active.discard(strand)
        group.fork.frame.last = strand.frame.last
        if strand.branch is not None and strand.branch.index is None:
            with suppress(HistoryFullError):
                strand.frame.aborted()
        for other in sorted(group.active, key=lambda item: item.position):
            self._abort(other)
        group.parent.children = None
        return _Answer(group.parent, error=failure)

    def _abort(self, strand: _Strand) -> None:
        """End a strand because a sibling failed; its children end first."""
        strand.cancelled = True
        self._awake(strand)
        strand.steps.close()
        if strand.children is not None:
            for child in sorted(strand.children.active, key=lambda item: item.position):
                self._abort(child)
        branch = strand.branch
        with suppress(HistoryFullError):
            strand.frame.aborted()
            if branch is not None and branch.index is not None:
                which: dict[str, Any] = {"name": branch.name, "index": branch.index}
                strand.frame.event("MapIterationAborted", which, link=False)
