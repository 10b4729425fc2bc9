"""Objects in Amazon S3: reads corpora line by line, writes results, makes presigned URLs for reports."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import AccessDenied, InvalidRequest, StepguardError

READ_BYTES = 1024 * 1024
PART_BYTES = 5 * 1024 * 1024
"""The smallest part that S3 takes; boto3 makes them larger if there would be more than 10,000."""
LINK_SECONDS = 3600
"""The lifetime of a presigned URL."""


@dataclass(frozen=True, slots=True)
class Address:
    """`s3://BUCKET/KEY`; an empty key or one that ends with a slash is a folder."""

    bucket: str
    key: str

    @property
    def folder(self) -> bool:
        """Whether it names all objects under it."""
        return not self.key or self.key.endswith("/")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def address_of(text: str) -> Address:
    """Read `s3://BUCKET/KEY`. Raises InvalidRequest."""
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket:
        raise InvalidRequest("An address in S3 is s3://BUCKET/KEY.")
    return Address(bucket, key)


class Objects:
    """The objects that the credentials may read and write."""

    def __init__(self, s3: Any = None) -> None:
        self._s3 = s3

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")

    def open(self, address: Address) -> IO[bytes]:
        """The object as a stream of bytes. Raises InvalidRequest that names the missing bucket or object,
        AccessDenied."""
        with _object_errors("GetObject", address):
            body = self._client.get_object(Bucket=address.bucket, Key=address.key)["Body"]
        return io.BufferedReader(_Raw(body), READ_BYTES)

    def list(self, address: Address) -> Iterator[Address]:
        """The objects under an address, by name. Raises InvalidRequest, AccessDenied."""
        paginator = self._client.get_paginator("list_objects_v2")
        with _object_errors("ListObjectsV2", address):
            for page in paginator.paginate(Bucket=address.bucket, Prefix=address.key):
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):
                        yield Address(address.bucket, found["Key"])

    def exists(self, address: Address) -> bool:
        """Whether there is such an object."""
        return any(found == address for found in self.list(address))

    def put(self, address: Address, content: bytes, kind: str = "application/json") -> None:
        """Write a small object. Raises InvalidRequest, AccessDenied."""
        with _object_errors("PutObject", address):
            self._client.put_object(Bucket=address.bucket, Key=address.key, Body=content, ContentType=kind)

    def upload(self, address: Address, file: Path, kind: str = "application/x-ndjson") -> None:
        """Write a file of any size, in parts if it is large. Raises InvalidRequest, AccessDenied."""
        # One part after the other: ten at a time would all be in memory.
        one_by_one = TransferConfig(PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        with _object_errors("PutObject", address):
            self._client.upload_file(
                str(file), address.bucket, address.key, ExtraArgs={"ContentType": kind}, Config=one_by_one
            )

    def delete(self, address: Address) -> None:
        """Delete an object; a missing object is no error."""
        with _object_errors("DeleteObject", address):
            self._client.delete_object(Bucket=address.bucket, Key=address.key)

    def download(self, address: Address, file: Path) -> None:
        """Write an object into a file."""
        stream = self.open(address)
        with file.open("wb") as target:
            while data := stream.read(READ_BYTES):
                target.write(data)

    def link(self, address: Address, name: str, seconds: int = LINK_SECONDS) -> str:
        """A URL with which anyone can download the object for an hour, or these seconds."""
        parameters = {
            "Bucket": address.bucket,
            "Key": address.key,
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        with aws_errors("GetObject"):
            return str(self._client.generate_presigned_url("get_object", parameters, ExpiresIn=seconds))


_NEEDED = {
    "GetObject": "s3:GetObject on it, and kms:Decrypt if it is encrypted with your KMS key. "
    "Without s3:ListBucket, S3 also returns this error for a missing object.",
    "ListObjectsV2": "s3:ListBucket on the bucket.",
    "PutObject": "s3:PutObject on it, and kms:GenerateDataKey if the bucket uses your KMS key.",
    "DeleteObject": "s3:DeleteObject on it.",
}
"""The permissions that the credentials or the role need."""


@contextmanager
def _object_errors(operation: str, address: Address) -> Iterator[None]:
    """Raise errors that name the object: a missing bucket, object or permission."""
    try:
        with aws_errors(operation):
            try:
                yield
            except S3UploadFailedError as error:
                # boto3 wraps S3's error in its own exception; the context has the original.
                raise _translate(error.__context__, address) from None
            except ClientError as error:
                raise _translate(error, address) from None
    except AccessDenied as error:
        words = str(error).rstrip(". ")
        raise AccessDenied(f"{address}: {words}. It needs {_NEEDED[operation]}") from None


def _translate(error: BaseException | None, address: Address) -> ClientError | StepguardError:
    if not isinstance(error, ClientError):
        return InvalidRequest(f"{address} cannot be written ({type(error).__name__}).")
    code = error.response.get("Error", {}).get("Code", "")
    if code == "NoSuchBucket":
        return InvalidRequest(f"There is no bucket {address.bucket}.")
    if code in ("NoSuchKey", "404"):
        return InvalidRequest(f"There is no object {address}.")
    return error


class _Raw(io.RawIOBase):
    """boto3's streaming body as the raw part of a buffered reader, which reads lines."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with aws_errors("GetObject"):
            data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
