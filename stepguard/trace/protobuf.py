"""OTLP's binary encoding of an ExportTraceServiceRequest, of the members that `to_otlp` writes, and of its answer.

Field numbers: https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto
Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def to_protobuf(request: Mapping[str, Any]) -> bytes:
    """The request in binary."""
    return _message(_REQUEST, request)


def read_rejected(answer: bytes) -> tuple[int, str]:
    """How many spans an ExportTraceServiceResponse refuses, and why. Raises ValueError for what is none."""
    rejected, reason = 0, ""
    for _, partial in (item for item in _fields(answer) if item[0] == 1):
        for number, value in _fields(bytes(partial) if isinstance(partial, bytes) else b""):
            if number == 1 and isinstance(value, int):
                rejected = value
            elif number == 2 and isinstance(value, bytes):
                reason = value.decode("utf-8", "replace")
    return rejected, reason


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _read_varint(message, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length, at = _read_varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("the message is cut")
        yield key >> 3, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("the message is cut")


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, wire: int, content: bytes) -> bytes:
    length = _varint(len(content)) if wire == _BYTES else b""
    return _varint(number << 3 | wire) + length + content


Encode = Callable[[Any], tuple[int, bytes]]
"""The wire type and the bytes of a member's value."""

Shape = Mapping[str, tuple[int, Encode]]
"""The field number and the encoding of each member of a message."""


def _message(shape: Shape, value: Mapping[str, Any]) -> bytes:
    out = []
    for name, content in value.items():
        number, encode = shape[name]
        for item in content if isinstance(content, list) else (content,):
            out.append(_field(number, *encode(item)))
    return b"".join(out)


def _text(value: str) -> tuple[int, bytes]:
    return _BYTES, value.encode("utf-8", "replace")


def _id(value: str) -> tuple[int, bytes]:
    return _BYTES, bytes.fromhex(value)


def _whole(value: int | str) -> tuple[int, bytes]:
    return _VARINT, _varint(int(value))


def _time(value: str) -> tuple[int, bytes]:
    return _FIXED64, struct.pack("<Q", int(value))


def _real(value: float) -> tuple[int, bytes]:
    return _FIXED64, struct.pack("<d", value)


def _nested(shape: Shape) -> Encode:
    return lambda value: (_BYTES, _message(shape, value))


_VALUE: Shape = {
    "stringValue": (1, _text),
    "boolValue": (2, _whole),
    "intValue": (3, _whole),
    "doubleValue": (4, _real),
    "arrayValue": (5, _nested({"values": (1, _nested({"stringValue": (1, _text)}))})),
}
_ATTRIBUTE = _nested({"key": (1, _text), "value": (2, _nested(_VALUE))})
_EVENT: Shape = {"timeUnixNano": (1, _time), "name": (2, _text), "attributes": (3, _ATTRIBUTE)}
_SPAN: Shape = {
    "traceId": (1, _id),
    "spanId": (2, _id),
    "parentSpanId": (4, _id),
    "name": (5, _text),
    "kind": (6, _whole),
    "startTimeUnixNano": (7, _time),
    "endTimeUnixNano": (8, _time),
    "attributes": (9, _ATTRIBUTE),
    "events": (11, _nested(_EVENT)),
    "status": (15, _nested({"code": (3, _whole)})),
}
_SCOPE: Shape = {"scope": (1, _nested({"name": (1, _text), "version": (2, _text)})), "spans": (2, _nested(_SPAN))}
_REQUEST: Shape = {
    "resourceSpans": (
        1,
        _nested({"resource": (1, _nested({"attributes": (1, _ATTRIBUTE)})), "scopeSpans": (2, _nested(_SCOPE))}),
    )
}
