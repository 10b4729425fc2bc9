"""The local language model in a worker process, so that it can be stopped in the middle of an answer.

llama.cpp writes an answer in native threads. A process that ends meanwhile ends with a segmentation fault (Ctrl-C did
so in three of five tries), and one that is asked to stop cannot. A worker is ended by the operating system, at any
time, and a fault in the native library ends one answer instead of the server.
"""

from __future__ import annotations

import logging
import math
import pickle
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from embedded_aws.bedrock.models.base import Completion, Message, Sampling, Writing
from embedded_aws.bedrock.models.llm import LocalModel
from embedded_aws.bedrock.refusal import Refusal
from embedded_aws.wire import ServiceError, place_of
from embedded_aws.workers.child import frame, open_channel, serve
from embedded_aws.workers.pool import PoolClosed, WorkerPool
from embedded_aws.workers.process import Worker, WorkerGone

PATIENCE = 900.0
"""Seconds that the model has for an answer: as long as the longest Lambda, which is what waits for it."""

_log = logging.getLogger(__name__)

Answer = Completion | Refusal | str
"""A worker's answer; a text names an unexpected error and its place, without the user's text."""
_PART = "part"
"""The kind of a frame with a part of an answer, before the frame with the whole one."""


class ModelWorker(Worker):
    """A process with the language model. It answers one question at a time, as the model does."""

    def __init__(self) -> None:
        """Raises OSError if the process cannot be started."""
        super().__init__(__name__)

    def write(self, messages: tuple[Message, ...], sampling: Sampling, *, parts: bool) -> Generator[str, None, Answer]:
        """The model's answer, in parts if wanted. After WorkerGone the worker cannot take another question."""
        until = time.monotonic() + PATIENCE
        self.send({"parts": parts}, pickle.dumps((messages, sampling)), until)
        while True:
            received = self.receive(until)
            if received is None:
                raise WorkerGone
            header, body = received
            if header.get("kind") == _PART:
                yield body.decode()
                continue
            answer: Answer = pickle.loads(body)  # noqa: S301 - from our own process
            return answer


class WorkerModel:
    """A `Model` in one worker process, which starts with the first question and stays."""

    def __init__(self) -> None:
        self._pool = WorkerPool[None, ModelWorker](
            lambda _key, _extra: ModelWorker(), keep=1, limit=1, grow_after=math.inf
        )
        self._lock = threading.Lock()
        self._writing: set[ModelWorker] = set()

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Completion:
        """Answer the last user message.

        Raises the ServiceErrors of `LocalModel.complete`, and ModelErrorException if the answer is stopped.
        """
        writing = self._write(messages, sampling, parts=False)
        while True:
            try:
                next(writing)
            except StopIteration as ended:
                completion: Completion = ended.value
                return completion

    def write(self, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
        """The same in parts. If nobody reads on, the model is stopped."""
        return self._write(messages, sampling, parts=True)

    def _write(self, messages: tuple[Message, ...], sampling: Sampling, *, parts: bool) -> Writing:
        try:
            answer = yield from self._answer(messages, sampling, parts=parts)
        except (OSError, PoolClosed, WorkerGone):
            raise _stopped() from None
        if isinstance(answer, Completion):
            return answer
        if isinstance(answer, Refusal):
            raise answer.error()
        _log.error("The local language model failed: %s", answer)
        raise _stopped()

    def stop(self) -> None:
        """Stop the answer that the model writes now; the caller gets an error. The next question starts a worker."""
        with self._lock:
            for worker in self._writing:
                worker.interrupt()

    def close(self) -> None:
        """Stop the answer, if there is one, and end the worker."""
        self._pool.close()

    def _answer(
        self, messages: tuple[Message, ...], sampling: Sampling, *, parts: bool
    ) -> Generator[str, None, Answer]:
        worker = self._pool.acquire(None, math.inf)
        with self._lock:
            self._writing.add(worker)
        try:
            answer = yield from worker.write(messages, sampling, parts=parts)
        except BaseException:
            self._leave(worker)
            self._pool.discard(worker)
            raise
        self._leave(worker)
        self._pool.release(worker)
        return answer

    def _leave(self, worker: ModelWorker) -> None:
        with self._lock:
            self._writing.discard(worker)


def _stopped() -> ServiceError:
    return ServiceError("ModelErrorException", "The local language model was stopped before its answer ended.", 424)


def main(channel: str) -> None:
    """A worker's life: answer the questions of `channel`, a descriptor, until it closes."""
    model, line = LocalModel(), open_channel(channel)

    def hear(part: str) -> None:
        line.sendall(frame({"kind": _PART}, part.encode(errors="replace")))

    def answer(header: dict[str, Any], body: bytes) -> bytes:
        messages, sampling = pickle.loads(body)  # noqa: S301 - from our own process
        return frame({}, pickle.dumps(_complete(model, messages, sampling, hear if header.get("parts") else None)))

    serve(line, answer)


def _complete(
    model: LocalModel, messages: tuple[Message, ...], sampling: Sampling, hear: Callable[[str], None] | None
) -> Answer:
    try:
        return model.complete(messages, sampling, hear)
    except ServiceError as error:
        return Refusal.of(error)
    except Exception as error:  # noqa: BLE001 - one question that meets a bug is answered, the process continues
        return place_of(error)
