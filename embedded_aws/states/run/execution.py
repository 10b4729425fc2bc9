"""A running execution: its interpreter, its history, and how it ends.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-executions.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.history import NOT_TRUNCATED, Details
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Machine
from embedded_aws.states.run.scheduler import Timer
from embedded_aws.states.store.execution_log import LogTarget


@dataclass(frozen=True, slots=True)
class Ending:
    """How an execution ended: `status` SUCCEEDED (with `output`), FAILED, TIMED_OUT or ABORTED (error and cause)."""

    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None

    def event(self) -> tuple[str, Details]:
        """The type and details of the history's last event."""
        if self.status == "SUCCEEDED":
            return "ExecutionSucceeded", {"output": self.output, "outputDetails": NOT_TRUNCATED}
        kind = {"FAILED": "ExecutionFailed", "TIMED_OUT": "ExecutionTimedOut", "ABORTED": "ExecutionAborted"}
        details: Details = {}
        if self.error is not None:
            details["error"] = self.error
        if self.cause is not None:
            details["cause"] = self.cause
        return kind[self.status], details


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an execution. `machine` is its state machine's ARN (with /LABEL for a Map Run's child, which
    also has `map_run` and its `item` number); `text` is the unchanged input; `redrives` is the number of redrives;
    `version` and `alias` are the ARNs that started it, if any."""

    number: int
    arn: str
    machine: str
    revision: str
    name: str
    express: bool
    role: str
    started: float
    text: str
    map_run: str | None = None
    item: int | None = None
    redrives: int = 0
    version: str | None = None
    alias: str | None = None


class Execution:
    """An execution in memory, from its start to its ending.

    `lock` is held whenever its interpreter steps or its history is written; it is free while a task is called.
    """

    def __init__(
        self, who: Identity, machine: Machine, frame: Frame, data: Json, target: LogTarget | None = None
    ) -> None:
        self.who = who
        self.machine = machine
        self.frame = frame
        self.input = data
        self.log_target = target
        self.lock = threading.Lock()
        self.ending: Ending | None = None
        self.ended = threading.Event()
        self.deadline: Timer | None = None
        self.sleeping: set[Timer] = set()
        self.listeners: list[Callable[[], object]] = []

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return self.who.arn

    def record_start(self) -> None:
        """Record ExecutionStarted. The first state names 0 as its predecessor, so the frame's last event stays 0."""
        self.frame.remember(self.input, self.who.text)
        self.frame.run.history.record(
            "ExecutionStarted", {"input": self.who.text, "inputDetails": NOT_TRUNCATED, "roleArn": self.who.role}, 0
        )

    def when_ended(self, listener: Callable[[], object]) -> bool:
        """Call `listener` after the end; False, without a call, if the execution has already ended."""
        with self.lock:
            if self.ending is not None:
                return False
            self.listeners.append(listener)
            return True

    def notify_listeners(self) -> None:
        """Call the listeners for the end. The caller does not hold the lock."""
        listeners, self.listeners = self.listeners, []
        for listener in listeners:
            listener()

    def record_end(self, ending: Ending) -> None:
        """The last event. A stop or time-out comes from outside: no state's event precedes it."""
        kind, details = ending.event()
        previous = self.frame.last if ending.status in ("SUCCEEDED", "FAILED") else 0
        self.frame.run.history.record(kind, details, previous, last=True)
        self.ending = ending
