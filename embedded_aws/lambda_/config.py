"""A function's configuration and an invocation's result: what callers of the embedded Lambda see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

# Lambda quotas, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUEST_LIMIT = 6 * 1024 * 1024
EVENT_LIMIT = 1024 * 1024
MAX_TIMEOUT = 900.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """One Lambda function.

    `handler` is `module.function` (`app.guard_input`), found below `task_root`, the project folder; `timeout` is in
    seconds, `memory` in MB (reported, not enforced). `concurrency` is Lambda's reserved concurrency: at most so many
    invocations run at a time, in worker processes that no other function uses. Raises ValueError, naming the member,
    for what Lambda refuses.
    """

    name: str
    handler: str
    task_root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    memory: int = 128
    description: str = ""
    concurrency: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"Function name {self.name!r}: 1 to 64 letters, digits, '-' and '_' are allowed.")
        if not 0 < self.timeout <= MAX_TIMEOUT:
            raise ValueError(
                f"Timeout of function {self.name}: {self.timeout} is not within 0 and {MAX_TIMEOUT:.0f} s."
            )
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(f"Reserved concurrency of function {self.name}: {self.concurrency} is less than 1.")
        if any("=" in key or "\0" in key + value for key, value in self.environment.items()):
            raise ValueError(f"Environment of function {self.name}: a name holds '=' or a value a NUL character.")
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """The answer to a synchronous invocation.

    `payload` is the function's JSON, or, when `function_error` is set (always `Unhandled`, as for every managed
    runtime), Lambda's error document. `log_tail` is the last 4 KB of the invocation's log.
    """

    status: int
    payload: bytes
    function_error: str | None
    request_id: str
    log_tail: bytes = b""
    executed_version: str = "$LATEST"
