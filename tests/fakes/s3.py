"""Amazon S3 in memory: boto3's client on moto, and the objects of one bucket as a mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from functools import cache
from typing import Any

import boto3
from moto.core.models import botocore_stubber

BUCKET = "bucket"


@cache
def _client() -> Any:
    return boto3.Session("test", "test", region_name="us-east-1").client("s3")


class StoredObjects(MutableMapping[str, bytes]):
    """The bucket's objects by key."""

    def __getitem__(self, key: str) -> bytes:
        content: bytes = _client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def __setitem__(self, key: str, content: bytes) -> None:
        _client().put_object(Bucket=BUCKET, Key=key, Body=content)

    def __delitem__(self, key: str) -> None:
        _client().delete_object(Bucket=BUCKET, Key=key)

    def __iter__(self) -> Iterator[str]:
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return iter([found["Key"] for page in pages for found in page.get("Contents", ())])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class S3:
    """boto3's client of S3 with one bucket, `bucket`, that has these objects; another instance replaces them.

    A subclass overrides an operation to fail. Tests need the fixture `moto`.
    """

    def __init__(self, **objects: bytes) -> None:
        assert botocore_stubber.enabled, "This test needs the fixture `moto`."
        _client().create_bucket(Bucket=BUCKET)
        self.objects = StoredObjects()
        self.objects.clear()
        self.objects.update(objects)

    def __getattr__(self, name: str) -> Any:
        return getattr(_client(), name)

    def lines(self, key: str) -> list[dict[str, Any]]:
        """The JSON lines of an object."""
        return [json.loads(line) for line in self.objects[key].splitlines()]
