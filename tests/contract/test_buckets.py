"""The buckets of the state folder, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.endpoint import Endpoint
from embedded_aws.s3.buckets import Buckets, BucketService
from embedded_aws.wire import HttpRequest

BUCKET = "kept"


@pytest.fixture(name="buckets")
def _buckets(tmp_path: Path) -> Buckets:
    """One bucket in a folder."""
    return Buckets(tmp_path / "buckets", (BUCKET,))


@pytest.fixture(name="s3")
def _s3(buckets: Buckets) -> Iterator[Any]:
    """A client of an endpoint that keeps the bucket."""
    endpoint = Endpoint({"s3": [BucketService(buckets)]}, host="127.0.0.1", port=0)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=10, s3={"addressing_style": "path"})
    try:
        yield boto3.client(
            "s3",
            endpoint_url=endpoint.start(),
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=config,
        )
    finally:
        endpoint.stop()


KEYS = ["a b/ü+%.txt", "../../etc/passwd", ".hidden", "x//y", "runs/1/items.jsonl", "."]
KEYS += [
    "..",
    "a",
    "a/b",
    "a/b/",
    "A/b",
    "a!",
    "a/..",
    "%2E",
    "~",
    "x" * 1024,
    "é/" * 341,
    "y" * 199 + ".z",
    "/" * 1024,
]


def test_objects_come_back_under_any_key(s3: Any, buckets: Buckets, tmp_path: Path) -> None:
    """Also keys that look like ways out of the folder; another process sees the same."""
    for number, key in enumerate(KEYS):
        s3.put_object(Bucket=BUCKET, Key=key, Body=f"body {number}".encode())
    assert [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in KEYS] == [
        f"body {number}".encode() for number in range(len(KEYS))
    ]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == sorted(KEYS, key=str.encode)
    assert all(tmp_path / "buckets" / BUCKET in file.parents for file in (tmp_path / "buckets").rglob("*.txt"))
    again = Buckets(tmp_path / "buckets", (BUCKET,))
    assert again.get(BUCKET, KEYS[0]).read_bytes() == b"body 0"


def test_an_empty_object_is_an_object(s3: Any, tmp_path: Path) -> None:
    """Clients announce even an empty body with `Expect: 100-continue`."""
    (tmp_path / "empty").touch()
    s3.put_object(Bucket=BUCKET, Key="nothing", Body=b"")
    s3.upload_file(str(tmp_path / "empty"), BUCKET, "nothing else")
    assert [item["Size"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [0, 0]


@given(
    st.sets(
        st.text(min_size=1, max_size=300).filter(lambda key: len(key.encode()) <= 1024)
        | st.text("aA./%!", min_size=1, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_no_two_keys_are_one_file(tmp_path_factory: pytest.TempPathFactory, keys: set[str]) -> None:
    """Every key of up to 1,024 bytes keeps its own bytes; the names are those that were put, in UTF-8's order."""
    buckets = Buckets(tmp_path_factory.mktemp("b"), (BUCKET,))
    for key in keys:
        buckets.put(BUCKET, key, key.encode())
    assert buckets.keys(BUCKET) == sorted(keys, key=str.encode)
    assert all(buckets.get(BUCKET, key).read_bytes() == key.encode() for key in keys)
    names = [part for file in buckets.get(BUCKET, min(keys)).parents[0].rglob("*") for part in file.parts]
    assert all(len(name) <= 255 and name.isascii() for name in names)


def test_a_key_over_the_limit_is_reported(s3: Any) -> None:
    """1,024 bytes of UTF-8."""
    with pytest.raises(ClientError, match="KeyTooLongError"):
        s3.put_object(Bucket=BUCKET, Key="é" * 513, Body=b"")


def test_copies_are_made_here(s3: Any, tmp_path: Path) -> None:
    """Of small objects and, in parts, of large ones."""
    s3.put_object(Bucket=BUCKET, Key="a b/ü+", Body=b"body")
    copied = s3.copy_object(Bucket=BUCKET, Key="c", CopySource={"Bucket": BUCKET, "Key": "a b/ü+"})
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=BUCKET, Key="c")["ETag"]
    assert s3.get_object(Bucket=BUCKET, Key="c")["Body"].read() == b"body"
    large = bytes(range(256)) * 50_000
    s3.put_object(Bucket=BUCKET, Key="large", Body=large)
    in_parts = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024 * 1024)
    s3.copy({"Bucket": BUCKET, "Key": "large"}, BUCKET, "twin", Config=in_parts)
    assert s3.get_object(Bucket=BUCKET, Key="twin")["Body"].read() == large


@pytest.mark.parametrize(
    ("source", "more", "code"),
    [
        ({"Bucket": BUCKET, "Key": "gone"}, {}, "NoSuchKey"),
        ({"Bucket": BUCKET, "Key": "k"}, {}, "InvalidRequest"),
        ({"Bucket": "another", "Key": "k"}, {}, "NotImplemented"),
        ({"Bucket": BUCKET, "Key": "k"}, {"CopySourceIfMatch": "x"}, "PreconditionFailed"),
        ({"Bucket": BUCKET, "Key": "k"}, {"CopySourceIfNoneMatch": "x"}, "NotImplemented"),
    ],
)
def test_a_copy_that_cannot_be_made_changes_nothing(s3: Any, source: Any, more: Any, code: str) -> None:
    """Conditions are not ignored, either."""
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"before")
    with pytest.raises(ClientError, match=code):
        s3.copy_object(Bucket=BUCKET, Key="k", CopySource=source, **more)
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"before"


def test_many_objects_are_deleted_at_once(s3: Any) -> None:
    """Those that are not there count as deleted; a key that cannot be is a separate error."""
    for key in ("a", "a/b", "c&d"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    wanted = [{"Key": key} for key in ("a", "c&d", "gone", "k" * 1025)]
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": wanted})
    assert [row["Key"] for row in answer["Deleted"]] == ["a", "c&d", "gone"]
    assert [row["Code"] for row in answer["Errors"]] == ["KeyTooLongError"]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["a/b"]
    assert "Deleted" not in s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a/b"}], "Quiet": True})
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}] * 1001})


def test_large_files_go_up_in_parts_and_come_down_in_ranges(s3: Any, tmp_path: Path) -> None:
    """As boto3's transfers do both."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 80_000)
    s3.upload_file(str(source), BUCKET, "large")
    s3.download_file(BUCKET, "large", str(target))
    assert target.read_bytes() == source.read_bytes()
    assert s3.head_object(Bucket=BUCKET, Key="large")["ContentLength"] == source.stat().st_size
    assert s3.get_object(Bucket=BUCKET, Key="large", Range="bytes=256-258")["Body"].read() == b"\x00\x01\x02"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["large"]


@pytest.mark.parametrize(("asked", "start", "end"), [("", 0, 1_000_000), ("bytes=300000-", 300_000, 1_000_000)])
def test_a_large_object_never_stands_in_memory_whole(buckets: Buckets, asked: str, start: int, end: int) -> None:
    """It is read piece by piece, also when another one takes its place meanwhile."""
    content = bytes(range(250)) * 4000
    buckets.put(BUCKET, "large", content)
    service = BucketService(buckets)
    headers = {"range": asked} if asked else {}
    response = service.handle(HttpRequest("GET", f"/{BUCKET}/large", headers=headers))
    assert response.pieces is not None
    buckets.put(BUCKET, "large", b"another")
    pieces = list(response.pieces)
    assert max(map(len, pieces)) < len(content) / 2
    assert b"".join(pieces) == content[start:end]
    assert response.length == end - start


def test_a_large_object_comes_whole_over_the_wire(s3: Any) -> None:
    """With its true length, and so does its header alone."""
    content = bytes(range(256)) * 80_000
    s3.put_object(Bucket=BUCKET, Key="large", Body=content)
    answer = s3.get_object(Bucket=BUCKET, Key="large")
    assert (answer["ContentLength"], answer["Body"].read()) == (len(content), content)
    assert s3.head_object(Bucket=BUCKET, Key="large")["ContentLength"] == len(content)


def test_an_upload_that_is_given_up_leaves_nothing(s3: Any, buckets: Buckets) -> None:
    """Neither an object nor its parts."""
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    assert buckets.keys(BUCKET) == []
    s3.abort_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload)
    assert buckets.keys(BUCKET) == []
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=1, Body=b"part")


def test_listings_have_pages_and_folders(s3: Any) -> None:
    """Every key once, in order."""
    for number in range(7):
        s3.put_object(Bucket=BUCKET, Key=f"a/{number}", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="b/c/1", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 3})
    assert [item["Key"] for page in pages for item in page["Contents"]] == [*(f"a/{n}" for n in range(7)), "b/c/1"]
    listed = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/")
    assert [item["Prefix"] for item in listed["CommonPrefixes"]] == ["a/", "b/"]
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="nothing")["KeyCount"] == 0


def test_a_presigned_link_is_enough(s3: Any) -> None:
    """A report can be handed to somebody without credentials."""
    s3.put_object(Bucket=BUCKET, Key="report.html", Body=b"<p>")
    parameters = {"Bucket": BUCKET, "Key": "report.html", "ResponseContentDisposition": "attachment"}
    link = s3.generate_presigned_url("get_object", parameters)
    with build_opener(ProxyHandler({})).open(link) as response:
        assert response.read() == b"<p>"
        assert response.headers["Content-Disposition"] == "attachment"


def test_what_is_missing_has_the_names_of_s3(s3: Any) -> None:
    """Clients match on these codes."""
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="gone")
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_object(Bucket=BUCKET, Key="gone")
    s3.head_bucket(Bucket=BUCKET)


def test_other_buckets_are_not_its_own(buckets: Buckets) -> None:
    """They are moto's."""
    with pytest.raises(Exception, match="NoSuchBucket"):
        buckets.put("other", "k", b"")
