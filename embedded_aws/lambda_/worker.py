"""Lambda's worker process: the environment of its sandbox, its log stream and its replies."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from embedded_aws.workers.process import Worker

_RUNTIME = "embedded_aws.lambda_.runtime"
# The variables that a worker gets from the parent's environment, without the user's AWS settings and credentials.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where a worker runs; functions of equal task root and environment share its workers.

    `function` is the name of the only function that uses them, if it has a reserved concurrency.
    """

    task_root: Path
    region: str
    environment: tuple[tuple[str, str], ...]
    function: str = ""

    def variables(self) -> dict[str, str]:
        """The process's environment; the names are Lambda's.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        major, minor = sys.version_info[:2]
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{major}.{minor}",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # The execution role's credentials. Files and instance metadata are disabled, so that a handler under test
            # cannot find the developer's credentials.
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_SESSION_TOKEN": "embedded",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict(self.environment),
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """A worker's answer: a result, or an error document if not `ok`; `peak` is its resident memory in bytes."""

    ok: bool
    body: bytes
    peak: int


class LambdaWorker(Worker):
    """A process of one sandbox; `loaded` are the handlers it has imported, `stream` is its log stream."""

    def __init__(self, sandbox: Sandbox, *, idle: float = 0.0) -> None:
        """The worker leaves after `idle` seconds (0: no limit) without an invocation."""
        self.loaded: set[str] = set()
        self.stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        environment = {**sandbox.variables(), "AWS_LAMBDA_LOG_STREAM_NAME": self.stream}
        super().__init__(_RUNTIME, str(idle), folder=sandbox.task_root, environment=environment, capture=True)

    def wait(self, until: float, output: Callable[[bytes], None]) -> Reply | None:
        """The reply, or None if there is none by `until` (monotonic clock); `output` gets what the handler prints.

        Raises WorkerRetired or WorkerDied.
        """
        answer = self.receive(until, output)
        if answer is None:
            return None
        header, body = answer
        return Reply(header["ok"], body, header["peak"])


def describe_exit(code: int | None) -> str:
    """Lambda's words for the end of a process with this return code."""
    if not code:
        return "Runtime exited without providing a reason"
    if code < 0:
        # Lambda uses Go's names of signals: "killed", "segmentation fault".
        return f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"Runtime exited with error: exit status {code}"
