"""The functions' logs: one file per function, its lines as `aws logs tail` prints CloudWatch's."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROTATE_AT = 10 * 1024 * 1024
TAIL_SIZE = 4096  # what X-Amz-Log-Result carries
MAX_LINE = 256 * 1024  # CloudWatch's limit of one event


class LogFolder:
    """Appends to `FOLDER/FUNCTION.log`; a file of 10 MB becomes `FUNCTION.log.1`, replacing the one before it.

    Thread safe. Each append is one write, so lines of concurrent invocations do not mix.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}

    def append(self, function: str, stream: str, lines: list[bytes]) -> None:
        """Write complete lines (without their ends), each after the time and the stream's name."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        prefix = f"{stamp} {stream} ".encode()
        text = b"".join(prefix + line + b"\n" for line in lines)
        with self._lock, suppress(OSError):  # a full disk costs the log, not the invocation
            file = self._file(function)
            file.size += os.write(file.descriptor, text)

    def close(self) -> None:
        """Close the files; a later append opens them again."""
        with self._lock:
            for file in self._files.values():
                os.close(file.descriptor)
            self._files.clear()

    def _file(self, function: str) -> _File:
        file = self._files.get(function)
        if file is not None and file.size < ROTATE_AT:
            return file
        path = self._folder / f"{function}.log"
        if file is not None:
            os.close(self._files.pop(function).descriptor)
            path.replace(path.with_suffix(".log.1"))
        self._folder.mkdir(parents=True, exist_ok=True)
        # Only the owner may read what handlers print.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = self._files[function] = _File(descriptor, os.fstat(descriptor).st_size)
        return file


@dataclass(slots=True)
class _File:
    """An open log. No other process appends to it, so its size is known without asking."""

    descriptor: int
    size: int


class InvocationLog:
    """The log of one invocation: takes the worker's output in pieces and passes complete lines on."""

    def __init__(self, folder: LogFolder, function: str, stream: str) -> None:
        self._folder = folder
        self._function = function
        self._stream = stream
        self._rest = b""
        self.tail = b""

    def output(self, piece: bytes) -> None:
        """Take what the worker printed, cut anywhere."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE:
            lines.append(self._rest)
            self._rest = b""
        self._write(lines)

    def lines(self, *lines: str) -> None:
        """Write lines of the platform's own (START, END, REPORT), after what is left of the function's output."""
        rest = [self._rest] if self._rest else []
        self._rest = b""
        self._write([*rest, *(line.encode() for line in lines)])

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._folder.append(self._function, self._stream, lines)
        self.tail = (self.tail + b"".join(line + b"\n" for line in lines))[-TAIL_SIZE:]
