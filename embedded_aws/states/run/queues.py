"""The activity tasks that wait for a worker.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque


class ActivityQueues:
    """The tasks that wait for a worker, by activity."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
        self._closed = False

    def offer(self, arn: str, token: str, text: str) -> None:
        """Queue a task."""
        with self._changed:
            self._waiting[arn].append((token, text))
            self._changed.notify_all()

    def take(self, arn: str, seconds: float) -> tuple[str, str] | None:
        """The oldest task, waiting for one up to `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting[arn] or self._closed, seconds)
            return self._waiting[arn].popleft() if self._waiting[arn] else None

    def close(self) -> None:
        """Wake all waiting workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
