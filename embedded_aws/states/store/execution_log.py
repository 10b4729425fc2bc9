"""Execution events in CloudWatch Logs, as `loggingConfiguration` sets: the only history that EXPRESS executions have.

Lines have AWS's format: one JSON object for each event, numbers as text. A separate thread sends them: an execution
never waits for its log, and a log that cannot be written is only reported.
https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from embedded_aws.states.interpret.history import Event, without_data
from embedded_aws.states.interpret.ports import AwsClients
from embedded_aws.states.language.json_text import Json, dump, size

_log = logging.getLogger(__name__)
_FATAL = ("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")
_ERROR = ("Failed", "Aborted", "TimedOut")
_MAX_DATA = 248 * 1024
_BATCH = 500


@dataclass(frozen=True, slots=True)
class LogTarget:
    """The destination and level of an execution's log: `level` is ALL, ERROR or FATAL."""

    group: str
    stream: str
    level: str
    with_data: bool

    def wants(self, kind: str) -> bool:
        """Whether an event type is logged at this level."""
        return self.level == "ALL" or kind in _FATAL or (self.level == "ERROR" and kind.endswith(_ERROR))


def log_target(configuration: Mapping[str, Json], machine: str, now: float, log: ExecutionLog) -> LogTarget | None:
    """The log target of a new execution, from its state machine's loggingConfiguration; None means no log."""
    level = configuration.get("level", "OFF")
    destinations = configuration.get("destinations") or []
    if level == "OFF" or not destinations:
        return None
    arn = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"]
    group = arn.partition(":log-group:")[2].removesuffix(":*")
    minute = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H-%M")
    stream = f"states/{machine}/{minute}/{log.nonce}"
    return LogTarget(group, stream, level, bool(configuration.get("includeExecutionData")))


def log_line(event: Event, execution: str, redrives: int, *, with_data: bool) -> str:
    """One line of the log."""
    details = dict(event.details or {})
    if not with_data:
        details = without_data(details)
    for name in ("input", "output"):
        if size(details.get(name, "")) > _MAX_DATA:
            details[name] = details[name].encode("utf-8", "surrogatepass")[:_MAX_DATA].decode("utf-8", "ignore")
            details[f"{name}Details"] = {"truncated": True}
    return dump(
        {
            "id": str(event.id),
            "type": event.type,
            "details": details,
            "previous_event_id": str(event.previous),
            "event_timestamp": str(round(event.timestamp * 1000)),
            "execution_arn": execution,
            "redrive_count": str(redrives),
        }
    )


class ExecutionLog:
    """Sends lines to CloudWatch Logs."""

    def __init__(self, clients: AwsClients | None) -> None:
        self._clients = clients
        self._queue: queue.Queue[tuple[LogTarget, int, str] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._streams: set[tuple[str, str]] = set()
        # Executions that start in the same minute share a stream, as on AWS.
        self.nonce = uuid4().hex[:8]

    def write(self, target: LogTarget, execution: str, redrives: int, events: list[Event]) -> None:
        """Queue the lines of some events."""
        if self._clients is None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="asl-log", daemon=True)
                self._thread.start()
        for event in events:
            if target.wants(event.type):
                line = log_line(event, execution, redrives, with_data=target.with_data)
                self._queue.put((target, round(event.timestamp * 1000), line))

    def close(self) -> None:
        """Send what is queued."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(10)

    def _send_all(self) -> None:
        going = True
        while going:
            batch: dict[tuple[str, str], list[dict[str, Any]]] = {}
            item = self._queue.get()
            for number in range(_BATCH):
                if item is None:
                    going = False
                    break
                target, moment, line = item
                lines = batch.setdefault((target.group, target.stream), [])
                lines.append({"timestamp": moment, "message": line})
                if number == _BATCH - 1 or self._queue.empty():
                    break
                item = self._queue.get()
            for (group, stream), lines in batch.items():
                self._send(group, stream, lines)

    def _send(self, group: str, stream: str, lines: list[dict[str, Any]]) -> None:
        assert self._clients is not None
        try:
            client = self._clients("logs")
            if (group, stream) not in self._streams:
                client.create_log_stream(logGroupName=group, logStreamName=stream)
                self._streams.add((group, stream))
            client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=lines)
        except Exception as error:  # noqa: BLE001  a missing log group must not fail executions, as on AWS
            _log.warning("Execution events could not be logged to %s: %s", group, type(error).__name__)
