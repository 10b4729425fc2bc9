"""The Lambda runtime inside a worker process: loads handlers by their path and answers one invocation at a time.

Run as a script (`python -P -u runtime.py FD IDLE`), it imports the standard library only; everything else in the
process comes from the task root. FD is one end of a socket pair, the only channel to the parent: what a handler
prints goes to the pipes on its descriptors 1 and 2 and can never reach it. IDLE is the number of seconds without an
invocation after which a worker leaves by itself (0: never).

A frame is two big-endian 32-bit lengths, a JSON header and a body. Requests are `load` (import the handler, the init
phase) and `invoke`; each is answered by one frame whose header says `ok` and whose body is the result or the error
document of https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html. A worker that leaves says `bye`.

The errors and their texts are those of AWS's Python runtime interface client
(https://github.com/aws/aws-lambda-python-runtime-interface-client). One difference, for privacy: the log has an
exception's type and stack, but not its message, which may quote the user's text.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LENGTHS = struct.Struct("!II")
# AWS Lambda quotas: 6 MB for a synchronous response, and the 100 bytes over it that Lambda names in its message.
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
# What the kernel grants after a deadline before it ends the process, whoever holds the interpreter's lock.
GRACE_SECONDS = 5.0

Handler = Callable[[Any, object], Any]


class Fault(Exception):
    """A failure of the runtime rather than of the handler; `kind` is its errorType."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


@dataclass(slots=True)
class LambdaContext:
    """The second argument of a handler: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    function_name: str
    memory_limit_in_mb: str
    function_version: str
    invoked_function_arn: str
    client_context: object
    identity: object
    deadline_ms: int
    tenant_id: str | None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return max(0, self.deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write a line to the function's log."""
        sys.stdout.write(str(message))


# --- frames ---------------------------------------------------------------------------------------------------------


def frame(header: Mapping[str, object], body: bytes = b"") -> bytes:
    """One frame: what `read_frame` takes apart."""
    head = json.dumps(header).encode("ascii")
    return b"".join((LENGTHS.pack(len(head), len(body)), head, body))


def read_frame(channel: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """The next frame, or None when the other side is gone."""
    lengths = _read(channel, LENGTHS.size)
    if lengths is None:
        return None
    head_size, body_size = LENGTHS.unpack(lengths)
    head, body = _read(channel, head_size), _read(channel, body_size)
    if head is None or body is None:
        return None
    return json.loads(head), body


def _read(channel: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view, done = memoryview(buffer), 0
    while done < size:
        count = channel.recv_into(view[done:])
        if not count:
            return None
        done += count
    return bytes(buffer)


# --- handlers -------------------------------------------------------------------------------------------------------


def find_handler(name: str) -> Handler:
    """Import `module.function`; raises Fault with the errorType Lambda gives each way in which that can fail."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [where]
        ) from None
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'") from None
    return handler


def run_handler(handler: Handler, body: bytes, context: LambdaContext) -> bytes:
    """Event JSON in, response JSON out."""
    try:
        event = json.loads(body) if body else {}
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
    value = handler(event, context)
    if isinstance(value, bytes):
        return value
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_number)
    except (TypeError, ValueError, RecursionError) as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8; JSON can still escape it
        return json.dumps(value, allow_nan=False, default=_number).encode("ascii")


def _number(value: object) -> int | float:
    if isinstance(value, Decimal):  # what boto3's DynamoDB resource gives for every number
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def describe_error(error: Exception, request_id: str) -> dict[str, object]:
    """An exception as Lambda's error document."""
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        while frames and frames[0].filename == __file__:
            frames.pop(0)
        kind, trace = type(error).__name__, traceback.format_list(frames)
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


# --- the loop -------------------------------------------------------------------------------------------------------


class Runtime:
    """Answers the frames of one parent until it is gone."""

    def __init__(self, channel: socket.socket, idle: float) -> None:
        self._channel = channel
        self._idle = idle or None
        self._request_id = ""

    def serve(self) -> None:
        """Answer requests until the parent closes the channel or nothing comes for the idle time."""
        while True:
            # An extra worker, started in a rush, leaves by itself; poll has no limit on descriptor numbers.
            poll = select.poll()
            poll.register(self._channel, select.POLLIN)
            if not poll.poll(self._idle and self._idle * 1000):
                self._channel.sendall(frame({"kind": "bye"}))
                return
            request = read_frame(self._channel)
            if request is None:
                return
            self._channel.sendall(self._answer(*request))

    def _answer(self, header: dict[str, Any], body: bytes) -> bytes:
        self._request_id = header["request_id"]
        os.environ.update(header["variables"])
        # Ends a handler that outlives its parent, even one that never gives up the interpreter's lock.
        signal.setitimer(signal.ITIMER_REAL, header["seconds"] + GRACE_SECONDS)
        try:
            handler = find_handler(header["handler"])
            result = b"" if header["kind"] == "load" else run_handler(handler, body, self._context(header))
            if len(result) > RESPONSE_LIMIT:
                message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
                raise Fault("Function.ResponseSizeTooLarge", message)
            ok = True
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
            document = describe_error(error, self._request_id)
            _log_error(document)
            result, ok = json.dumps(document).encode("ascii"), False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # a handler may have closed or replaced it
                stream.flush()
        return frame({"kind": "reply", "ok": ok, "peak": peak_memory()}, result)

    def _context(self, header: Mapping[str, Any]) -> LambdaContext:
        given = header.get("client_context")
        client_context = None
        if given is not None:
            client_context = SimpleNamespace(
                client=SimpleNamespace(**given.get("client") or {}), custom=given.get("custom"), env=given.get("env")
            )
        return LambdaContext(
            aws_request_id=self._request_id,
            log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            invoked_function_arn=header["arn"],
            client_context=client_context,
            identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
            deadline_ms=int((time.time() + header["seconds"]) * 1000),
        )

    def set_up_logging(self) -> None:
        """The root logger writes Lambda's text format; handlers' own levels and loggers are left alone."""
        logging.Formatter.converter = time.gmtime
        handler = logging.StreamHandler(sys.stdout)
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
        handler.addFilter(self._add_request_id)
        logging.getLogger().addHandler(handler)

    def _add_request_id(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self._request_id
        return True


def peak_memory() -> int:
    """The most memory this process has had resident, in bytes."""
    # Linux: getrusage would count the parent's memory, from before this program was executed.
    with contextlib.suppress(OSError), Path("/proc/self/status").open("rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _log_error(document: Mapping[str, Any]) -> None:
    lines = [f"[ERROR] {document['errorType']}"]
    if document["stackTrace"] and not document["errorType"].startswith("Runtime."):
        lines += ["Traceback (most recent call last):", *(item.rstrip("\n") for item in document["stackTrace"])]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.write("\n".join(lines) + "\n")


def _leave_with_parent(channel: socket.socket) -> None:
    """Exit at once when the parent is gone, also in the middle of an invocation."""
    poll = select.poll()
    poll.register(channel, 0)  # reports nothing but the hang-up, and takes no data from the reader
    poll.poll()
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Take the channel, put the task root on the import path, serve."""
    channel = socket.socket(fileno=int(arguments[1]))
    channel.set_inheritable(False)  # processes that a handler starts must not keep the channel open
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, args=(channel,), daemon=True, name="parent").start()
    root = Path(os.environ["LAMBDA_TASK_ROOT"])
    # Chalice packs what is in vendor/ next to app.py.
    sys.path[:0] = [str(root), str(root / "vendor")]
    runtime = Runtime(channel, float(arguments[2]))
    runtime.set_up_logging()
    runtime.serve()
    # As on Lambda, whatever threads or exit hooks a handler left behind have no say.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
