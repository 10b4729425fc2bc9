"""What an ItemReader reads from S3, and where it says that an item is from."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import zstandard

from embedded_aws.states.interpret.effects import Item
from embedded_aws.states.interpret.item_reader import ItemReaders, read_text
from embedded_aws.states.language.errors import StateError
from embedded_aws.states.language.fields import constant
from embedded_aws.states.language.model import Reader
from tests.unit.embedded_aws.states.cloud import FakeS3

PLACE = {"Bucket": "b", "Key": "k"}


def _reader(resource: str = "s3:getObject", **config: Any) -> Reader:
    return Reader(resource=resource.rpartition(":")[2], parameters=constant({}), config=config)


def _read(objects: dict[str, bytes], reader: Reader, **parameters: Any) -> list[Item]:
    s3 = FakeS3()
    s3.objects = {("b", key): body for key, body in objects.items()}
    return list(ItemReaders({"s3": s3}.__getitem__)(reader, {**PLACE, **parameters}, 0))


def _values(objects: dict[str, bytes], reader: Reader, **parameters: Any) -> list[Any]:
    return [item.value for item in _read(objects, reader, **parameters)]


def test_a_backslash_keeps_a_delimiter_in_a_cell() -> None:
    """As in the documentation of CSV input."""
    body = b'id,text\n1,"a ""quoted"" one"\n2,a\\,b\n3,"say \\"hi\\""\n4,c\\\\d\n'
    rows = _values({"k": body}, _reader(InputType="CSV", CSVHeaderLocation="FIRST_ROW"))
    assert [row["text"] for row in rows] == ['a "quoted" one', "a,b", 'say "hi"', "c\\d"]


@pytest.mark.parametrize("kind", [None, "MANIFEST", "CSV"])
def test_an_athena_manifest_gives_the_rows_of_its_files_and_never_its_own(kind: str | None) -> None:
    """With and without InputType."""
    objects = {"k": b"s3://b/one.csv\ns3://b/two.csv\n", "one.csv": b"n\n1\n", "two.csv": b"n\n2\n3\n"}
    config = {"ManifestType": "ATHENA_DATA", "CSVHeaderLocation": "FIRST_ROW"} | ({"InputType": kind} if kind else {})
    items = _read(objects, _reader(**config))
    assert [(item.value, item.source) for item in items] == [
        ({"n": "1"}, "S3://b/one.csv"),
        ({"n": "2"}, "S3://b/two.csv"),
        ({"n": "3"}, "S3://b/two.csv"),
    ]


def test_an_athena_manifest_of_json_lines_is_read_as_json_lines() -> None:
    """InputType is the format of the files."""
    objects = {"k": b"s3://b/one\n", "one": b'{"n":1}\n{"n":2}\n'}
    assert _values(objects, _reader(ManifestType="ATHENA_DATA", InputType="JSONL")) == [{"n": 1}, {"n": 2}]


INVENTORY = {
    "k": json.dumps(
        {"destinationBucket": "arn:aws:s3:::b", "fileSchema": "Bucket, Key", "files": [{"key": "data.csv.gz"}]}
    ).encode(),
    "data.csv.gz": gzip.compress(b'"source","one"\n"source","two"\n'),
}


@pytest.mark.parametrize(
    "config",
    [{"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}, {"ManifestType": "S3_INVENTORY", "InputType": "CSV"}],
)
def test_an_inventory_gives_the_rows_of_its_files(config: dict[str, str]) -> None:
    """With and without InputType."""
    assert _values(INVENTORY, _reader(**config)) == [
        {"Bucket": "source", "Key": "one"},
        {"Bucket": "source", "Key": "two"},
    ]


@pytest.mark.parametrize(
    ("body", "config", "message"),
    [
        (b"{}", {"ManifestType": "S3_INVENTORY"}, "not one of S3 Inventory"),
        (b"a,b", {"InputType": "MANIFEST"}, "Unable to parse"),
        (INVENTORY["k"], {"ManifestType": "S3_INVENTORY", "InputType": "PARQUET"}, "PARQUET files is not supported"),
        (b"PAR1", {"InputType": "PARQUET"}, "InputType PARQUET is not supported"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(body: bytes, config: dict[str, str], message: str) -> None:
    """States.ItemReaderFailed, never other items."""
    with pytest.raises(StateError, match=message) as raised:
        _read({**INVENTORY, "k": body}, _reader(**config))
    assert raised.value.error == "States.ItemReaderFailed"


def test_the_version_and_the_owner_reach_s3() -> None:
    """Both would choose other data, or none."""
    asked: dict[str, Any] = {}

    class Versioned(FakeS3):
        def get_object(self, **parameters: Any) -> dict[str, Any]:  # type: ignore[override]
            asked.update(parameters)
            return super().get_object(parameters["Bucket"], parameters["Key"])

    s3 = Versioned()
    s3.objects["b", "k"] = b"[1]"
    more = {"VersionId": "v1", "ExpectedBucketOwner": "123456789012"}
    assert list(ItemReaders({"s3": s3}.__getitem__)(_reader(InputType="JSON"), {**PLACE, **more}, 0))
    assert asked == {**PLACE, **more}


def test_zstandard_is_read() -> None:
    """By the object's name."""
    packed = zstandard.ZstdCompressor().compress(b"[1,2]")
    assert _values({"data.json.zst": packed}, _reader(InputType="JSON"), Key="data.json.zst") == [1, 2]


def test_the_members_of_an_object_are_items_with_a_key() -> None:
    """`$$.Map.Item.Key` names the member."""
    items = _read({"k": b'{"x": 1, "y": [2]}'}, _reader(InputType="JSON"))
    assert [(item.key, item.value) for item in items] == [
        ("x", {"Key": "x", "Value": 1}),
        ("y", {"Key": "y", "Value": [2]}),
    ]


def test_a_list_of_objects_is_from_its_bucket() -> None:
    """And a flattened one from its objects."""
    s3 = FakeS3()
    s3.objects = {("b", "k/1"): b"[1]", ("b", "k/2"): b"[2]"}
    read = ItemReaders({"s3": s3}.__getitem__)
    place = {"Bucket": "b", "Prefix": "k/"}
    listed = read(_reader("s3:listObjectsV2"), place, 0)
    assert [(item.value["Key"], item.source) for item in listed] == [("k/1", "S3://b"), ("k/2", "S3://b")]
    flat = read(_reader("s3:listObjectsV2", Transformation="LOAD_AND_FLATTEN", InputType="JSON"), place, 0)
    assert list(flat) == [Item(1, None, "S3://b/k/1"), Item(2, None, "S3://b/k/2")]


def test_text_instead_of_s3_is_read_in_the_same_format() -> None:
    """TestState's mapItemReaderData."""
    reader = _reader(InputType="CSV", CSVHeaderLocation="FIRST_ROW")
    assert [item.value for item in read_text(reader, "a,b\n1,2\n", 0)] == [{"a": "1", "b": "2"}]
    with pytest.raises(StateError, match="Unable to parse"):
        list(read_text(_reader(InputType="JSON"), "a,b", 0))
