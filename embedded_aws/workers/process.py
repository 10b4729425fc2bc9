"""The parent's side of a worker process: start it, send a request, wait for the answer, end it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from embedded_aws.workers.child import frame, read_frame

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
main = importlib.import_module(sys.argv[2]).main
del sys.path[0]
main(*sys.argv[3:])
"""


class WorkerGone(Exception):
    """The worker gave no answer."""


class WorkerRetired(WorkerGone):
    """The worker left before it took the request: another worker may take it."""


class WorkerDied(WorkerGone):
    """The process ended during a request; `code` is its return code, None if it is not known."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class Worker:
    """A process that answers one request at a time. Not thread safe, except for `interrupt`.

    It calls `main(DESCRIPTOR, *arguments)` of `module`, which serves the channel behind DESCRIPTOR (child.py). It ends
    when this process ends, because the channel closes.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        capture: bool = False,
        inherit: Sequence[int] = (),
    ) -> None:
        """`environment` replaces this process's; `capture` sends what the worker prints to `receive`; the worker
        inherits the descriptors `inherit`. Raises OSError if the process cannot be started.
        """
        self._channel, theirs = socket.socketpair()
        self._incoming = select.poll()
        self._incoming.register(self._channel, select.POLLIN)
        self._output, output = os.pipe() if capture else (-1, None)
        # -P: files in the current folder must not replace modules.
        python = (sys.executable, "-P", "-u", "-X", "utf8", "-c", _PROGRAM, str(_ROOT))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own program
                [*python, module, str(theirs.fileno()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno(), *inherit],
                cwd=folder,
                env=environment,
                # Ctrl-C reaches the parent only, and `interrupt` also ends what the worker started.
                start_new_session=True,
            )
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()
            if output is not None:
                os.close(output)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Return when the worker can take a request. Raises WorkerGone if it ends before.

        Here a request waits in the channel until the worker reads it.
        """

    def waiting(self) -> bool:
        """Whether the process lives and is silent, as it must be between requests."""
        return not self._incoming.poll(0)

    def send(self, header: Mapping[str, object], body: bytes, until: float) -> None:
        """Send a request; raises WorkerRetired if the worker did not take it."""
        try:
            self._channel.settimeout(max(0.001, until - time.monotonic()))
            self._channel.sendall(frame(header, body))
        except OSError:
            raise WorkerRetired from None

    def receive(
        self, until: float, output: Callable[[bytes], None] | None = None
    ) -> tuple[dict[str, Any], bytes] | None:
        """The answer's header and body, or None if there is no answer by `until` (monotonic clock).

        `output` gets what a captured worker prints meanwhile. Raises WorkerRetired or WorkerDied.
        """
        poll = self._incoming if output is None else select.poll()
        if output is not None:
            poll.register(self._channel, select.POLLIN)
            poll.register(self._output, select.POLLIN)
        while True:
            remaining = until - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, remaining * 1000))}
            if output is not None and self._output in ready and not self._pass_output(output):
                poll.unregister(self._output)
            if self._channel.fileno() in ready:
                break
            if remaining <= 0:
                return None
        self._channel.settimeout(None)
        try:
            answer = read_frame(self._channel)
        except OSError:
            answer = None
        if output is not None:
            self._drain(output)
        if answer is None:
            raise WorkerDied(self._code())
        if answer[0].get("kind") == "leaving":
            raise WorkerRetired
        return answer

    def interrupt(self) -> None:
        """End the process and everything it started, from any thread; the thread that waits gets WorkerDied."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and everything it started, and close its channels."""
        self.interrupt()
        self._process.wait()
        self._close()

    def _close(self) -> None:
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

    def _code(self) -> int | None:
        try:
            return self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return None
