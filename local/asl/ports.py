"""What the engine needs from outside: a Lambda to invoke, a clock to read. Implemented elsewhere, injected.

Lambda's contract: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


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

    def __call__(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult: ...


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
