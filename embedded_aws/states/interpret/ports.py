"""The interfaces that the engine needs: Lambda, AWS clients, mocks and a clock. Callers inject implementations.

Lambda's contract: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class LambdaResult:
    """Lambda's response to a synchronous invocation.

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
    passes, stop the function and raise `TimeoutError`. Raise `LambdaInvokeError` if the function does not exist
    (ResourceNotFoundException) or no worker is free to run it (TooManyRequestsException).
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
    """The behaviour of a mocked task: return `result`, fail with `error` and `cause`, or never respond (`silent`).

    `submitted` is the immediate response of a task that completes later; `worker` names an activity's worker.
    """

    result: Any = None
    failed: bool = False
    error: str | None = None
    cause: str | None = None
    silent: bool = False
    submitted: Any = None
    worker: str | None = None


class TaskMocks(Protocol):
    """Returns a mocked response for a task; None means that the task is really called.

    `execution` is the execution's ARN, `state` the state's name, `iteration` the indices of the enclosing inline Map
    items, `attempt` the number of retries so far, `arguments` the task's effective input.
    """

    def __call__(
        self, execution: str, state: str, iteration: tuple[int, ...], attempt: int, arguments: Any, /
    ) -> Mocked | None: ...


class Clock(Protocol):
    """The time of day in seconds since the epoch. With a `virtual` clock the scheduler skips waits."""

    @property
    def virtual(self) -> bool: ...

    def now(self) -> float: ...

    def jump(self, when: float) -> None: ...


class SystemClock:
    """The system clock."""

    virtual = False

    def now(self) -> float:
        return time.time()

    def jump(self, when: float) -> None:
        raise RuntimeError("The system's clock cannot be set.")


class VirtualClock:
    """A clock that stops while work is left, then jumps to the next deadline, so that waits take no time."""

    virtual = True

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def jump(self, when: float) -> None:
        self._now = max(self._now, when)
