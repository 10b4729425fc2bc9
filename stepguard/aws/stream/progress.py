"""Tells a listener that a stage has begun, beside the stage: nothing waits for the client, and nothing fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.stream.connections import Delivery, post
from stepguard.guard.stream.frames import SEQ_OF, attempt_of, status_frame

KEPT = 256
"""Connections of clients that have left, as this process remembers them."""


class Progress:
    """Posts frames in a thread. One frame is under way at a time: while it hangs, the others are left out."""

    def __init__(self, send: Callable[[str, bytes], Delivery] = post) -> None:
        self._send = send
        self._free = threading.Lock()
        self._gone: set[str] = set()

    def announce(self, connection: str, frame: bytes) -> bool:
        """Post a frame; False if it is left out because the client has left or an earlier frame hangs."""
        if connection in self._gone or not self._free.acquire(blocking=False):
            return False
        threading.Thread(target=self._post, args=(connection, frame), daemon=True, name="progress").start()
        return True

    def _post(self, connection: str, frame: bytes) -> None:
        try:
            if self._send(connection, frame) is Delivery.GONE:
                if len(self._gone) >= KEPT:
                    self._gone.clear()
                self._gone.add(connection)
        finally:
            self._free.release()


_progress = Progress()


def announce(state: str, listener: str, event: Mapping[str, Any], progress: Progress = _progress) -> None:
    """Post the status frame of a stage. It waits for nothing and raises no exception."""
    if state in SEQ_OF:
        turn = str(event.get("execution", "")).rpartition(":")[2]
        progress.announce(listener, status_frame(turn, state, attempt_of(event)))
