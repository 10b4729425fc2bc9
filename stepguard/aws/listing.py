"""The newest executions with their results.

ListExecutions returns no inputs and outputs, so each execution is described. An ended execution is described once,
because the page refreshes every few seconds and DescribeExecution has a quota.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from stepguard.aws.executions import Execution, Executions, Listed
from stepguard.trace.failure import error_name
from stepguard.trace.listing import summarize

KNOWN = 2_000
"""The number of summaries to keep, of about a kilobyte each."""

AT_ONCE = 50


def _chat(execution: Execution) -> dict[str, Any]:
    return summarize(
        execution.arn, execution.status, execution.started, execution.stopped, execution.input, execution.output,
        error_name(execution.error, execution.cause),
    )  # fmt: skip


class Listing:
    """The list of one state machine's executions; `summary` makes the summary of each."""

    def __init__(self, executions: Executions, summary: Callable[[Execution], dict[str, Any]] = _chat) -> None:
        self._executions = executions
        self._summary = summary
        self._known: dict[Listed, dict[str, Any]] = {}

    def newest(self, most: int, since: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Summaries (of `stepguard.trace.listing`), the newest first; without executions that no longer exist.

        Raises StepguardError.
        """
        batch: list[Listed] = []
        for listed in self._executions.newest(most, since):
            batch.append(listed)
            if len(batch) == AT_ONCE:
                yield from self._summaries(batch)
                batch = []
        yield from self._summaries(batch)

    def _summaries(self, batch: list[Listed]) -> Iterator[dict[str, Any]]:
        new = [listed for listed in batch if listed not in self._known]
        found = dict(zip(new, self._executions.describe_all([listed.arn for listed in new]), strict=True))
        for listed in batch:
            execution = found.get(listed)
            if execution is not None:
                summary = self._summary(execution)
                if listed.stopped is not None:
                    self._keep(listed, summary)
                yield summary
            elif listed in self._known:
                yield self._known[listed]

    def _keep(self, listed: Listed, summary: dict[str, Any]) -> None:
        self._known[listed] = summary
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
