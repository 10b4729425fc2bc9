"""ItemReader: the items of a Distributed Map from Amazon S3, one after another (a corpus is never held in memory
as a whole, unless it is one JSON document).

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import ParamValidationError

from embedded_aws.states.interpret.effects import Item
from embedded_aws.states.interpret.map_items import pair
from embedded_aws.states.interpret.ports import AwsClients
from embedded_aws.states.interpret.sdk_services import parameter_faults
from embedded_aws.states.language.errors import ITEM_READER, StateError
from embedded_aws.states.language.json_text import Json, load
from embedded_aws.states.language.model import Reader

_MAX_HEADER_BYTES = 10_240
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_OWNER = "ExpectedBucketOwner"


class ItemReaders:
    """Reads items through an S3 client (shaped like boto3's)."""

    def __init__(self, clients: AwsClients | None) -> None:
        self._clients = clients

    def __call__(self, reader: Reader, parameters: Json, max_items: int) -> Iterator[Item]:
        """The items, at most `max_items` (0: all); States.ItemReaderFailed when they cannot be read."""
        if self._clients is None:
            raise StateError(ITEM_READER, "No S3 client is configured for the ItemReader.")
        return islice(_checked(self._clients, reader, parameters), max_items or None)


def read_text(reader: Reader, text: str, max_items: int) -> Iterator[Item]:
    """The items of a text in place of an S3 object (TestState's mapItemReaderData), at most `max_items` (0: all)."""
    config = reader.config
    if reader.resource == "listObjectsV2" and config.get("Transformation") != "LOAD_AND_FLATTEN":
        config = {"InputType": "JSON"}
    return islice(_parsed_items(io.BytesIO(text.encode()), "", config, None), max_items or None)


def _checked(clients: AwsClients, reader: Reader, parameters: Json) -> Iterator[Item]:
    try:
        # Read the first item here, not in the caller: the first request to S3 fails most often (no such bucket).
        yield from _items(clients("s3"), reader, parameters)
    except StateError:
        raise
    except ParamValidationError as error:
        raise StateError(ITEM_READER, f"Unable to read the items: {parameter_faults(error)}") from None
    except UnicodeDecodeError:
        raise StateError(ITEM_READER, "Unable to read the items: the text is not UTF-8.") from None
    except Exception as error:
        raise StateError(ITEM_READER, f"Unable to read the items: {error}") from error


def _items(s3: Any, reader: Reader, parameters: Json) -> Iterator[Item]:
    if not isinstance(parameters, dict) or not isinstance(parameters.get("Bucket"), str):
        raise StateError(ITEM_READER, "The ItemReader needs a Bucket.")
    config = reader.config
    owner = {_OWNER: parameters[_OWNER]} if _OWNER in parameters else {}
    if reader.resource == "listObjectsV2":
        listed = _listed(s3, parameters)
        if config.get("Transformation") != "LOAD_AND_FLATTEN":
            return listed
        found = (item.value["Key"] for item in listed)
        return (
            item for key in found for item in _object(s3, {**owner, "Bucket": parameters["Bucket"], "Key": key}, config)
        )
    if not isinstance(parameters.get("Key"), str):
        raise StateError(ITEM_READER, "The ItemReader needs a Key.")
    if config.get("InputType") == "MANIFEST" or "ManifestType" in config:
        return _manifest(s3, parameters, owner, config)
    return _object(s3, parameters, config)


def _object(s3: Any, parameters: Mapping[str, Json], config: Mapping[str, Json]) -> Iterator[Item]:
    """The items of one object; `parameters` are GetObject's, VersionId and ExpectedBucketOwner among them."""
    body = s3.get_object(**parameters)["Body"]
    key = parameters["Key"]
    return _parsed_items(body, key, config, f"S3://{parameters['Bucket']}/{key}")


def _parsed_items(body: Any, key: str, config: Mapping[str, Json], source: str | None) -> Iterator[Item]:
    kind = config.get("InputType")
    if kind == "CSV":
        return (Item(row, None, source) for row in _csv(_lines(body, key), config))
    if kind == "JSONL":
        return (Item(_parsed(line), None, source) for line in _lines(body, key) if line.strip())
    if kind == "JSON":
        return _json(_unpacked(body.read(), key), config, source)
    raise StateError(ITEM_READER, f"The InputType {kind} is not supported by the embedded Step Functions.")


def _parsed(text: str | bytes) -> Json:
    try:
        return load(text)
    except (ValueError, json.JSONDecodeError) as error:
        raise StateError(ITEM_READER, f"Unable to parse the file: {error}") from None


def _json(body: bytes, config: Mapping[str, Json], source: str | None) -> Iterator[Item]:
    document = _parsed(body)
    for part in config.get("ItemsPointer", "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise StateError(ITEM_READER, f"The ItemsPointer {config['ItemsPointer']} leads nowhere.") from None
    if isinstance(document, dict):
        return (pair(key, value, source) for key, value in document.items())
    if not isinstance(document, list):
        raise StateError(ITEM_READER, "Attempting to map over non-iterable node.")
    return (Item(value, None, source) for value in document)


def _csv(lines: Iterable[str], config: Mapping[str, Json]) -> Iterator[Json]:
    """Rows as objects: missing cells are empty, cells without a header are dropped, blank lines skipped.

    A backslash keeps the delimiter, a quotation mark or a backslash after it as text.
    """
    rows = csv.reader(lines, delimiter=_DELIMITERS.get(config.get("CSVDelimiter", "COMMA"), ","), escapechar="\\")
    given = config.get("CSVHeaderLocation") == "GIVEN"
    headers = list(config.get("CSVHeaders", [])) if given else next(rows, [])
    if len(",".join(headers).encode()) > _MAX_HEADER_BYTES:
        raise StateError(ITEM_READER, f"The CSV headers exceed the limit of {_MAX_HEADER_BYTES} bytes.")
    for row in rows:
        if row:
            yield {name: row[at] if at < len(row) else "" for at, name in enumerate(headers)}


def _manifest(
    s3: Any, parameters: Mapping[str, Json], owner: Mapping[str, Json], config: Mapping[str, Json]
) -> Iterator[Item]:
    """The rows of the files that a manifest lists: Athena's, a list of addresses, or S3 Inventory's, in JSON.

    InputType is the format of the listed files, or MANIFEST where it was written before there was a ManifestType.
    """
    body = _unpacked(s3.get_object(**parameters)["Body"].read(), parameters["Key"])
    kind = config.get("InputType")
    if config.get("ManifestType") == "ATHENA_DATA":
        rows = {**config, "InputType": "CSV" if kind in (None, "MANIFEST") else kind}
        for row in csv.reader(io.StringIO(body.decode("utf-8-sig"))):
            if row and row[0].strip():
                bucket, _, key = row[0].strip().removeprefix("s3://").partition("/")
                yield from _object(s3, {**owner, "Bucket": bucket, "Key": key}, rows)
        return
    if kind not in (None, "MANIFEST", "CSV"):
        raise StateError(ITEM_READER, f"An inventory of {kind} files is not supported by the embedded Step Functions.")
    manifest = _parsed(body)
    try:
        headers = [name.strip() for name in manifest["fileSchema"].split(",")]
        bucket = manifest.get("destinationBucket", parameters["Bucket"]).rpartition(":")[2]
        keys = [listed["key"] for listed in manifest["files"]]
    except (KeyError, TypeError, AttributeError):
        raise StateError(ITEM_READER, "The manifest is not one of S3 Inventory.") from None
    rows = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": headers}
    for key in keys:
        yield from _object(s3, {**owner, "Bucket": bucket, "Key": key}, rows)


def _listed(s3: Any, parameters: Mapping[str, Json]) -> Iterator[Item]:
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(**parameters, **token)
        for found in page.get("Contents", []):
            modified = found["LastModified"]
            listed = {
                "Etag": found["ETag"],
                "Key": found["Key"],
                "LastModified": int(modified.timestamp()) if hasattr(modified, "timestamp") else modified,
                "Size": found["Size"],
                "StorageClass": found.get("StorageClass", "STANDARD"),
            }
            yield Item(listed, None, f"S3://{parameters['Bucket']}")
        if not page.get("IsTruncated"):
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _lines(body: Any, key: str) -> Iterator[str]:
    """Lines of text with their line ends (a quoted CSV cell may contain line ends)."""
    if key.endswith(_PACKED) or not hasattr(body, "iter_chunks"):
        yield from io.StringIO(_unpacked(body.read(), key).decode("utf-8-sig"), newline="")
        return
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    for chunk in body.iter_chunks(1 << 16):
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        for line in whole:
            yield line + "\n"
    rest += decoder.decode(b"", True)
    if rest:
        yield rest


_PACKED = (".gz", ".zst", ".zstd")


def _unpacked(body: bytes, key: str) -> bytes:
    if key.endswith(".gz"):
        return gzip.decompress(body)
    if key.endswith(_PACKED):
        try:
            import zstandard  # an optional package
        except ImportError:
            raise StateError(
                ITEM_READER, f"{key} is compressed with Zstandard: install the package zstandard."
            ) from None
        with zstandard.ZstdDecompressor().stream_reader(body) as stream:
            unpacked: bytes = stream.read()
        return unpacked
    return body
