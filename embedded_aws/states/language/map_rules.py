"""Rules for the parts that only a Distributed Map has: ItemReader, ItemBatcher, ResultWriter, Label, tolerances.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html and the pages of its fields
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from embedded_aws.states.language.field_rules import bounded, exclusive, path
from embedded_aws.states.language.findings import Finding, bad
from embedded_aws.states.language.json_text import MAX_BYTES, Json
from embedded_aws.states.language.paths import parse
from embedded_aws.states.language.shapes import BATCHER, READER, READER_CONFIG, WRITER, WRITER_CONFIG, misshapen

_LABEL = re.compile(r"[^\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]{1,40}")
MAX_ITEMS = 100_000_000
_READERS = ("arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2")


def distributed(body: Mapping[str, Json], where: str, *, jsonata: bool) -> Iterator[Finding]:
    """All findings about the fields of a Map state in DISTRIBUTED mode whose own JSON types are right."""
    label = body.get("Label")
    if label is not None and not _LABEL.fullmatch(label):
        yield bad(
            f"{where}/Label",
            "A label has 1 to 40 characters, none of them white space, wildcards, brackets or controls",
        )
    yield from bounded(body, "ToleratedFailureCount", where, least=0)
    yield from bounded(body, "ToleratedFailurePercentage", where, least=0.0, most=100.0)
    for name, rule in (("ItemReader", _reader), ("ItemBatcher", _batcher), ("ResultWriter", _writer)):
        if body.get(name) is not None:
            yield from rule(body[name], f"{where}/{name}", jsonata)


def _reader(body: Mapping[str, Json], where: str, jsonata: bool) -> Iterator[Finding]:
    config: Json = body.get("ReaderConfig", {})
    wrong = misshapen(body, READER, where, jsonata=jsonata)
    if isinstance(config, dict):
        wrong += misshapen(config, READER_CONFIG, f"{where}/ReaderConfig", jsonata=jsonata)
    yield from wrong
    yield from _other_language(body, where, jsonata)
    if "Resource" not in body:
        yield bad(where, "These fields are required: [Resource]")
    elif isinstance(body["Resource"], str) and not _ends_with(body["Resource"], _READERS):
        yield bad(f"{where}/Resource", f"The field 'Resource' should have one of these values: [{', '.join(_READERS)}]")
    if wrong:
        return
    where = f"{where}/ReaderConfig"
    yield from exclusive(config, where, "MaxItems", "MaxItemsPath")
    yield from bounded(config, "MaxItems", where, least=0, most=MAX_ITEMS)
    yield from _path(config, "MaxItemsPath", where, jsonata)
    listed = str(body.get("Resource")).endswith(":listObjectsV2")
    if not listed and "Resource" in body and not config.keys() & {"InputType", "ManifestType"}:
        yield bad(where, "These fields are required: [InputType]")
    headers = config.get("CSVHeaders", [])
    if not all(isinstance(header, str) for header in headers):
        yield bad(f"{where}/CSVHeaders", "Expected value of type String")
    if config.get("CSVHeaderLocation") == "GIVEN" and not headers:
        yield bad(where, "These fields are required: [CSVHeaders]")


def _batcher(body: Mapping[str, Json], where: str, jsonata: bool) -> Iterator[Finding]:
    wrong = misshapen(body, BATCHER, where, jsonata=jsonata)
    yield from wrong
    limits = ("MaxItemsPerBatch", "MaxInputBytesPerBatch")
    if not any(name in body or f"{name}Path" in body for name in limits):
        yield bad(where, f"At least one of these fields is required: [{', '.join(limits)}]")
    if wrong:
        return
    for name, most in zip(limits, (None, MAX_BYTES), strict=True):
        yield from exclusive(body, where, name, f"{name}Path")
        yield from bounded(body, name, where, least=0, most=most)
        yield from _path(body, f"{name}Path", where, jsonata)


def _writer(body: Mapping[str, Json], where: str, jsonata: bool) -> Iterator[Finding]:
    yield from misshapen(body, WRITER, where, jsonata=jsonata)
    yield from _other_language(body, where, jsonata)
    config = body.get("WriterConfig")
    if isinstance(config, dict):
        yield from misshapen(config, WRITER_CONFIG, f"{where}/WriterConfig", jsonata=jsonata)
    if not body.keys() & {"Resource", "WriterConfig"}:
        yield bad(where, "At least one of these fields is required: [Resource, WriterConfig]")
    if "Resource" not in body:
        return
    if isinstance(body["Resource"], str) and not _ends_with(body["Resource"], ("arn:aws:states:::s3:putObject",)):
        yield bad(
            f"{where}/Resource", "The field 'Resource' should have one of these values: [arn:aws:states:::s3:putObject]"
        )
    if not body.keys() & {"Parameters", "Arguments"}:
        yield bad(where, f"These fields are required: [{'Arguments' if jsonata else 'Parameters'}]")


def _ends_with(arn: str, allowed: tuple[str, ...]) -> bool:
    """Whether the ARN is one of these in any partition."""
    return re.sub(r"^arn:[^:]+:", "arn:aws:", arn) in allowed


def _other_language(body: Mapping[str, Json], where: str, jsonata: bool) -> Iterator[Finding]:
    name = "Parameters" if jsonata else "Arguments"
    if name in body:
        yield wrong_language(name, where, jsonata=jsonata)


def wrong_language(name: str, where: str, *, jsonata: bool) -> Finding:
    """A field of the other query language."""
    own, other = ("JSONata", "JSONPath") if jsonata else ("JSONPath", "JSONata")
    return bad(
        where,
        f"The QueryLanguage is set to '{own}', but field '{name}' is only supported for the '{other}' QueryLanguage",
    )


def _path(body: Mapping[str, Json], name: str, where: str, jsonata: bool) -> Iterator[Finding]:
    if name not in body:
        return
    if jsonata:
        yield wrong_language(name, where, jsonata=True)
    else:
        wrong = list(path(name, body[name], f"{where}/{name}", reference=False))
        yield from wrong
        if not wrong and (body[name].startswith("$$") or not parse(body[name]).is_reference):
            yield bad(f"{where}/{name}", "Value is not a Reference Path: it must name exactly one place in the input")
