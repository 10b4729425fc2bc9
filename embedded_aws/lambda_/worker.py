"""One worker process, seen from the parent: start it, send it an invocation, wait for the answer, end it."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from embedded_aws.lambda_ import runtime

_SCRIPT = runtime.__file__
# What a worker may see of the parent's environment; the user's AWS settings and credentials are not among it.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a worker is started for: functions of equal task root and environment share it."""

    task_root: Path
    region: str
    environment: tuple[tuple[str, str], ...]

    def variables(self) -> dict[str, str]:
        """The process's environment; the names are Lambda's.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        major, minor = sys.version_info[:2]
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "LAMBDA_RUNTIME_DIR": str(Path(_SCRIPT).parent),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{major}.{minor}",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # The execution role's credentials. Files and instance metadata are out of reach, so that no handler
            # under test ever finds the developer's own.
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_SESSION_TOKEN": "embedded",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict(self.environment),
        }


class WorkerRetired(Exception):
    """The worker had left before it took the invocation: another one may take it."""


class WorkerDied(Exception):
    """The process ended in the middle of an invocation; the text says how, in Lambda's words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A worker's answer: a result, or an error document if not `ok`; `peak` is its resident memory in bytes."""

    ok: bool
    body: bytes
    peak: int


class Worker:
    """A process of one sandbox. Not thread safe: who has it, has it alone."""

    def __init__(self, sandbox: Sandbox, *, idle: float = 0.0) -> None:
        self.sandbox = sandbox
        self.loaded: set[str] = set()
        self.stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        self._channel, theirs = socket.socketpair()
        self._output, output = os.pipe()
        variables = {**sandbox.variables(), "AWS_LAMBDA_LOG_STREAM_NAME": self.stream}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own script under our own interpreter
                [sys.executable, "-P", "-u", "-X", "utf8", _SCRIPT, str(theirs.fileno()), str(idle)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                cwd=sandbox.task_root,
                env=variables,
                # Ctrl-C is for the parent alone, and a kill reaches what the handler started, too.
                start_new_session=True,
            )
        except BaseException:
            self._channel.close()
            os.close(self._output)
            raise
        finally:
            theirs.close()
            os.close(output)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def waiting(self) -> bool:
        """Whether the process is there and silent, as it must be between invocations."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return not poll.poll(0)

    def send(self, header: Mapping[str, object], body: bytes, until: float) -> None:
        """Hand over a request; raises WorkerRetired if the process did not take it."""
        try:
            self._channel.settimeout(max(0.001, until - time.monotonic()))
            self._channel.sendall(runtime.frame(header, body))
        except OSError:
            raise WorkerRetired from None

    def wait(self, until: float, output: Callable[[bytes], None]) -> Reply | None:
        """The answer, or None if it is not there by `until` (monotonic clock); prints go to `output` on the way.

        Raises WorkerRetired or WorkerDied.
        """
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        while True:
            remaining = until - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, remaining * 1000))}
            if self._output in ready and not self._pass_output(output):
                poll.unregister(self._output)
            if self._channel.fileno() in ready:
                break
            if remaining <= 0:
                return None
        self._channel.settimeout(None)
        try:
            answer = runtime.read_frame(self._channel)
        except OSError:
            answer = None
        self._drain(output)
        if answer is None:
            raise WorkerDied(self._ending())
        header, body = answer
        if header["kind"] == "bye":
            raise WorkerRetired
        return Reply(header["ok"], body, header["peak"])

    def interrupt(self) -> None:
        """End the process and everything it started; whoever waits for its answer gets WorkerDied."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and everything it started, and give up its channels."""
        self.interrupt()
        self._process.wait()
        self._channel.close()
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def _pass_output(self, output: Callable[[bytes], None]) -> bool:
        piece = os.read(self._output, 65536)
        if piece:
            output(piece)
        return bool(piece)

    def _drain(self, output: Callable[[bytes], None]) -> None:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while poll.poll(0) and self._pass_output(output):
            pass

    def _ending(self) -> str:
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return "Runtime exited without providing a reason"
        if code < 0:
            # Lambda uses Go's names of signals: "killed", "segmentation fault".
            return f"Runtime exited with error: signal: {(signal.strsignal(-code) or str(-code)).lower()}"
        return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"
