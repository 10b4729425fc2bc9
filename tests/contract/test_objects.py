"""The adapter of S3 on the buckets of the embedded AWS, and on those that it does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from stepguard.aws.objects import Address, Objects
from stepguard.guard.errors import AccessDenied, InvalidRequest, ServiceUnavailable
from tests.contract.test_buckets import BUCKET, _buckets, _s3
from tests.fakes.aws import client_error, paginator

__all__ = ["_buckets", "_s3"]  # fixtures


def test_files_go_up_and_come_down(s3: Any, tmp_path: Path) -> None:
    """Line by line, or whole; several megabytes are no difference."""
    objects = Objects(s3)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"a line\n" * 2_000_000)
    address = Address(BUCKET, "runs/1/large.jsonl")
    objects.upload(address, source)
    with objects.open(address) as stream:
        assert sum(1 for _ in stream) == 2_000_000
    objects.download(address, target)
    assert target.read_bytes() == source.read_bytes()
    assert list(objects.list(Address(BUCKET, "runs/"))) == [address]


def test_links_are_signed_as_encrypted_buckets_want_it(environment: pytest.MonkeyPatch) -> None:
    """Signature version 4: S3 refuses the older one for objects under a KMS key."""
    assert "X-Amz-Signature=" in Objects().link(Address("bucket", "report.html"), "report.html")


def test_what_is_not_there_is_named(s3: Any, tmp_path: Path) -> None:
    """Buckets and objects, for reading and for writing."""
    objects = Objects(s3)
    file = tmp_path / "file"
    file.write_text("x")
    gone = Address("gone", "k")
    with pytest.raises(InvalidRequest, match="no object s3://kept/k"):
        objects.open(Address(BUCKET, "k"))
    for attempt in (
        lambda: objects.open(gone),
        lambda: list(objects.list(gone)),
        lambda: objects.put(gone, b"x"),
        lambda: objects.upload(gone, file),
    ):
        with pytest.raises(InvalidRequest, match=r"gone|404"):
            attempt()


def test_refusals_keep_their_kind() -> None:
    """No permission is not a missing object."""

    class Refusing:
        def get_object(self, **_: str) -> None:
            raise client_error("AccessDenied", "Access Denied")

        def list_objects_v2(self, **_: str) -> None:
            raise client_error("SlowDown", "Reduce your request rate.")

        def get_paginator(self, name: str) -> Any:
            return paginator("s3", name, self.list_objects_v2)

    with pytest.raises(AccessDenied, match=r"s3://b/k: GetObject: AccessDenied.* It needs s3:GetObject"):
        Objects(Refusing()).open(Address("b", "k"))
    with pytest.raises(Exception, match="SlowDown") as caught:
        list(Objects(Refusing()).list(Address("b", "k")))
    assert not isinstance(caught.value, InvalidRequest | ServiceUnavailable)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("AccessDenied", AccessDenied, r"s3://b/k: PutObject: AccessDenied: no\. It needs s3:PutObject"),
        ("NoSuchBucket", InvalidRequest, "no bucket b"),
        ("KMS.DisabledException", InvalidRequest, "KMS.DisabledException"),
    ],
)
def test_a_refused_upload_is_reported_as_what_it_is(
    environment: pytest.MonkeyPatch, tmp_path: Path, code: str, error: type[Exception], words: str
) -> None:
    """boto3 hides S3's answer in another error; the missing bucket or permission is named all the same."""
    file = tmp_path / "file"
    file.write_text("x")
    client = boto3.client("s3")
    stubber = Stubber(client)
    stubber.add_client_error("put_object", code, "no.", 403 if code == "AccessDenied" else 400)
    with stubber, pytest.raises(error, match=words):
        Objects(client).upload(Address("b", "k"), file)
