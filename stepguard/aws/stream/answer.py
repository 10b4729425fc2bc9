"""Sends guarded pieces of an answer to a listener while the model writes it.

Each piece is judged by the guardrail of the answer layer before it leaves. Whatever goes wrong with the guard or the
client ends the pieces, and neither fails the stage: the whole answer passes GuardAnswer and comes in the last frame.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.stream.connections import Delivery, post
from stepguard.guard.errors import StepguardError
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import INVOKE_MODEL, Direction, Layer, Outcome
from stepguard.guard.stream.frames import attempt_of, delta_frame
from stepguard.guard.stream.pieces import Pieces


def pieces_for(
    event: Mapping[str, Any],
    listener: str,
    ref: GuardrailRef | None,
    guardrails: Guardrails,
    send: Callable[[str, bytes], Delivery] = post,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[str], None] | None:
    """What takes the model's text in parts; None without a guardrail of the answer, since nothing would be judged."""
    if ref is None:
        return None
    turn, attempt = str(event.get("execution", "")).rpartition(":")[2], attempt_of(event)
    sender = _Sender(listener, send)

    def passes(text: str) -> bool:
        try:
            return guardrails.check(ref, text, Layer.POSTPROCESS, Direction.OUTPUT).outcome is Outcome.PASSED
        except StepguardError:
            return False

    def leave(piece: str) -> None:
        sender.put(delta_frame(turn, attempt, sender.number + 1, piece, INVOKE_MODEL.state))

    pieces = Pieces(lambda text: not sender.ended and passes(text), leave, clock)
    return pieces.add


class _Sender:
    """Posts frames one after the other in a thread, which ends when none waits; the first that does not arrive is the
    last."""

    def __init__(self, listener: str, send: Callable[[str, bytes], Delivery]) -> None:
        self.ended = False
        self.number = 0
        self._listener = listener
        self._send = send
        self._lock = threading.Lock()
        self._frames: deque[bytes] = deque()
        self._running = False

    def put(self, frame: bytes) -> None:
        """Post a frame soon."""
        with self._lock:
            self.number += 1
            self._frames.append(frame)
            if self._running or self.ended:
                return
            self._running = True
        threading.Thread(target=self._run, daemon=True, name="pieces").start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self.ended or not self._frames:
                    self._running = False
                    return
                frame = self._frames.popleft()
            if self._send(self._listener, frame) is not Delivery.SENT:
                self.ended = True
