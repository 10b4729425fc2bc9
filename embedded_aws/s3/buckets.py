"""Amazon S3 over HTTP for persistent buckets; `bucket_files` stores their objects.

It serves only the buckets in its constructor; moto serves all others, in memory. It has the part of S3's REST API that
corpora and results need: objects, copies, listings, multipart uploads. Addresses are path-style, as clients use them
with an IP endpoint.
https://docs.aws.amazon.com/AmazonS3/latest/API/Type_API_Reference.html
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from embedded_aws.s3.bucket_files import Buckets
from embedded_aws.wire import HttpRequest, HttpResponse, ServiceError

__all__ = ["BucketService", "Buckets"]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PAGE = 1000
_PIECE = 256 * 1024
_SOURCE = "x-amz-copy-source"
_IF_MATCH = f"{_SOURCE}-if-match"
_TYPES = {".json": "application/json", ".html": "text/html"}
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class BucketService:
    """The persistent buckets; the endpoint calls `owns` and `handle`, as for every embedded service."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._lock = threading.Lock()

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is about one of the buckets."""
        return _target(request)[0] in self._buckets.names

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; a failure is one of S3's XML errors."""
        bucket, key = _target(request)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            route = self._object if key else self._bucket
            return route(request, bucket, key, query)
        except ServiceError as error:
            body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
            return _xml(body, error.status)

    def _bucket(self, request: HttpRequest, bucket: str, key: str, query: Mapping[str, str]) -> HttpResponse:
        if request.method == "GET" and query.get("list-type") == "2":
            return self._list(bucket, query)
        if request.method in ("HEAD", "PUT") and not query:
            return HttpResponse(200, {"Content-Length": "0"}, b"")  # it always exists
        if request.method == "POST" and "delete" in query:
            return self._delete_many(request, bucket)
        raise _unsupported()

    def _object(self, request: HttpRequest, bucket: str, key: str, query: Mapping[str, str]) -> HttpResponse:
        upload = query.get("uploadId")
        actions: dict[tuple[str, bool], Callable[[], HttpResponse]] = {
            ("GET", False): lambda: self._get(request, bucket, key, query),
            ("HEAD", False): lambda: self._get(request, bucket, key, query),
            ("PUT", False): lambda: (self._copy if _SOURCE in request.headers else self._put)(request, bucket, key),
            ("DELETE", False): lambda: self._delete(bucket, key),
            ("PUT", True): lambda: self._part(request, bucket, str(upload), query.get("partNumber", "")),
            ("POST", True): lambda: self._complete(request, bucket, key, str(upload)),
            ("DELETE", True): lambda: self._abort(bucket, str(upload)),
        }
        if request.method == "POST" and "uploads" in query:
            identifier = self._buckets.begin(bucket)
            return _xml(_element("InitiateMultipartUploadResult", Bucket=bucket, Key=key, UploadId=identifier))
        action = actions.get((request.method, upload is not None))
        if action is None:
            raise _unsupported()
        return action()

    def _get(self, request: HttpRequest, bucket: str, key: str, query: Mapping[str, str]) -> HttpResponse:
        file = self._buckets.get(bucket, key)
        about = file.stat()
        suffix = PurePosixPath(key).suffix
        kind = _override(query, "response-content-type") or _TYPES.get(suffix, "application/octet-stream")
        headers = {
            "Content-Type": kind,
            "Last-Modified": format_datetime(datetime.fromtimestamp(about.st_mtime, UTC), usegmt=True),
            "ETag": _etag(about),
            "Accept-Ranges": "bytes",
        }
        if disposition := _override(query, "response-content-disposition"):
            headers["Content-Disposition"] = disposition
        found = _RANGE.fullmatch(request.headers.get("range", ""))
        if request.method == "HEAD":
            return HttpResponse(200, headers, b"", length=about.st_size)
        if found is None:
            return _answer(200, headers, file, 0, about.st_size)
        start = int(found[1])
        end = min(int(found[2] or about.st_size - 1), about.st_size - 1)
        if start > end:
            raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416)
        headers["Content-Range"] = f"bytes {start}-{end}/{about.st_size}"
        return _answer(206, headers, file, start, end - start + 1)

    def _put(self, request: HttpRequest, bucket: str, key: str) -> HttpResponse:
        body = _decoded(request)
        self._buckets.put(bucket, key, body)
        return HttpResponse(200, {"ETag": _etag(self._buckets.get(bucket, key).stat())}, b"")

    def _copy(self, request: HttpRequest, bucket: str, key: str) -> HttpResponse:
        source = self._source(request)
        if source == self._buckets.file(bucket, key) and request.headers.get("x-amz-metadata-directive") != "REPLACE":
            raise ServiceError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, website redirect location or encryption attributes.",
                400,
            )
        self._buckets.write(bucket, key, _pieces(source))
        about = self._buckets.get(bucket, key).stat()
        return _xml(_element("CopyObjectResult", LastModified=_modified(about), ETag=_etag(about)))

    def _source(self, request: HttpRequest) -> Path:
        """The source file of a copy, which must be in one of these buckets."""
        path, _, version = request.headers[_SOURCE].partition("?")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        conditions = {name for name in request.headers if name.startswith(f"{_SOURCE}-if")}
        if version or bucket not in self._buckets.names or conditions - {_IF_MATCH}:
            raise _unsupported()
        file = self._buckets.get(bucket, key)
        if conditions and request.headers[_IF_MATCH].strip('"') != _etag(file.stat()).strip('"'):
            message = "At least one of the pre-conditions you specified did not hold"
            raise ServiceError("PreconditionFailed", message, 412)
        return file

    def _delete_many(self, request: HttpRequest, bucket: str) -> HttpResponse:
        """DeleteObjects: up to a thousand keys, each with a separate result."""
        tree = _parsed(_decoded(request))
        keys = [found.text or "" for found in tree.iter() if _tag(found) == "Key"]
        if not 1 <= len(keys) <= _PAGE:
            raise _malformed()
        quiet = any(_tag(found) == "Quiet" and found.text == "true" for found in tree.iter())
        rows = []
        for key in keys:
            try:
                self._buckets.delete(bucket, key)
            except ServiceError as error:
                rows.append(_element("Error", Key=key, Code=error.code, Message=error.message))
            else:
                rows.append("" if quiet else _element("Deleted", Key=key))
        return _xml(f'<DeleteResult xmlns="{_NAMESPACE}">{"".join(rows)}</DeleteResult>')

    def _delete(self, bucket: str, key: str) -> HttpResponse:
        self._buckets.delete(bucket, key)
        return HttpResponse(204, {}, b"")

    def _part(self, request: HttpRequest, bucket: str, upload: str, number: str) -> HttpResponse:
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise ServiceError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", 400)
        copied = _SOURCE in request.headers
        body = self._copied_part(request) if copied else _decoded(request)
        (self._buckets.parts(bucket, upload) / f"{int(number):05}").write_bytes(body)
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        return _xml(_element("CopyPartResult", ETag=etag)) if copied else HttpResponse(200, {"ETag": etag}, b"")

    def _copied_part(self, request: HttpRequest) -> bytes:
        """UploadPartCopy: the range, both ends included, or all of the source."""
        source = self._source(request)
        wanted = request.headers.get(f"{_SOURCE}-range")
        if wanted is None:
            return source.read_bytes()
        found = _RANGE.fullmatch(wanted)
        if found is None or not found[2] or not int(found[1]) <= int(found[2]) < source.stat().st_size:
            raise ServiceError("InvalidArgument", f"Range specified is not valid for source object: {wanted}", 400)
        with source.open("rb") as stream:
            stream.seek(int(found[1]))
            return stream.read(int(found[2]) - int(found[1]) + 1)

    def _complete(self, request: HttpRequest, bucket: str, key: str, upload: str) -> HttpResponse:
        folder = self._buckets.parts(bucket, upload)
        try:
            numbers = [int(found.text or "") for found in _parsed(request.body).iter() if _tag(found) == "PartNumber"]
        except ValueError:
            raise _malformed() from None
        files = [folder / f"{number:05}" for number in numbers]
        if not files or not all(file.is_file() for file in files):
            raise ServiceError("InvalidPart", "One or more of the specified parts could not be found.", 400)
        with self._lock:
            self._buckets.write(bucket, key, (data for file in files for data in _pieces(file)))
            shutil.rmtree(folder, ignore_errors=True)
        etag = _etag(self._buckets.get(bucket, key).stat())
        return _xml(_element("CompleteMultipartUploadResult", Bucket=bucket, Key=key, ETag=etag))

    def _abort(self, bucket: str, upload: str) -> HttpResponse:
        shutil.rmtree(self._buckets.parts(bucket, upload), ignore_errors=True)
        return HttpResponse(204, {}, b"")

    def _list(self, bucket: str, query: Mapping[str, str]) -> HttpResponse:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = unquote(query.get("continuation-token", "")) or query.get("start-after", "")
        number = query.get("max-keys", str(_PAGE))
        if not re.fullmatch(r"[0-9]{1,9}", number):
            raise ServiceError("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647", 400)
        most = min(int(number), _PAGE)
        encoded = query.get("encoding-type") == "url"
        rows: list[str] = []
        common: list[str] = []
        last, truncated = "", False
        for key in self._buckets.keys(bucket, prefix):
            if key <= after or (common and delimiter and key.startswith(common[-1])):
                continue
            if len(rows) + len(common) == most:
                truncated = True
                break
            last = key
            folder = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if folder[1]:
                common.append(prefix + folder[0] + delimiter)
                last = common[-1] + "\U0010ffff"
                continue
            rows.append(self._row(bucket, key, encoded))
        shown = "".join(_element("CommonPrefixes", Prefix=quote(item) if encoded else item) for item in common)
        more = _element("NextContinuationToken", quote(last)) if truncated else ""
        about = {"Name": bucket, "Prefix": prefix, "KeyCount": str(len(rows) + len(common)), "MaxKeys": str(most)}
        head = "".join(_element(name, value) for name, value in about.items())
        if encoded:
            head += _element("EncodingType", "url")
        body = head + _element("IsTruncated", str(truncated).lower()) + more + "".join(rows) + shown
        return _xml(f'<ListBucketResult xmlns="{_NAMESPACE}">{body}</ListBucketResult>')

    def _row(self, bucket: str, key: str, encoded: bool) -> str:
        about = self._buckets.get(bucket, key).stat()
        name = quote(key) if encoded else key
        return _element(
            "Contents",
            Key=name,
            LastModified=_modified(about),
            ETag=_etag(about),
            Size=str(about.st_size),
            StorageClass="STANDARD",
        )


def _override(query: Mapping[str, str], name: str) -> str | None:
    """A header of the response that the request chooses. Raises ServiceError if it is not valid there."""
    value = query.get(name)
    if value is not None and not re.fullmatch(r"[\x20-\x7e]*", value):
        raise ServiceError("InvalidArgument", f"{name} is not valid in a header.", 400)
    return value


def _target(request: HttpRequest) -> tuple[str, str]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    return unquote(bucket), unquote(key)


def _decoded(request: HttpRequest) -> bytes:
    """The object's bytes: a client may send them in signed chunks, with checksums behind.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """
    if "x-amz-decoded-content-length" not in request.headers:
        return request.body
    stream = io.BytesIO(request.body)
    pieces = []
    while size := int(stream.readline().partition(b";")[0].strip() or b"0", 16):
        pieces.append(stream.read(size))
        stream.readline()
    return b"".join(pieces)


def _answer(status: int, headers: Mapping[str, str], file: Path, start: int, length: int) -> HttpResponse:
    """A range of a file; a long range is read in pieces, so that a large corpus needs little memory."""
    # Opened before the header is sent: a later write or delete of the object does not change the open file.
    stream = file.open("rb")
    stream.seek(start)
    if length > _PIECE:
        return HttpResponse(status, headers, b"", _read(stream, length), length)
    with stream:
        return HttpResponse(status, headers, stream.read(length))


def _read(stream: IO[bytes], length: int) -> Iterator[bytes]:
    with stream:
        while length > 0 and (data := stream.read(min(_PIECE, length))):
            length -= len(data)
            yield data


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while data := stream.read(1024 * 1024):
            yield data


def _parsed(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314  expat expands no external entities
    except ElementTree.ParseError:
        raise _malformed() from None


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _malformed() -> ServiceError:
    return ServiceError(
        "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", 400
    )


def _modified(about: Any) -> str:
    return datetime.fromtimestamp(about.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _etag(about: Any) -> str:
    """An ETag that changes with every write; on AWS it is the MD5 for an unencrypted single part."""
    return f'"{hashlib.md5(f"{about.st_mtime_ns}-{about.st_size}".encode(), usedforsecurity=False).hexdigest()}"'


def _element(name: str, text: str | None = None, **children: str) -> str:
    inner = "".join(_element(child, value) for child, value in children.items()) if text is None else escape(text)
    return f"<{name}>{inner}</{name}>"


def _xml(body: str, status: int = 200) -> HttpResponse:
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode("utf-8", "backslashreplace")
    return HttpResponse(status, {"Content-Type": "application/xml"}, content)


def _unsupported() -> ServiceError:
    return ServiceError("NotImplemented", "The embedded S3 does not have this operation for this bucket.", 501)
