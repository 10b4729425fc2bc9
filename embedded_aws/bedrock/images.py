"""Images of a request, checked before anything decodes them.

Limits: "Block harmful images with content filters", https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
(PNG and JPEG, 4 MB and 8000 x 8000 pixels an image, 20 images a request). Size and dimensions come from the bytes and
the header, so that a decompression bomb is refused without being opened.
"""

from __future__ import annotations

from embedded_aws.wire import ServiceError

MAXIMUM_BYTES = 4 * 1024 * 1024
MAXIMUM_SIDE = 8000
MAXIMUM_IMAGES = 20

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Start-of-frame markers (ITU-T T.81, table B.1); C4, C8 and CC are something else. The rest carry no length.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


class UnreadableImageError(ValueError):
    """The image cannot be decoded whole; the message says why."""


def check_image(kind: str, data: bytes, where: str) -> bytes:
    """The image's bytes if they may be judged. `kind` is the request's format, `where` names the block in messages.

    Raises ServiceError(ValidationException).
    """
    if kind not in ("png", "jpeg"):
        raise _refuse(where, f"is {kind}; guardrails look at png and jpeg only")
    if len(data) > MAXIMUM_BYTES:
        raise _refuse(where, f"has {len(data)} bytes; the most is {MAXIMUM_BYTES} (4 MB)")
    found = "png" if data.startswith(_PNG) else "jpeg" if data.startswith(_JPEG) else None
    if found != kind:
        raise _refuse(where, f"is declared as {kind}, but its bytes are {found or 'neither PNG nor JPEG'}")
    size = _png_size(data) if kind == "png" else _jpeg_size(data)
    if size is None or 0 in size:
        raise _refuse(where, "is damaged: its header has no width and height")
    if max(size) > MAXIMUM_SIDE:
        raise _refuse(where, f"has {size[0]} x {size[1]} pixels; the most is {MAXIMUM_SIDE} x {MAXIMUM_SIDE}")
    return data


def check_number(number: int) -> None:
    """Raise ServiceError(ValidationException) for more images than a request may have."""
    if number > MAXIMUM_IMAGES:
        raise ServiceError("ValidationException", f"The request has {number} images; the most is {MAXIMUM_IMAGES}.")


def _refuse(where: str, what: str) -> ServiceError:
    return ServiceError("ValidationException", f"The image at '{where}' {what}.")


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the IHDR chunk, which is always the first one (PNG specification, 5.6)."""
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the first frame header, found by walking over the segments before it."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _BARE:
            position += 2
        elif marker in _FRAMES:
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            return int.from_bytes(data[position + 7 : position + 9], "big"), height
        else:
            position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
    return None
