"""NotifyListener: the last frame of a streamed answer, after the execution has ended in any way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functions.chat_api import ChatApi
from stepguard.aws.stream.connections import Connections, Delivery, post
from stepguard.guard.errors import ServiceUnavailable
from stepguard.guard.stream.frames import last_frame


def notify_listener(
    event: Mapping[str, Any],
    chat: ChatApi | None = None,
    connections: Connections | None = None,
    send: Callable[[str, bytes], Delivery] = post,
) -> dict[str, Any]:
    """`{execution, connection, redrives}` -> `{delivered}`: sent, gone or lost.

    The listener gets what `GET /chat/{execution}` gives its caller. Raises StepguardError.
    """
    connections = connections or Connections()
    chat = chat or ChatApi()
    connection, execution = str(event["connection"]), str(event["execution"])
    caller = connections.caller(connection)
    if caller is None:
        return {"delivered": str(Delivery.GONE)}
    status, body, _ = chat.ended(execution, caller)
    if status == 202:
        raise ServiceUnavailable("The end of the execution cannot be read yet.")
    turn = execution.rpartition(":")[2]
    redrives = int(event.get("redrives") or 0)
    delivered = send(connection, last_frame(turn, body, answered=status == 200, redrives=redrives))
    if delivered is Delivery.GONE:
        connections.close(connection)
    return {"delivered": str(delivered)}
