"""Guardrails applied in worker processes, so that concurrent requests use all cores.

Detectors hold Python's interpreter lock for most of their time. In one process, four guarded items at a time were 1.2
times as fast as one (two cores). Worker processes also leave the endpoint and the engine undisturbed.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from embedded_aws.bedrock.detection import LocalDetection, first_steps
from embedded_aws.bedrock.encoder.vectors import share, shareable
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation, Scope
from embedded_aws.bedrock.judge.judge import Judge, LocalJudge
from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.bedrock.policies.base import Direction
from embedded_aws.bedrock.refusal import Refusal
from embedded_aws.wire import ServiceError, place_of
from embedded_aws.workers.child import frame, open_channel, serve
from embedded_aws.workers.pool import PoolClosed, WorkerPool
from embedded_aws.workers.process import Worker, WorkerGone

GROW_AFTER = 0.003
"""Seconds that a request waits for a worker before another one starts: less than it takes to judge a text."""
KEPT = 64
"""Guardrails that a worker knows by number, so that requests need not repeat one with 10,000 words."""
IDLE = 0.02
"""Seconds without a request after which a new worker loads what it will need."""
PATIENCE = 60.0
"""Seconds that a worker has for an answer; after as many, clients of AWS have given up (botocore's read_timeout)."""
MAXIMUM = 8
"""Workers at most: each takes about 240 MB, and with more of them the endpoint is the limit."""

_log = logging.getLogger(__name__)


Answer = Evaluation | Refusal | str
"""A worker's answer; a text names an unexpected error and its place, without the user's text."""


class GuardWorker(Worker):
    """A process that judges one request at a time."""

    def __init__(self, vectors: int | None = None) -> None:
        """`vectors` is the descriptor of the embeddings that workers share."""
        inherit = () if vectors is None else (vectors,)
        super().__init__(__name__, *map(str, inherit), inherit=inherit)
        self._numbers: dict[Guardrail, int] = {}

    def wait_until_ready(self) -> None:
        """Return when the worker has loaded its modules. Raises WorkerGone if it ends before that."""
        self._answer()

    def judge(self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Answer:
        """The worker's answer. After any exception, here WorkerGone, the worker cannot take another request."""
        number, sent = self._numbers.get(guardrail), None
        if number is None:
            if len(self._numbers) >= KEPT:
                self._numbers.clear()
            number, sent = len(self._numbers), guardrail
            self._numbers[guardrail] = number
        request = pickle.dumps((sent, direction, tuple(blocks), scope))
        self.send({"guardrail": number}, request, time.monotonic() + PATIENCE)
        answer: Answer = pickle.loads(self._answer())  # noqa: S301 - from our own process
        return answer

    def _answer(self) -> bytes:
        answer = self.receive(time.monotonic() + PATIENCE)
        if answer is None:
            raise WorkerGone
        return answer[1]


class WorkerJudge:
    """A `Judge` on up to `limit` worker processes. The first starts with the first request, others under load.

    A workflow judges the same text more than once: the workers share their embeddings in memory.
    """

    def __init__(self, limit: int | None = None, start: Callable[[int | None], GuardWorker] = GuardWorker) -> None:
        self._vectors = shareable()
        self._pool = WorkerPool[None, GuardWorker](
            lambda _key, _extra: start(self._vectors),
            keep=1,
            limit=min(limit or os.cpu_count() or 1, MAXIMUM),
            grow_after=GROW_AFTER,
            together=1,
        )

    def __call__(
        self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope, /
    ) -> Evaluation:
        try:
            answer = self._judge(guardrail, direction, blocks, scope)
        except (OSError, PoolClosed, WorkerGone):
            raise _unavailable() from None
        if isinstance(answer, Evaluation):
            return answer
        if isinstance(answer, Refusal):
            raise answer.error()
        _log.error("A guardrail could not be applied: %s", answer)
        raise _unavailable()

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return self._pool.pids

    def warm_up(self) -> None:
        """Start the first worker, so that the first request need not wait for it."""
        self._pool.warm_up(None)

    def close(self) -> None:
        """End all workers; requests in progress fail."""
        self._pool.close()  # no worker is starting afterwards that could inherit the descriptor
        descriptor, self._vectors = self._vectors, None
        if descriptor is not None:
            os.close(descriptor)

    def _judge(self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Answer:
        worker = self._pool.acquire(None, math.inf)
        try:
            answer = worker.judge(guardrail, direction, blocks, scope)
        except BaseException:
            # The worker has ended, or the next request would get the answer that is still to come.
            self._pool.discard(worker)
            raise
        self._pool.release(worker)
        return answer


def _unavailable() -> ServiceError:
    """AWS's clients try again after this error."""
    return ServiceError("InternalServerException", "The guardrail could not be applied. Try again.", 500)


def main(channel: str, vectors: str | None = None) -> None:
    """A worker's life: judge the requests of `channel` until it closes. Both arguments are descriptors."""
    if vectors is not None:
        share(int(vectors))
    judge = LocalJudge(LocalDetection())
    known: dict[int, Guardrail] = {}

    def answer(header: dict[str, Any], body: bytes) -> bytes:
        guardrail, direction, blocks, scope = pickle.loads(body)  # noqa: S301 - from our own process
        if guardrail is not None:
            known[header["guardrail"]] = guardrail
        judged = _answer(judge, known[header["guardrail"]], direction, blocks, scope)
        return frame({}, pickle.dumps(judged))

    requests = open_channel(channel)
    requests.sendall(frame({}))  # ready
    _load_while_idle(requests)
    serve(requests, answer)


def _load_while_idle(requests: socket.socket) -> None:
    """Load the detectors step by step until the first request comes: it may need few of them, and does not wait."""
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    with suppress(PackageMissingError):  # the request that needs the package gets the error
        for step in first_steps():
            if poll.poll(IDLE * 1000):
                return
            step()


def _answer(judge: Judge, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Answer:
    try:
        return judge(guardrail, direction, blocks, scope)
    except ServiceError as error:
        return Refusal.of(error)
    except Exception as error:  # noqa: BLE001 - one request that meets a bug is answered 500, the process continues
        return place_of(error)
