"""AWS's event streams: frames of headers and a payload, each with its checksums.

https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html (the frame); Bedrock's payloads carry a padding
member `p`, so that their sizes do not show how long a text is.
"""

from __future__ import annotations

import logging
import random
import string
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from botocore.model import Shape

from embedded_aws.wire.base import ServiceError, place_of
from embedded_aws.wire.coding import dump, to_wire

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_TEXT = 7
_PADDING = string.ascii_letters + string.digits
_log = logging.getLogger(__name__)

Event = Mapping[str, Mapping[str, Any]]
"""One event: its name, with its members."""


def frames(shape: Shape, events: Iterable[Event]) -> Iterator[bytes]:
    """The events of a stream as it is sent; an error in it is its last frame."""
    try:
        for event in events:
            for name, members in event.items():
                yield frame("event", name, to_wire(shape.members[name], members, rest=True))
    except ServiceError as error:
        yield from _failed(shape, error)
    except Exception as error:  # noqa: BLE001  (a service answers, whatever happened inside it)
        _log.error("a stream failed: %s", place_of(error))
        yield from _failed(shape, ServiceError("InternalServerException", "The stream ended with an error.", 500))


def _failed(shape: Shape, error: ServiceError) -> Iterator[bytes]:
    """The exception as an event of the stream: its own, if the stream has it."""
    name = error.code[0].lower() + error.code[1:]
    if name not in shape.members:
        name = "modelStreamErrorException" if "modelStreamErrorException" in shape.members else _OTHER
    yield frame("exception", name, {"message": error.message})


_OTHER = "internalServerException"


def frame(kind: str, name: str, payload: Mapping[str, Any]) -> bytes:
    """One frame."""
    named = {":event-type" if kind == "event" else ":exception-type": name}
    headers = b"".join(
        _header(key, value)
        for key, value in (named | {":content-type": "application/json", ":message-type": kind}).items()
    )
    padding = {"p": _PADDING[: random.randrange(1, len(_PADDING))]} if kind == "event" else {}  # noqa: S311
    body = dump({**payload, **padding})
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", crc32(prelude)) + headers + body
    return message + struct.pack("!I", crc32(message))


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([_TEXT]) + struct.pack("!H", len(value)) + value.encode()
