"""Threads for work that waits: requests are answered in them, so that the server's loop never waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Threads:
    """Up to `most` threads, started as they are needed.

    They are daemons, unlike those of concurrent.futures: a request that waits for an execution must not keep the
    process from ending.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    @property
    def waiting(self) -> int:
        """How much work no thread has taken up yet."""
        return self._work.qsize()

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in a thread. To be called in the loop's thread."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._work.put((loop, result, work))
        if not self._idle.acquire(blocking=False) and self._started < self._most:
            self._started += 1
            threading.Thread(target=self._take, daemon=True, name=f"endpoint-{self._started}").start()
        return result

    def close(self) -> None:
        """Drop what is not taken up yet; each thread ends after its current work."""
        while not self._work.empty():
            self._work.get()
        for _ in range(self._started):
            self._work.put(None)

    def _take(self) -> None:
        while (taken := self._work.get()) is not None:
            loop, result, work = taken
            try:
                answer, error = work(), None
            except BaseException as raised:  # noqa: BLE001 - it is raised again where the result is awaited
                answer, error = None, raised
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settle, result, answer, error)
            del taken, result, work, answer, error  # an idle thread keeps nothing alive
            self._idle.release()


def _settle(result: asyncio.Future[Any], answer: object, error: BaseException | None) -> None:
    if result.done():  # the connection was closed
        return
    if error is None:
        result.set_result(answer)
    else:
        result.set_exception(error)
