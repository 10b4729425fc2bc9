"""Guardrails applied in worker processes, so that requests beside one another use all cores.

Detectors hold Python's interpreter lock for most of their time. In one process, four guarded items at a time were 1.2
times as fast as one (two cores); in processes of their own they also leave the endpoint and the engine alone.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from embedded_aws.bedrock.detection import LocalDetection
from embedded_aws.bedrock.detectors.embedding.vectors import share, shareable
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation, Scope
from embedded_aws.bedrock.judge.judge import Judge, LocalJudge
from embedded_aws.bedrock.policies.base import Direction
from embedded_aws.wire import ServiceError

GROW_AFTER = 0.003
"""Seconds that a request waits for a worker before another one is started: less than what judging a text takes."""
KEPT = 64
"""Guardrails that a worker knows by number, so that one with 10,000 words does not travel with each request."""
PATIENCE = 60.0
"""Seconds that a worker has for an answer; after as many, clients of AWS have given up (botocore's read_timeout)."""
MAXIMUM = 8
"""Workers at most: one takes about 240 MB, and beyond this the endpoint in front of them is the limit."""

_log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from embedded_aws.bedrock.judge.workers import serve
serve(*map(int, sys.argv[2:]))
"""


class WorkerEndedError(Exception):
    """The worker process is gone, with or without having judged, or does not answer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ServiceError on its way between processes."""

    code: str
    message: str
    status: int
    members: Mapping[str, object]


Answer = Evaluation | Refusal | str
"""A worker's; a text is an error of ours, and says which and where, without the user's text."""


class Worker:
    """A process that judges one request at a time. Not thread safe: who has it, has it alone.

    It ends when this process does, however that ends: its end of the socket closes.
    """

    def __init__(self, vectors: int | None = None) -> None:
        """`vectors` is the descriptor of the embeddings that workers share. Raises OSError if there is no process."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            passed = [theirs.fileno(), *([] if vectors is None else [vectors])]
            self._process = subprocess.Popen(  # noqa: S603  this interpreter, our own program
                # -P: what lies in the current folder is no module of ours.
                [sys.executable, "-P", "-c", _PROGRAM, str(_ROOT), *map(str, passed)],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent alone
            )
            self._connection = Connection(ours.detach())
        self._numbers: dict[Guardrail, int] = {}

    @property
    def process(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Return when the process can be asked. Raises WorkerEndedError."""
        self._receive()

    def judge(self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Answer:
        """Ask and wait. Raises WorkerEndedError; after any exception the worker must not be asked again."""
        number, sent = self._numbers.get(guardrail), None
        if number is None:
            if len(self._numbers) >= KEPT:
                self._numbers.clear()
            number, sent = len(self._numbers), guardrail
            self._numbers[guardrail] = number
        try:
            self._connection.send((number, sent, direction, tuple(blocks), scope))
        except OSError as error:
            raise WorkerEndedError from error
        answer = self._receive()
        return answer if isinstance(answer, Evaluation | Refusal) else str(answer)

    def kill(self) -> None:
        """End the process, whatever it is doing. May be called from any thread, also while another one waits."""
        self._process.kill()
        self._process.wait()

    def _receive(self) -> object:
        try:
            if not self._connection.poll(PATIENCE):
                raise WorkerEndedError
            answer: object = self._connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerEndedError from error
        return answer


class WorkerJudge:
    """A `Judge` on up to `limit` worker processes. The first starts with the first request, others under load.

    A workflow judges the same text more than once: the workers share their embeddings in memory.
    """

    def __init__(self, limit: int | None = None, start: Callable[[int | None], Worker] = Worker) -> None:
        self._limit = min(limit or os.cpu_count() or 1, MAXIMUM)
        self._start = start
        self._changed = threading.Condition()
        self._vectors = shareable()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starting = False  # one at a time
        self._new: Worker | None = None
        self._failures = 0
        self._closed = False

    def __call__(
        self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope, /
    ) -> Evaluation:
        worker = self._take()
        answer: Answer | None = None
        try:
            answer = worker.judge(guardrail, direction, blocks, scope)
        except WorkerEndedError:
            raise _unavailable() from None
        finally:
            # One that has not answered is gone, or owes an answer that the next request would take for its own.
            self._give_back(worker, ended=answer is None)
        if isinstance(answer, Evaluation):
            return answer
        if isinstance(answer, Refusal):
            raise ServiceError(answer.code, answer.message, answer.status, **answer.members)
        _log.error("A guardrail could not be applied: %s", answer)
        raise _unavailable()

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers' process ids."""
        with self._changed:
            return tuple(worker.process for worker in (*self._idle, *self._busy))

    def warm_up(self) -> None:
        """Start the first worker, so that the first request does not wait for it."""
        with self._changed:
            if not (self._closed or self._running()):
                self._grow()

    def close(self) -> None:
        """End all workers; requests under way fail."""
        with self._changed:
            self._closed = True
            workers = [*self._idle, *self._busy, *([self._new] if self._new else [])]
            self._idle = []
            self._changed.notify_all()
        for worker in workers:
            worker.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._starting)  # which may still pass the descriptor on
            descriptor, self._vectors = self._vectors, None
        if descriptor is not None:
            os.close(descriptor)

    def _take(self) -> Worker:
        """A worker for the caller alone. Raises ServiceError when there is none and none can be started."""
        with self._changed:
            failures = self._failures
            asked = time.monotonic()
            while not (self._closed or (self._failures > failures and not self._running())):
                if self._idle:
                    worker = self._idle.pop()
                    self._busy.add(worker)
                    return worker
                late = time.monotonic() - asked >= GROW_AFTER
                # Where another one could not be started, those that there are do.
                wanted = late and self._failures == failures and self._running() < self._limit
                if not self._starting and (wanted or not self._running()):
                    self._grow()
                self._changed.wait(None if late or self._starting else GROW_AFTER)
            raise _unavailable()

    def _running(self) -> int:
        return len(self._idle) + len(self._busy) + self._starting

    def _grow(self) -> None:
        """Start a worker beside whoever waits: another one may be free sooner."""
        threading.Thread(target=self._add, daemon=True, name="guardrail worker").start()
        self._starting = True  # after what may fail; `_add` cannot have ended, we hold the lock

    def _add(self) -> None:
        worker: Worker | None = None
        ready = False
        try:
            worker = self._start(self._vectors)
            with self._changed:
                self._new = worker  # from now on `close` ends it
                closed = self._closed
            if not closed:
                worker.wait_until_ready()
                ready = True
        except (OSError, WorkerEndedError):
            pass
        finally:
            if worker is not None and not ready:
                worker.kill()
            with self._changed:
                self._starting, self._new = False, None
                if worker is None or not ready:
                    self._failures += 1
                elif not self._closed:
                    self._idle.append(worker)
                self._changed.notify_all()

    def _give_back(self, worker: Worker, *, ended: bool) -> None:
        with self._changed:
            self._busy.discard(worker)
            if not (ended or self._closed):
                self._idle.append(worker)
            self._changed.notify()
        if ended:
            worker.kill()


def _unavailable() -> ServiceError:
    """AWS's clients try again after this one."""
    return ServiceError("InternalServerException", "The guardrail could not be applied. Try again.", 500)


def serve(requests: int, vectors: int | None = None) -> None:
    """A worker's life: judge what comes over the socket `requests` until it closes. Both are descriptors."""
    if vectors is not None:
        share(vectors)
    judge = LocalJudge(LocalDetection())
    connection = Connection(requests)
    known: dict[int, Guardrail] = {}
    with suppress(EOFError, OSError):
        connection.send(None)
        while True:
            number, guardrail, direction, blocks, scope = connection.recv()
            if guardrail is not None:
                known[number] = guardrail
            connection.send(_answer(judge, known[number], direction, blocks, scope))


def _answer(judge: Judge, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope) -> Answer:
    try:
        return judge(guardrail, direction, blocks, scope)
    except ServiceError as error:
        return Refusal(error.code, error.message, error.status, error.members)
    except Exception as error:  # noqa: BLE001  a bug that one request meets must not end the process: it is answered 500
        frame = traceback.extract_tb(error.__traceback__)[-1]
        # Without the message, which may quote the user's text.
        return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
