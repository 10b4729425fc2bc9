"""Errors in the form of the protocol that the client speaks.

https://smithy.io/2.0/aws/protocols/index.html; https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import struct
from typing import Literal
from uuid import uuid4
from xml.sax.saxutils import escape

from embedded_aws.wire.base import HttpResponse, ServiceError
from embedded_aws.wire.coding import dump

Protocol = Literal["json", "rest-json", "query", "ec2", "rest-xml", "s3", "cbor"]
"""`s3` is rest-xml with the errors of S3."""


def write_error(error: ServiceError, protocol: Protocol, json_version: str = "1.0") -> HttpResponse:
    """An error as a response."""
    request_id = str(uuid4())
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    if protocol == "cbor":
        body = _cbor({"__type": error.code, "message": error.message})
        headers |= {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return HttpResponse(error.status, headers, body)
    if protocol in ("json", "rest-json"):
        kind = "application/json" if protocol == "rest-json" else f"application/x-amz-json-{json_version}"
        body = dump({"__type": error.code, "message": error.message, **error.members})
        return HttpResponse(error.status, {**headers, "Content-Type": kind}, body)
    inner = f"<Code>{escape(error.code)}</Code><Message>{_text(error.message)}</Message>"
    if protocol == "s3":
        document = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        document = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        fault = "Sender" if error.status < 500 else "Receiver"
        document = (
            f"<ErrorResponse><Error><Type>{fault}</Type>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode("utf-8", "backslashreplace")
    return HttpResponse(error.status, {**headers, "Content-Type": "text/xml"}, content)


def _text(message: str) -> str:
    """XML text without the control characters that XML does not allow."""
    return escape("".join(character if character >= " " else " " for character in message))


def _cbor(members: dict[str, str]) -> bytes:
    """A map of texts in CBOR (https://www.rfc-editor.org/rfc/rfc8949)."""
    texts = [text.encode("utf-8", "backslashreplace") for pair in members.items() for text in pair]
    return bytes([0xA0 | len(members)]) + b"".join(b"\x79" + struct.pack("!H", len(text)) + text for text in texts)
