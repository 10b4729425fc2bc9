"""The Lambda runtime inside a worker process: loads handlers by their path and answers one invocation at a time.

It imports the standard library and `embedded_aws.workers.child` only; everything else in the process comes from the
task root. What a handler prints goes to the pipes on descriptors 1 and 2, never to the channel.

Requests are `load` (import the handler, the init phase; the result is the routes that it declares) and `invoke`. Each
answer is one frame: its header has `ok`, its body is the result or the error document of https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html.

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
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from embedded_aws.workers.child import frame, open_channel, serve

# AWS Lambda quotas: 6 MB for a synchronous response, and the 100 bytes over it that Lambda names in its message.
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
# The time after a deadline before the kernel ends the process, even if a thread holds the interpreter's lock.
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


def declared_routes(handler: Handler) -> bytes:
    """Method and pattern of each route as JSON.

    An application of Chalice maps each pattern to its methods in `routes`; other handlers declare no route.
    """
    routes = getattr(handler, "routes", None)
    if not isinstance(routes, Mapping):
        return b"[]"
    declared = [
        (method, pattern)
        for pattern, methods in routes.items()
        if isinstance(pattern, str) and isinstance(methods, Mapping)
        for method in methods
        if isinstance(method, str)
    ]
    return json.dumps(declared).encode("ascii")


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
    """Answers requests, one at a time."""

    def __init__(self) -> None:
        self._request_id = ""

    def answer(self, header: dict[str, Any], body: bytes) -> bytes:
        """The answer's frame."""
        self._request_id = header["request_id"]
        os.environ.update(header["variables"])
        # Ends a handler that outlives its parent, even one that never gives up the interpreter's lock.
        signal.setitimer(signal.ITIMER_REAL, header["seconds"] + GRACE_SECONDS)
        try:
            handler = find_handler(header["handler"])
            loads = header["kind"] == "load"
            result = declared_routes(handler) if loads else run_handler(handler, body, self._context(header))
            if len(result) > RESPONSE_LIMIT:
                message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
                raise Fault("Function.ResponseSizeTooLarge", message)
            ok = True
        except Exception as error:  # noqa: BLE001 - any exception of a handler is its answer
            document = describe_error(error, self._request_id)
            _log_error(document)
            result, ok = json.dumps(document).encode("ascii"), False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # a handler may have closed or replaced it
                stream.flush()
        return frame({"ok": ok, "peak": peak_memory()}, result)

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


def main(descriptor: str, idle: str) -> None:
    """Serve the channel behind `descriptor`; leave after `idle` seconds (0: no limit) without an invocation."""
    channel = open_channel(descriptor)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    root = Path(os.environ["LAMBDA_TASK_ROOT"])
    # Chalice packs what is in vendor/ next to app.py.
    sys.path[:0] = [str(root), str(root / "vendor")]
    runtime = Runtime()
    runtime.set_up_logging()
    serve(channel, runtime.answer, float(idle))
    # As on Lambda, threads and exit hooks that a handler left behind do not delay the end.
    os._exit(0)
