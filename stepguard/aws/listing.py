"""The newest executions with their results.

ListExecutions returns no inputs and outputs, so each execution is described. An ended execution is described once,
because the page refreshes every few seconds and DescribeExecution has a quota.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from stepguard.aws.executions import Execution, Executions, Listed
from stepguard.guard.cursors import Position
from stepguard.trace.failure import error_name
from stepguard.trace.listing import summarize

KNOWN = 2_000
"""The number of summaries to keep, of about a kilobyte each."""

AT_ONCE = 50
LOOKED = 10_000
"""The most entries of the list in one search, most of them later than `until`."""


def chat_summary(execution: Execution) -> dict[str, Any]:
    """The summary of a chat's execution, of `stepguard.trace.listing`."""
    return summarize(
        execution.arn, execution.status, execution.started, execution.stopped, execution.input, execution.output,
        error_name(execution.error, execution.cause),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """Summaries (of `stepguard.trace.listing`), out of `searched` executions. `last` is the position of the last one
    that was searched; None at the end of the list."""

    found: list[dict[str, Any]]
    searched: int
    last: Position | None


class Listing:
    """The list of one state machine's executions; `summary` makes the summary of each."""

    def __init__(self, executions: Executions, summary: Callable[[Execution], dict[str, Any]] = chat_summary) -> None:
        self._executions = executions
        self._summary = summary
        self._known: dict[Listed, dict[str, Any]] = {}

    def search(
        self,
        wanted: Callable[[Mapping[str, Any]], bool],
        *,
        limit: int,
        most: int,
        since: datetime | None = None,
        until: datetime | None = None,
        after: Position | None = None,
    ) -> Page:
        """At most `limit` summaries that are wanted, the newest first, out of at most `most` executions.

        Executions that no longer exist are left out. Raises StepguardError.
        """
        entries = self._executions.listed(after, since, until)
        found: list[dict[str, Any]] = []
        searched = looked = 0
        while batch := list(islice(entries, min(AT_ONCE, most - searched))):
            there = [listed for listed, _ in batch if listed is not None]
            summaries = self._summaries(there)
            for number, (listed, position) in enumerate(batch, 1):
                looked += 1
                summary = None if listed is None else summaries.get(listed)
                searched += summary is not None
                if summary is not None and wanted(summary):
                    found.append(summary)
                if len(found) == limit or searched == most or looked == LOOKED:
                    ended = number == len(batch) and next(entries, None) is None
                    return Page(found, searched, None if ended else position)
        return Page(found, searched, None)

    def _summaries(self, batch: list[Listed]) -> dict[Listed, dict[str, Any]]:
        new = [listed for listed in batch if listed not in self._known]
        found = {listed: self._known[listed] for listed in batch if listed in self._known}
        described = self._executions.describe_all([listed.arn for listed in new])
        for listed, execution in zip(new, described, strict=True):
            if execution is not None:
                found[listed] = self._summary(execution)
                if listed.stopped is not None:
                    self._keep(listed, found[listed])
        return found

    def _keep(self, listed: Listed, summary: dict[str, Any]) -> None:
        self._known[listed] = summary
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
