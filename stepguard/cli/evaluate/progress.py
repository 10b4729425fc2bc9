"""Follows a run to its end, with a progress bar."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from stepguard.aws.evaluations import Evaluations, Watch
from stepguard.aws.executions import Execution
from stepguard.guard.errors import AccessDenied, InvalidRequest, ServiceUnavailable, StepguardError, Throttled
from stepguard.session.model import Session

PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 2.0
"""Short pauses for short runs, longer ones for long runs."""
LINE_SECONDS = 10.0
"""Between two lines of progress."""
_INPUT_ERRORS = {"InvalidRequest", "UnknownLabel", "ConfigurationError", "AccessDenied"}
_BLOCKED = b'"blocked": true'


class Blocked:
    """Counts blocks as the embedded Lambdas report them; AWS returns no such number before the end."""

    def __init__(self, session: Session) -> None:
        self._lock = threading.Lock()
        self._known = session.cloud is not None
        self._count = 0
        if session.cloud is not None:
            session.cloud.watch = self._count_block

    def _count_block(self, function: str, payload: bytes) -> None:
        if _BLOCKED in payload and "guard_" in function:
            with self._lock:
                self._count += 1

    @property
    def text(self) -> str:
        """The count, for the progress bar."""
        return f"{self._count} blocked" if self._known else "blocked: known at the end"


def follow(session: Session, run: str, *, quiet: bool) -> Execution:
    """Wait for the run's end. Raises the error that ended it before the first item; the bar is on the standard
    error."""
    pause = PAUSE_SECONDS
    with _bar(session, run, quiet=quiet) as show:
        while not (execution := _patiently(session.evaluations, run, show)).finished:
            time.sleep(pause)
            pause = min(pause * 1.1, LONGEST_PAUSE_SECONDS)
    if execution.status != "SUCCEEDED" and _is_input(execution):
        raise InvalidRequest(_message(execution))
    return execution


def _is_input(execution: Execution) -> bool:
    """Whether the run ended by an error that people must correct: the corpus, a setting, a permission of a role."""
    # If a role may not call a Lambda or read the bucket, the cause has the words of the service that refused.
    refused = any(words in (execution.cause or "") for words in ("AccessDenied", "not authorized"))
    return execution.error in _INPUT_ERRORS or refused


def _patiently(evaluations: Evaluations, run: str, show: Show) -> Execution:
    """Describe the run; retry if the service is busy or unavailable, since the run continues meanwhile."""
    for attempt in range(20):
        try:
            execution = evaluations.describe(run)
            show(execution)
        except (Throttled, ServiceUnavailable):
            time.sleep(min(5.0, PAUSE_SECONDS * 2**attempt))
        else:
            return execution
    return evaluations.describe(run)


class Show:
    """Displays the progress of a run."""

    def __call__(self, execution: Execution) -> None:
        """Displays nothing and calls no service."""


class _Bar(Show):
    def __init__(self, bar: Progress, watch: Watch, blocked: Blocked) -> None:
        self._bar = bar
        self._watch = watch
        self._blocked = blocked
        self._task = bar.add_task("reading the corpus", total=None, rate="", count="")
        self._start: tuple[float, int] | None = None

    def __call__(self, execution: Execution) -> None:
        try:
            progress = self._watch.progress(execution)
        except AccessDenied:
            return  # these credentials may not read the progress; continue without it
        now = time.monotonic()
        if self._start is None and progress.total is not None:
            self._start = now, progress.done
        rate = 0.0
        if self._start is not None and now > self._start[0]:
            rate = (progress.done - self._start[1]) / (now - self._start[0])
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.done,
            description="evaluating" if progress.total is not None else "reading the corpus",
            rate=f"{rate:.1f}/s" if rate else "",
            count=f"{self._blocked.text}, {progress.failed} failed",
        )


class Lines(Show):
    """Prints a line from time to time where no terminal can display a bar: logs of continuous integration."""

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch = watch
        self._clock = clock
        self._start = self._printed = clock()

    def __call__(self, execution: Execution) -> None:
        now = self._clock()
        if now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        try:
            progress = self._watch.progress(execution)
        except AccessDenied:
            return  # these credentials may not read the progress; continue without it
        count = "reading the corpus" if progress.total is None else f"{progress.done} of {progress.total} evaluated"
        failed = f", {progress.failed} failed" if progress.failed else ""
        print(f"{now - self._start:.0f} s: {count}{failed}", file=sys.stderr, flush=True)


@contextmanager
def _bar(session: Session, run: str, *, quiet: bool) -> Iterator[Show]:
    if quiet:
        yield Show()
        return
    if not sys.stderr.isatty():
        yield Lines(Watch(session.evaluations, run))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        yield _Bar(bar, Watch(session.evaluations, run), Blocked(session))


def _message(execution: Execution) -> str:
    """The Lambda's error message, without the document that Lambda puts around it."""
    try:
        return str(json.loads(execution.cause or "")["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return execution.cause or str(execution.error)


def failure(execution: Execution) -> StepguardError | None:
    """The message of a run that failed, whether or not it was scored."""
    if execution.status == "SUCCEEDED":
        return None
    return ServiceUnavailable(f"The run {execution.name} ended as {execution.status}: {_message(execution)[:500]}")
