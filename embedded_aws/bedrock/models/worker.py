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
from typing import Any

from embedded_aws.bedrock.models.base import Completion, Message, Model, Sampling
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


class ModelWorker(Worker):
    """A process with the language model. It answers one question at a time, as the model does."""

    def __init__(self) -> None:
        """Raises OSError if the process cannot be started."""
        super().__init__(__name__)

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Answer:
        """The model's answer. After WorkerGone the worker cannot take another question."""
        until = time.monotonic() + PATIENCE
        self.send({}, pickle.dumps((messages, sampling)), until)
        received = self.receive(until)
        if received is None:
            raise WorkerGone
        answer: Answer = pickle.loads(received[1])  # noqa: S301 - from our own process
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
        try:
            answer = self._answer(messages, sampling)
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

    def _answer(self, messages: tuple[Message, ...], sampling: Sampling) -> Answer:
        worker = self._pool.acquire(None, math.inf)
        with self._lock:
            self._writing.add(worker)
        try:
            answer = worker.complete(messages, sampling)
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
    model = LocalModel()

    def answer(_header: dict[str, Any], body: bytes) -> bytes:
        messages, sampling = pickle.loads(body)  # noqa: S301 - from our own process
        return frame({}, pickle.dumps(_complete(model, messages, sampling)))

    serve(open_channel(channel), answer)


def _complete(model: Model, messages: tuple[Message, ...], sampling: Sampling) -> Answer:
    try:
        return model.complete(messages, sampling)
    except ServiceError as error:
        return Refusal.of(error)
    except Exception as error:  # noqa: BLE001 - one question that meets a bug is answered, the process continues
        return place_of(error)
