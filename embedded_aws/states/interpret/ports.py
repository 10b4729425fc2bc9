"""What the engine needs from outside: a Lambda to invoke, a clock to read. Implemented elsewhere, injected.

Lambda's contract: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class LambdaResult:
    """What Lambda answered to a synchronous invocation.

    `payload` is the JSON text the handler returned, or, when `function_error` is set ("Handled", "Unhandled"), the
    error document `{"errorType", "errorMessage", "stackTrace"?}`.
    """

    payload: bytes
    status: int = 200
    function_error: str | None = None
    executed_version: str = "$LATEST"
    log: str | None = None


class LambdaInvokeError(Exception):
    """Lambda refused the invocation itself: `code` is the API's error, e.g. ResourceNotFoundException.

    `status` is its HTTP status. A history shows it as `Lambda.CODE`.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class InvokeLambda(Protocol):
    """Runs a function and waits for its answer; called from many threads at once.

    `function` is a name, `name:qualifier` or an ARN. `timeout` is the time left to the state, in seconds: when it
    passes, raise `TimeoutError` and leave nothing running. Raise `LambdaInvokeError` when there is no such function
    (ResourceNotFoundException) or no room to run it (TooManyRequestsException).
    """

    def __call__(self, function: str, payload: bytes, timeout: float | None, /) -> LambdaResult: ...


class AwsClients(Protocol):
    """Gives a client for an AWS service, e.g. "dynamodb": an object shaped like a boto3 client.

    It has a method per operation in snake case (`put_item(**params) -> dict`); a failed call raises an exception with
    a `response` like botocore's ClientError.
    """

    def __call__(self, service: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Mocked:
    """What a mocked task does: give `result`, fail with `error` and `cause`, or never answer (`silent`).

    `submitted` is what the service says at once when the task answers later; `worker` names an activity's worker.
    """

    result: Any = None
    failed: bool = False
    error: str | None = None
    cause: str | None = None
    silent: bool = False
    submitted: Any = None
    worker: str | None = None


class TaskMocks(Protocol):
    """Says what a task does instead of calling it; None lets the call go through.

    `execution` is the execution's ARN, `state` the state's name, `iteration` the indices of the enclosing inline Map
    items, `attempt` the number of retries so far, `arguments` the task's effective input.
    """

    def __call__(
        self, execution: str, state: str, iteration: tuple[int, ...], attempt: int, arguments: Any, /
    ) -> Mocked | None: ...


class Clock(Protocol):
    """The time of day in seconds since the epoch. A clock that says `virtual` lets the scheduler jump over waits."""

    @property
    def virtual(self) -> bool: ...

    def now(self) -> float: ...

    def jump(self, when: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    virtual = False

    def now(self) -> float:
        return time.time()

    def jump(self, when: float) -> None:
        raise RuntimeError("The system's clock cannot be set.")


class VirtualClock:
    """A clock that stands still until nothing is left to do, then jumps to the next deadline: waits cost no time."""

    virtual = True

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def jump(self, when: float) -> None:
        self._now = max(self._now, when)
