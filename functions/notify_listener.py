"""NotifyListener: the last frame of a streamed answer, after the execution has ended in any way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functions.chat_api import ChatApi
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.stream.connections import Connections, Delivery, post
from stepguard.guard.errors import ServiceUnavailable
from stepguard.guard.stream.frames import last_frame


def notify_listener(
    event: Mapping[str, Any],
    chat: ChatApi | None = None,
    connections: Connections | None = None,
    send: Callable[[str, bytes], Delivery] = post,
    table: AnswerTable | None = None,
) -> dict[str, Any]:
    """`{execution, connection, redrives}` -> `{delivered}`: sent to one at least, lost or gone.

    Every connection that waits for this answer gets what `GET /chat/{execution}` gives its caller; `connection` is the
    newest one. Raises StepguardError.
    """
    connections = connections or Connections()
    chat = chat or ChatApi()
    execution = str(event["execution"])
    turn = execution.rpartition(":")[2]
    waiting = [str(event["connection"]), *(table or AnswerTable()).listeners(turn)]
    frames: list[tuple[str, bytes]] = []
    for connection in dict.fromkeys(waiting):
        caller = connections.caller(connection)
        if caller is None:
            continue
        status, body, _ = chat.ended(execution, caller)
        if status == 202:
            raise ServiceUnavailable("The end of the execution cannot be read yet.")
        redrives = int(event.get("redrives") or 0)
        frames.append((connection, last_frame(turn, body, answered=status == 200, redrives=redrives)))
    delivered = [_deliver(connection, frame, connections, send) for connection, frame in frames]
    best = next((kind for kind in (Delivery.SENT, Delivery.LOST) if kind in delivered), Delivery.GONE)
    return {"delivered": str(best)}


def _deliver(
    connection: str, frame: bytes, connections: Connections, send: Callable[[str, bytes], Delivery]
) -> Delivery:
    delivered = send(connection, frame)
    if delivered is Delivery.GONE:
        connections.close(connection)
    return delivered
