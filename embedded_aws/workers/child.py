"""The worker's side of the channel: receive a request, answer it, leave with the parent. Standard library only.

A frame is two big-endian 32-bit lengths, a JSON header and a body. Parent and worker exchange frames over a socket
pair, the only channel between them: what the worker prints cannot reach it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any

_LENGTHS = struct.Struct("!II")


def frame(header: Mapping[str, object], body: bytes = b"") -> bytes:
    """One frame, as `read_frame` reads it."""
    head = json.dumps(header).encode("ascii")
    return b"".join((_LENGTHS.pack(len(head), len(body)), head, body))


def read_frame(channel: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """The next frame, or None when the other side has closed the channel."""
    lengths = _read(channel, _LENGTHS.size)
    if lengths is None:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    content = _read(channel, head_size + body_size)
    if content is None:
        return None
    return json.loads(content[:head_size]), content[head_size:]


def _read(channel: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view, done = memoryview(buffer), 0
    while done < size:
        count = channel.recv_into(view[done:])
        if not count:
            return None
        done += count
    return bytes(buffer)


def open_channel(descriptor: str) -> socket.socket:
    """The channel to the parent; from now on this process exits at once when the parent ends, whatever it is doing."""
    channel = socket.socket(fileno=int(descriptor))
    channel.set_inheritable(False)  # processes that a worker starts must not keep the channel open
    threading.Thread(target=_exit_with_parent, args=(channel,), daemon=True, name="parent").start()
    return channel


def serve(channel: socket.socket, answer: Callable[[dict[str, Any], bytes], bytes], idle: float = 0.0) -> None:
    """Answer requests until the parent closes the channel, or until `idle` seconds (0: no limit) bring no request.

    `answer` takes a header and a body and returns a frame.
    """
    poll = select.poll()  # unlike select, it has no limit on descriptor numbers
    poll.register(channel, select.POLLIN)
    while True:
        if not poll.poll(idle * 1000 if idle else None):
            channel.sendall(frame({"kind": "leaving"}))
            return
        request = read_frame(channel)
        if request is None:
            return
        channel.sendall(answer(*request))


def _exit_with_parent(channel: socket.socket) -> None:
    poll = select.poll()
    poll.register(channel, 0)  # reports only the hang-up, and takes no data from the reader
    poll.poll()
    os._exit(0)
