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

from embedded_aws.states.interpret.ports import AwsClients
from embedded_aws.states.language.errors import ITEM_READER, StateError
from embedded_aws.states.language.json_text import Json, load
from embedded_aws.states.language.model import Reader

_MAX_HEADER_BYTES = 10_240
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


class ItemReaders:
    """Reads items through an S3 client (shaped like boto3's)."""

    def __init__(self, clients: AwsClients | None) -> None:
        self._clients = clients

    def __call__(self, reader: Reader, parameters: Json, max_items: int) -> Iterator[Json]:
        """The items, at most `max_items` (0: all); States.ItemReaderFailed when they cannot be read."""
        if self._clients is None:
            raise StateError(ITEM_READER, "No S3 client is configured for the ItemReader.")
        items = _checked(self._clients, reader, parameters)
        return islice(items, max_items) if max_items else items


def _checked(clients: AwsClients, reader: Reader, parameters: Json) -> Iterator[Json]:
    try:
        # Read the first item here, not in the caller: the first request to S3 fails most often (no such bucket).
        yield from _items(clients("s3"), reader, parameters)
    except StateError:
        raise
    except Exception as error:
        raise StateError(ITEM_READER, f"Unable to read the items: {error}") from error


def _items(s3: Any, reader: Reader, parameters: Mapping[str, Json]) -> Iterator[Json]:
    config = reader.config
    if reader.resource == "listObjectsV2":
        listed = _listed(s3, parameters)
        if config.get("Transformation") != "LOAD_AND_FLATTEN":
            return listed
        return (item for found in listed for item in _object(s3, parameters["Bucket"], found["Key"], config))
    if config.get("InputType") == "MANIFEST":
        return _manifest(s3, parameters, config)
    return _object(s3, parameters["Bucket"], parameters["Key"], config)


def _object(s3: Any, bucket: str, key: str, config: Mapping[str, Json]) -> Iterator[Json]:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    kind = config.get("InputType")
    if kind == "CSV":
        return _csv(_lines(body, key), config)
    if kind == "JSONL":
        return (_parsed(line) for line in _lines(body, key) if line.strip())
    if kind == "JSON":
        return _json(_unpacked(body.read(), key), config)
    raise StateError(ITEM_READER, f"The InputType {kind} is not supported by the embedded Step Functions.")


def _parsed(text: str | bytes) -> Json:
    try:
        return load(text)
    except (ValueError, json.JSONDecodeError) as error:
        raise StateError(ITEM_READER, f"Unable to parse the file: {error}") from None


def _json(body: bytes, config: Mapping[str, Json]) -> Iterator[Json]:
    document = _parsed(body)
    for part in config.get("ItemsPointer", "").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise StateError(ITEM_READER, f"The ItemsPointer {config['ItemsPointer']} leads nowhere.") from None
    if isinstance(document, dict):
        return ({"Key": key, "Value": value} for key, value in document.items())
    if not isinstance(document, list):
        raise StateError(ITEM_READER, "Attempting to map over non-iterable node.")
    return iter(document)


def _csv(lines: Iterable[str], config: Mapping[str, Json]) -> Iterator[Json]:
    """Rows as objects: missing cells are empty, cells without a header are dropped, blank lines skipped."""
    rows = csv.reader(lines, delimiter=_DELIMITERS.get(config.get("CSVDelimiter", "COMMA"), ","))
    given = config.get("CSVHeaderLocation") == "GIVEN"
    headers = list(config.get("CSVHeaders", [])) if given else next(rows, [])
    if len(",".join(headers).encode()) > _MAX_HEADER_BYTES:
        raise StateError(ITEM_READER, f"The CSV headers exceed the limit of {_MAX_HEADER_BYTES} bytes.")
    for row in rows:
        if row:
            yield {name: row[at] if at < len(row) else "" for at, name in enumerate(headers)}


def _manifest(s3: Any, parameters: Mapping[str, Json], config: Mapping[str, Json]) -> Iterator[Json]:
    """An S3 Inventory manifest: the rows of the CSV files it lists; or Athena's, a list of object addresses."""
    body = s3.get_object(Bucket=parameters["Bucket"], Key=parameters["Key"])["Body"].read()
    if config.get("ManifestType") == "ATHENA_DATA":
        for row in csv.reader(io.StringIO(body.decode("utf-8"))):
            if row:
                bucket, _, key = row[0].strip().removeprefix("s3://").partition("/")
                yield from _object(s3, bucket, key, {**config, "InputType": config.get("InputType", "CSV")})
        return
    manifest = _parsed(body)
    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    bucket = manifest.get("destinationBucket", parameters["Bucket"]).rpartition(":")[2]
    for listed in manifest["files"]:
        rows = {"CSVHeaderLocation": "GIVEN", "CSVHeaders": headers}
        stored = s3.get_object(Bucket=bucket, Key=listed["key"])["Body"]
        yield from _csv(_lines(stored, listed["key"]), rows)


def _listed(s3: Any, parameters: Mapping[str, Json]) -> Iterator[Json]:
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(**parameters, **token)
        for found in page.get("Contents", []):
            modified = found["LastModified"]
            yield {
                "Etag": found["ETag"],
                "Key": found["Key"],
                "LastModified": int(modified.timestamp()) if hasattr(modified, "timestamp") else modified,
                "Size": found["Size"],
                "StorageClass": found.get("StorageClass", "STANDARD"),
            }
        if not page.get("IsTruncated"):
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _lines(body: Any, key: str) -> Iterator[str]:
    """Lines of text with their line ends (a quoted CSV cell may contain line ends)."""
    if key.endswith(".gz") or not hasattr(body, "iter_chunks"):
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


def _unpacked(body: bytes, key: str) -> bytes:
    return gzip.decompress(body) if key.endswith(".gz") else body
