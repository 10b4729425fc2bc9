"""Drives executions: gives the interpreter what its effects ask for, on the scheduler's threads.

An execution is stepped by one thread at a time. A Call runs right there, without a hand-over; a Sleep parks the
steps with a timer. Stopping an execution never waits for a task: what the task answers later is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from local.asl.effects import Call, Sleep, Steps, TaskTimeoutError
from local.asl.errors import RUNTIME, StateError
from local.asl.execution import Ending, Execution
from local.asl.interpreter import run_machine
from local.asl.jsontext import Json, dump
from local.asl.scheduler import Scheduler

_log = logging.getLogger(__name__)


class Engine:
    """Runs executions.

    `call` runs a task and blocks; `ended` is told once about each ending, under the execution's lock, before anyone
    who waits for it.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        call: Callable[[Execution, Call], Json],
        ended: Callable[[Execution, Ending], None],
    ) -> None:
        self._scheduler = scheduler
        self._call = call
        self._ended = ended

    def start(self, execution: Execution) -> None:
        """Record ExecutionStarted and let the execution run."""
        with execution.lock:
            execution.record_start()
            if execution.machine.timeout is not None:
                execution.deadline = self._scheduler.call_later(
                    execution.machine.timeout, lambda: self.end(execution, Ending("TIMED_OUT"))
                )
        steps = run_machine(execution.machine, execution.frame, execution.input)
        self._scheduler.submit(lambda: self._advance(execution, steps, None, None))

    def end(self, execution: Execution, ending: Ending) -> bool:
        """Stop an execution from outside; False when it had ended already."""
        with execution.lock:
            return self._finish(execution, ending)

    def _finish(self, execution: Execution, ending: Ending) -> bool:
        if execution.ending is not None:
            return False
        execution.record_end(ending)
        if execution.deadline is not None:
            execution.deadline.cancel()
        self._ended(execution, ending)
        execution.ended.set()
        return True

    def _advance(self, execution: Execution, steps: Steps, value: Json, error: Exception | None) -> None:
        """Step until the execution ends or must wait for a time."""
        while True:
            with execution.lock:
                if execution.ending is not None:
                    steps.close()
                    return
                effect = self._step(execution, steps, value, error)
            if effect is None:
                return
            if isinstance(effect, Sleep):
                self._scheduler.call_later(effect.seconds, lambda: self._advance(execution, steps, None, None))
                return
            value, error = self._answer(execution, effect)

    def _answer(self, execution: Execution, effect: Call) -> tuple[Json, Exception | None]:
        try:
            return self._call(execution, effect), None
        except (StateError, TaskTimeoutError) as failure:
            return None, failure
        except Exception as failure:  # noqa: BLE001  a defect in a port fails the task, not the whole service
            _log.exception("The task %s failed unexpectedly.", effect.resource.arn)
            return None, StateError(RUNTIME, f"The task could not be run: {type(failure).__name__}.")

    def _step(self, execution: Execution, steps: Steps, value: Json, error: Exception | None) -> Any:
        """The next effect, or None when the execution has ended."""
        try:
            return steps.throw(error) if error is not None else steps.send(value)
        except StopIteration as stop:
            ending = Ending("SUCCEEDED", output=dump(stop.value))
        except StateError as failure:
            ending = Ending("FAILED", error=failure.error, cause=failure.cause)
        except Exception as failure:  # noqa: BLE001  a defect of the interpreter ends one execution, visibly
            _log.exception("The interpreter failed unexpectedly.")
            ending = Ending("FAILED", error=RUNTIME, cause=f"Internal error of the engine: {type(failure).__name__}.")
        self._finish(execution, ending)
        return None
