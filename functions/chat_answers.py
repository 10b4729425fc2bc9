"""Finds the answer of a chat execution: in the API's table, and in Step Functions as seldom as possible.

DescribeExecution refills at some 15 calls a second for a whole account, so a chat must not need one. The state machine
writes how it ended into the table, except when it times out or is aborted, or when the table fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from stepguard.aws.answer_table import AnswerTable, Row
from stepguard.aws.executions import Execution, Executions
from stepguard.guard.errors import ServiceUnavailable, StepguardError, Throttled, UnknownExecution
from stepguard.guard.waiting import pause

LOOKS = (20.0, 120.0, 600.0, 1830.0)
"""The ages in seconds from which a chat's first, second, third and last DescribeExecution is due. The last is after the
state machine's TimeoutSeconds, when every execution has ended."""

FALLBACK_LOOKS = (1.0, 4.0, 12.0)
"""The same while the table fails, in seconds of waiting; one more follows at the end of the wait."""

EXPRESS_SECONDS = 330.0
"""EXPRESS executions end within five minutes, and DescribeExecution does not know them."""

Found = Row | Execution
"""An execution as the table or Step Functions knows it."""

_log = logging.getLogger(__name__)


class ChatAnswers:
    """The answers of one state machine. `clock` and `sleep` are in seconds.

    Without a table every look is a DescribeExecution, as often as the pauses allow.
    """

    def __init__(
        self, executions: Executions, table: AnswerTable, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._executions = executions
        self._table = table
        self._clock = clock
        self._sleep = sleep

    @property
    def table(self) -> AnswerTable:
        """The API's table."""
        return self._table

    def begin(
        self,
        name: str,
        caller: str,
        hours: int,
        *,
        express: bool = False,
        language: str = "",
        listener: str | None = None,
    ) -> bool:
        """Write the row of an execution that is about to start; False if the table does not take it."""
        if not self._table.deployed:
            return False
        try:
            self._table.begin(name, caller, hours, express=express, language=language, listener=listener)
        except StepguardError as error:
            _failed(error)
            return False
        return True

    def wait(self, name: str, arn: str, seconds: float, *, begun: bool) -> Found | None:
        """The execution as soon as it has ended; None if it has not within `seconds`."""
        return (
            self._wait_for_row(name, arn, seconds, begun)
            if self._table.deployed
            else self._wait_by_asking(arn, seconds)
        )

    def find(self, name: str, arn: str | None) -> Found:
        """The execution now. `arn` is None for an EXPRESS one. Raises UnknownExecution, StepguardError."""
        row = self._table.read(name) if self._table.deployed else None
        if row is not None:
            return row
        if arn is None:
            raise UnknownExecution("No execution of this name belongs to the chat state machine.")
        return self._executions.describe(arn)

    def looked(self, row: Row, arn: str) -> Found | None:
        """The execution of a row without an end, if a look is due and finds that it has ended."""
        due = row.looks < len(LOOKS) and (row.deleted or row.age >= LOOKS[row.looks])
        return self._look(row, arn) if due else None

    def settled(self, row: Row, arn: str) -> Found:
        """The execution of a row without an end, which has ended: it timed out, was aborted, or the table failed."""
        return self._look(row, arn) or self._executions.describe(arn)

    def _wait_for_row(self, name: str, arn: str, seconds: float, begun: bool) -> Found | None:
        start = self._clock()
        row: Row | None = None
        fallback = list(FALLBACK_LOOKS)
        while True:
            try:
                row = self._table.read(name)
            except StepguardError as error:
                if begun:
                    _failed(error)
                begun = False
            if row is not None and row.ended:
                return row
            if row is not None and row.deleted:
                begun = False  # nothing will be written: the execution has to be asked
            passed = self._clock() - start
            if passed >= seconds:
                break
            if not begun and fallback and passed >= fallback[0]:
                fallback.pop(0)
                execution = self._ended(arn)
                if execution is not None:
                    return execution
            self._sleep(min(pause(passed), seconds - passed))
        if seconds < FALLBACK_LOOKS[0]:
            return None
        if row is None:
            return self._ended(arn)
        return self._look(row, arn) if row.looks == 0 else None

    def _wait_by_asking(self, arn: str, seconds: float) -> Found | None:
        deadline = self._clock() + seconds
        wait = 0.05
        while True:
            execution = self._ended(arn)
            left = deadline - self._clock()
            if left <= 0 or execution is not None:
                return execution
            self._sleep(min(wait, left))
            wait = min(wait * 1.5, 1.0)

    def _look(self, row: Row, arn: str) -> Found | None:
        """Ask DescribeExecution once, counted in the row, and write the end that the row lacks."""
        try:
            counted = self._table.look(row)
        except StepguardError as error:
            _failed(error)
            return None
        execution = self._ended(arn) if counted else None
        if execution is not None:
            try:
                self._table.end(row, execution)
            except StepguardError as error:
                _failed(error)
        return execution

    def _ended(self, arn: str) -> Execution | None:
        # DescribeExecution is eventually consistent and has its own quotas: keep waiting for a started execution.
        try:
            execution = self._executions.describe(arn)
        except (UnknownExecution, Throttled, ServiceUnavailable):
            return None
        return execution if execution.finished else None


def _failed(error: StepguardError) -> None:
    # An answer does not depend on the table.
    _log.warning("The table of answers failed: %s: %s", type(error).__name__, error)
