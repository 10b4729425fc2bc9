"""Receives the messages for a waiting task: from SendTaskSuccess and its siblings, workers, and jobs that end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from embedded_aws.states.interpret.effects import Message
from embedded_aws.states.run.execution import Execution


class TaskMailbox:
    """The mailbox of one task of one execution. `waiter` resumes the task when a message comes;
    `on_close` is called when the task ends, with any outcome."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._messages: deque[Message] = deque()
        self.waiter: Callable[[Message], None] | None = None
        self.on_close: Callable[[], None] | None = None
        self.closed = False

    def put(self, message: Message) -> bool:
        """Deliver a message; False if the task or its execution has ended."""
        with self._execution.lock:
            if self.closed or self._execution.ending is not None:
                return False
            waiter, self.waiter = self.waiter, None
            if waiter is None:
                self._messages.append(message)
            else:
                waiter(message)
            return True

    def close(self) -> None:
        """Take no more messages: the task has ended. The caller holds the execution's lock."""
        self.closed = True
        self.waiter = None
        if self.on_close is not None:
            self.on_close()

    def take(self) -> Message | None:
        """The oldest message, if any. The caller holds the execution's lock."""
        return self._messages.popleft() if self._messages else None
