"""The embedded Lambda: registered functions, invoked in warm worker processes under Lambda's contract."""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from embedded_aws.lambda_.config import REQUEST_LIMIT, FunctionConfig, InvokeResult
from embedded_aws.lambda_.invocation import INIT_SECONDS, Event, Invocation
from embedded_aws.lambda_.logs import LogFolder
from embedded_aws.lambda_.worker import LambdaWorker, Sandbox
from embedded_aws.wire import Account, Quotas, ServiceError
from embedded_aws.wire.quotas import UNLIMITED
from embedded_aws.workers.pool import PoolBusy, PoolClosed, WorkerPool
from embedded_aws.workers.process import WorkerRetired

# How long an invocation queues for a worker before it is throttled.
QUEUE_SECONDS = 60.0
MAX_WORKERS = 16
# A function that waits for other functions (an API route that polls an execution) holds a worker without using a
# processor, so a caller that has waited for this long gets another worker.
GROW_AFTER = 0.05
# How long a worker beyond the kept ones stays without work.
EXTRA_IDLE = 20.0

_REFERENCE = re.compile(
    r"(?:(?:arn:[\w-]+:lambda:(?P<region>[\w-]+):)?(?:(?P<account>\d{12}):)?function:|(?P<short>\d{12}):)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>[$A-Za-z0-9_-]+))?"
)


class Functions:
    """The functions of one account; thread safe.

    `workers` is the number of worker processes kept warm for each set of functions of equal task root and
    environment (default: two per processor, as functions mostly wait for other services); when all of them wait, up
    to 16 in total are started. Workers start at the first invocation, or with `prewarm`. Logs go to `log_folder`, one
    file per function. `quotas` limit how many invocations run at a time.
    """

    def __init__(
        self, account: Account, log_folder: Path, workers: int | None = None, quotas: Quotas = UNLIMITED
    ) -> None:
        self.account = account
        self._quotas = quotas
        self._configs: dict[str, FunctionConfig] = {}
        self._reserved: dict[str, threading.BoundedSemaphore] = {}
        self._logs = LogFolder(log_folder)
        self._pool = WorkerPool(
            _start_worker, keep=workers or 2 * (os.cpu_count() or 1), limit=MAX_WORKERS, grow_after=GROW_AFTER
        )

    def register(self, config: FunctionConfig) -> None:
        """Create or replace a function."""
        self._configs[config.name] = config
        self._reserved.pop(config.name, None)
        if config.concurrency is not None:
            self._reserved[config.name] = threading.BoundedSemaphore(config.concurrency)

    def configs(self) -> list[FunctionConfig]:
        """All functions by name."""
        return [config for _, config in sorted(self._configs.items())]

    def arn(self, name: str) -> str:
        """`arn:aws:lambda:REGION:ACCOUNT:function:NAME`."""
        return self.account.arn("lambda", f"function:{name}")

    def config(self, name_or_arn: str) -> FunctionConfig:
        """The function that a name, partial ARN or ARN (with `:$LATEST` or without) refers to.

        Raises ServiceError ResourceNotFoundException.
        """
        found = _REFERENCE.fullmatch(name_or_arn)
        name = found["name"] if found else name_or_arn
        if found:
            account = found["account"] or found["short"] or self.account.account_id
            here = (found["region"] or self.account.region, account) == (self.account.region, self.account.account_id)
            if here and found["qualifier"] in (None, "$LATEST") and name in self._configs:
                return self._configs[name]
        arn = name_or_arn if name_or_arn.startswith("arn:") else self.arn(name)
        raise ServiceError("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")

    def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        timeout: float | None = None,
        *,
        client_context: Mapping[str, Any] | None = None,
    ) -> InvokeResult:
        """Run a function once and wait for its answer: Lambda's Invoke with RequestResponse.

        `payload` is JSON text (empty: `{}`). A failure of the function is a result with `function_error`. `timeout` is
        the caller's timeout in seconds: after it, TimeoutError is raised and the invocation continues alone, as on AWS.
        Raises ServiceError ResourceNotFoundException, RequestTooLargeException, TooManyRequestsException.
        """
        config = self.config(name_or_arn)
        check_size(payload, REQUEST_LIMIT)
        with ExitStack() as held:
            held.enter_context(self._place(config))
            with self._quotas.invocation():
                return self._run(config, Event(str(uuid4()), payload, client_context), timeout, held)

    def routes(self, name_or_arn: str, timeout: float) -> list[tuple[str, str]]:
        """Method and pattern of each route that a function's handler declares, e.g. an application of Chalice.

        Loads the handler in a worker without invoking it. Raises TimeoutError and ServiceError; also when the handler
        cannot be loaded.
        """
        config = self.config(name_or_arn)
        result = self._run(config, Event(str(uuid4()), None), timeout, ExitStack())
        if result.function_error:
            raise ServiceError("ServiceException", f"Function {config.name} cannot be loaded; see its log.", 502)
        return [(method, pattern) for method, pattern in json.loads(result.payload)]

    @contextmanager
    def _place(self, config: FunctionConfig) -> Iterator[None]:
        """One of a function's reserved places, if it has some. Raises ServiceError TooManyRequestsException."""
        places = self._reserved.get(config.name)
        if places is None:
            yield
            return
        if not places.acquire(blocking=False):
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
        try:
            yield
        finally:
            places.release()

    def _run(self, config: FunctionConfig, event: Event, timeout: float | None, held: ExitStack) -> InvokeResult:
        """Run or load a function in a worker. Raises TimeoutError, ServiceError.

        After a TimeoutError the invocation continues, and so does what is `held` for it.
        """
        give_up = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            run = self._start(config, event, min(QUEUE_SECONDS, max(0.0, give_up - time.monotonic())))
            try:
                result = self._finish(run, give_up)
            except WorkerRetired:
                continue
            if result is None:
                name = f"lambda {config.name} {event.request_id}"
                threading.Thread(target=self._see_off, args=(run, held.pop_all()), daemon=True, name=name).start()
                raise TimeoutError(f"Function {config.name} has not answered within {timeout} s; it continues to run.")
            return result

    def prewarm(self, name_or_arn: str) -> None:
        """Start a worker for a function and import its handler, in the background; failures show at the invocation."""
        config = self.config(name_or_arn)
        threading.Thread(target=self._prewarm, args=(config,), daemon=True, name=f"lambda {config.name}").start()

    def close(self) -> None:
        """End all workers; invocations under way fail."""
        self._pool.close()
        self._logs.close()

    def _start(self, config: FunctionConfig, event: Event, patience: float) -> Invocation:
        alone = config.name if config.concurrency is not None else ""
        sandbox = Sandbox(config.task_root, self.account.region, tuple(sorted(config.environment.items())), alone)
        try:
            worker = self._pool.acquire(sandbox, patience)
        except PoolBusy:
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Type="User") from None
        except PoolClosed:
            raise ServiceError("ServiceException", "The embedded Lambda is shutting down.", 500) from None
        except OSError as error:  # no such task root, no processes or descriptors left
            message = f"No worker could be started for function {config.name} in {config.task_root}: {error.strerror}."
            raise ServiceError("ServiceException", message, 500, Type="Service") from None
        return Invocation(config, self.arn(config.name), event, worker, self._logs)

    def _finish(self, run: Invocation, until: float) -> InvokeResult | None:
        """The result, its worker given back; None, and the worker kept, if it is not there by `until`."""
        try:
            result = run.answer(until)
        except BaseException:
            self._pool.discard(run.worker)
            raise
        if result is None:
            return None
        if run.usable:
            self._pool.release(run.worker)
        else:
            self._pool.discard(run.worker)
        return result

    def _see_off(self, run: Invocation, held: ExitStack) -> None:
        """Wait for an invocation whose caller has timed out."""
        with held, suppress(WorkerRetired, OSError):
            self._finish(run, math.inf)

    def _prewarm(self, config: FunctionConfig) -> None:
        with suppress(ServiceError, WorkerRetired):
            self._finish(self._start(config, Event(str(uuid4()), None), INIT_SECONDS), math.inf)


def _start_worker(sandbox: Sandbox, extra: bool) -> LambdaWorker:
    return LambdaWorker(sandbox, idle=EXTRA_IDLE if extra else 0.0)


def check_size(payload: bytes, limit: int) -> None:
    """Raise ServiceError RequestTooLargeException if a payload has more than `limit` bytes."""
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise ServiceError("RequestTooLargeException", message, 413, Type="User")
