"""One invocation in one worker: the init phase if the handler is not loaded, the handler, the result, the log lines."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from embedded_aws.lambda_.config import FunctionConfig, InvokeResult
from embedded_aws.lambda_.logs import InvocationLog, LogFolder
from embedded_aws.lambda_.worker import LambdaWorker, describe_exit
from embedded_aws.workers.process import WorkerDied, WorkerRetired

# Lambda gives the init phase (importing the handler) ten extra seconds; an import that takes longer is tried again
# within the function's time.
INIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """A request to a function. Without a payload its handler is only loaded; the result is the routes it declares."""

    request_id: str
    payload: bytes | None
    client_context: Mapping[str, Any] | None = None


class Invocation:
    """Runs `event` in `worker`; afterwards `usable` is whether the worker may take another one."""

    def __init__(self, config: FunctionConfig, arn: str, event: Event, worker: LambdaWorker, logs: LogFolder) -> None:
        self.worker = worker
        self.usable = True
        self._config = config
        self._arn = arn
        self._event = event
        self._log = InvocationLog(logs, config.name, worker.stream)
        self._loading = event.payload is None or config.handler not in worker.loaded
        self._started = event.payload is None
        self._sent_at: float | None = None
        self._init_ms: float | None = None
        self._peak = 0

    def answer(self, until: float) -> InvokeResult | None:
        """The result; None if it is not there by `until` (monotonic clock), then call again.

        Raises WorkerRetired if the worker had left before, so that another one may take the event.
        """
        while True:
            if self._sent_at is None:
                self._sent_at = self._send()
            deadline = self._sent_at + self._seconds
            try:
                reply = self.worker.wait(min(deadline, until), self._log.output)
            except WorkerDied as died:
                return self._broken("Runtime.ExitError", describe_exit(died.code), "error")
            if reply is None:
                if time.monotonic() < deadline:
                    return None
                return self._broken(
                    "Sandbox.Timedout", f"Task timed out after {self._config.timeout:.2f} seconds", "timeout"
                )
            self._peak = reply.peak
            if not self._loading:
                return self._result(reply.body, failed=not reply.ok)
            if not reply.ok:
                self.usable = False
                return self._result(reply.body, failed=True)
            self._loaded()
            if self._event.payload is None:
                return InvokeResult(204, reply.body, None, self._event.request_id)

    @property
    def _seconds(self) -> float:
        return self._config.timeout + (INIT_SECONDS if self._loading else 0.0)

    def _send(self) -> float:
        config, event = self._config, self._event
        header = {
            "kind": "load" if self._loading else "invoke",
            "request_id": event.request_id,
            "handler": config.handler,
            "seconds": self._seconds,
            "arn": self._arn,
            "client_context": event.client_context,
            # What differs between functions that share a worker.
            "variables": {
                "_HANDLER": config.handler,
                "AWS_LAMBDA_FUNCTION_NAME": config.name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
                "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config.name}",
            },
        }
        if not self._started:
            self._started = True
            self._log.lines(f"START RequestId: {event.request_id} Version: $LATEST")
        now = time.monotonic()
        try:
            self.worker.send(header, b"" if self._loading else event.payload or b"", now + self._seconds)
        except WorkerRetired:
            if self.worker.loaded:
                raise
            # It never came up: the answer, if only its end, says why.
        return now

    def _loaded(self) -> None:
        if self._sent_at is not None and not self.worker.loaded:
            self._init_ms = (time.monotonic() - self._sent_at) * 1000
        self.worker.loaded.add(self._config.handler)
        self._loading = False
        self._sent_at = None

    def _broken(self, kind: str, what: str, status: str) -> InvokeResult:
        """The worker's end instead of the function's answer."""
        self.usable = False
        request_id = self._event.request_id
        if status == "timeout":
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._log.lines(f"{stamp} {request_id} {what}")
        else:
            self._log.lines(f"RequestId: {request_id} Error: {what}")
        document = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {what}"}
        return self._result(json.dumps(document).encode(), failed=True, status=status)

    def _result(self, payload: bytes, *, failed: bool, status: str = "error") -> InvokeResult:
        request_id = self._event.request_id
        duration = 0.0 if self._sent_at is None else (time.monotonic() - self._sent_at) * 1000
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {math.ceil(duration)} ms\t"
            f"Memory Size: {self._config.memory} MB\tMax Memory Used: {self._peak // 2**20} MB\t"
        )
        if self._init_ms is not None:
            report += f"Init Duration: {self._init_ms:.2f} ms\t"
        if failed:
            report += f"Status: {status}"
        self._log.lines(f"END RequestId: {request_id}", report)
        return InvokeResult(200, payload, "Unhandled" if failed else None, request_id, self._log.tail)
