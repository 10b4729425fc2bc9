"""Amazon S3 for the buckets that must outlive the process: objects are files in the state folder.

Only the buckets it is made for; every other one is moto's, in memory. The part of S3's REST API that corpora and
results need: objects, listings, multipart uploads; path-style addresses, as clients use them with an IP endpoint.
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
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from local.wire import HttpRequest, HttpResponse, ServiceError

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PAGE = 1000
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Buckets:
    """Some buckets, one folder each. Thread-safe: a write is a rename."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self.names = names

    def get(self, bucket: str, key: str) -> Path:
        """The object's file. Raises ServiceError NoSuchKey."""
        file = self._file(bucket, key)
        if not file.is_file():
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return file

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object: all of it or nothing."""
        self.write(bucket, key, [body])

    def write(self, bucket: str, key: str, pieces: Iterator[bytes] | list[bytes]) -> None:
        """Write an object piece by piece."""
        file = self._file(bucket, key)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = file.parent / f".{uuid4().hex}"
        try:
            with unfinished.open("wb") as target:
                target.writelines(pieces)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)

    def delete(self, bucket: str, key: str) -> None:
        """Forget an object; one that is not there is none."""
        self._file(bucket, key).unlink(missing_ok=True)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of a bucket in S3's order, by their UTF-8 bytes."""
        root = self._root(bucket)
        found = (self._key(file, root) for file in root.rglob("*") if file.is_file() and file.name[0] != ".")
        return sorted((key for key in found if key.startswith(prefix)), key=str.encode)

    def parts(self, bucket: str, upload: str) -> Path:
        """The folder of a multipart upload. Raises ServiceError NoSuchUpload."""
        folder = self._root(bucket) / f".upload-{upload}"
        if not re.fullmatch(r"[0-9a-f]{32}", upload) or not folder.is_dir():
            raise ServiceError("NoSuchUpload", "The specified multipart upload does not exist.", 404)
        return folder

    def begin(self, bucket: str) -> str:
        """A new multipart upload."""
        upload = uuid4().hex
        (self._root(bucket) / f".upload-{upload}").mkdir(parents=True, mode=0o700)
        return upload

    def _root(self, bucket: str) -> Path:
        if bucket not in self.names:
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist.", 404)
        return self._folder / bucket

    def _file(self, bucket: str, key: str) -> Path:
        """Segments are percent-encoded, so that no key leaves its bucket's folder or looks like a temporary file."""
        if not 0 < len(key.encode()) <= 1024:
            raise ServiceError("KeyTooLongError", "Your key is too long.", 400)
        segments = [
            quote(segment, safe=" ()+,=@-_").replace(".", "%2E", segment[:1] == ".") for segment in key.split("/")
        ]
        return self._root(bucket).joinpath(*(segment or "%" for segment in segments))

    @staticmethod
    def _key(file: Path, root: Path) -> str:
        return "/".join("" if segment == "%" else unquote(segment) for segment in file.relative_to(root).parts)


class BucketService:
    """The buckets on the wire; the endpoint asks `owns` and `handle`, as of every service of ours."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._lock = threading.Lock()

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is about one of the buckets."""
        return _target(request)[0] in self._buckets.names

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; failures are S3's XML errors."""
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
            return HttpResponse(200, {"Content-Length": "0"}, b"")  # it is always there
        raise _unsupported()

    def _object(self, request: HttpRequest, bucket: str, key: str, query: Mapping[str, str]) -> HttpResponse:
        upload = query.get("uploadId")
        actions: dict[tuple[str, bool], Callable[[], HttpResponse]] = {
            ("GET", False): lambda: self._get(request, bucket, key, query),
            ("HEAD", False): lambda: self._get(request, bucket, key, query),
            ("PUT", False): lambda: self._put(request, bucket, key),
            ("DELETE", False): lambda: self._delete(bucket, key),
            ("PUT", True): lambda: self._part(request, bucket, str(upload), query.get("partNumber", "")),
            ("POST", True): lambda: self._complete(request, bucket, key, str(upload)),
            ("DELETE", True): lambda: self._abort(bucket, str(upload)),
        }
        if request.method == "POST" and "uploads" in query:
            identifier = self._buckets.begin(bucket)
            return _xml(_element("InitiateMultipartUploadResult", Bucket=bucket, Key=key, UploadId=identifier))
        action = actions.get((request.method, upload is not None))
        if action is None or "x-amz-copy-source" in request.headers:
            raise _unsupported()
        return action()

    def _get(self, request: HttpRequest, bucket: str, key: str, query: Mapping[str, str]) -> HttpResponse:
        file = self._buckets.get(bucket, key)
        about = file.stat()
        kind = "application/json" if file.suffix == ".json" else "application/octet-stream"
        headers = {
            "Content-Type": query.get("response-content-type", "text/html" if file.suffix == ".html" else kind),
            "Last-Modified": format_datetime(datetime.fromtimestamp(about.st_mtime, UTC), usegmt=True),
            "ETag": _etag(about),
            "Accept-Ranges": "bytes",
        }
        if "response-content-disposition" in query:
            headers["Content-Disposition"] = query["response-content-disposition"]
        found = _RANGE.fullmatch(request.headers.get("range", ""))
        if request.method == "HEAD":
            return HttpResponse(200, headers, bytes(about.st_size))  # the router sends its length only
        with file.open("rb") as stream:
            if found is None:
                return HttpResponse(200, headers, stream.read())
            start = int(found[1])
            end = min(int(found[2] or about.st_size - 1), about.st_size - 1)
            if start > end:
                raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416)
            stream.seek(start)
            headers["Content-Range"] = f"bytes {start}-{end}/{about.st_size}"
            return HttpResponse(206, headers, stream.read(end - start + 1))

    def _put(self, request: HttpRequest, bucket: str, key: str) -> HttpResponse:
        body = _decoded(request)
        self._buckets.put(bucket, key, body)
        return HttpResponse(200, {"ETag": _etag(self._buckets.get(bucket, key).stat())}, b"")

    def _delete(self, bucket: str, key: str) -> HttpResponse:
        self._buckets.delete(bucket, key)
        return HttpResponse(204, {}, b"")

    def _part(self, request: HttpRequest, bucket: str, upload: str, number: str) -> HttpResponse:
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise ServiceError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive", 400)
        body = _decoded(request)
        (self._buckets.parts(bucket, upload) / f"{int(number):05}").write_bytes(body)
        return HttpResponse(200, {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'}, b"")

    def _complete(self, request: HttpRequest, bucket: str, key: str, upload: str) -> HttpResponse:
        folder = self._buckets.parts(bucket, upload)
        try:
            tree = ElementTree.fromstring(request.body)  # noqa: S314  expat expands no external entities
            numbers = [int(found.text or "") for found in tree.iter() if found.tag.rpartition("}")[2] == "PartNumber"]
        except (ElementTree.ParseError, ValueError):
            raise ServiceError("MalformedXML", "The XML you provided was not well-formed.", 400) from None
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
        most = min(int(query.get("max-keys", _PAGE)), _PAGE)
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
        modified = datetime.fromtimestamp(about.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        name = quote(key) if encoded else key
        return _element(
            "Contents",
            Key=name,
            LastModified=modified,
            ETag=_etag(about),
            Size=str(about.st_size),
            StorageClass="STANDARD",
        )


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


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while data := stream.read(1024 * 1024):
            yield data


def _etag(about: Any) -> str:
    """Changes with every write; that of an unencrypted single part would be its MD5."""
    return f'"{hashlib.md5(f"{about.st_mtime_ns}-{about.st_size}".encode(), usedforsecurity=False).hexdigest()}"'


def _element(name: str, text: str | None = None, **children: str) -> str:
    inner = "".join(_element(child, value) for child, value in children.items()) if text is None else escape(text)
    return f"<{name}>{inner}</{name}>"


def _xml(body: str, status: int = 200) -> HttpResponse:
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode("utf-8", "backslashreplace")
    return HttpResponse(status, {"Content-Type": "application/xml"}, content)


def _unsupported() -> ServiceError:
    return ServiceError("NotImplemented", "The embedded S3 does not have this operation for this bucket.", 501)
