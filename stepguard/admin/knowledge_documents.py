"""The documents of a knowledge base in S3: `documents/` is ingested; `flagged/` keeps what the guards refused.

Each document has a metadata file beside it, which says who may read it and how it was screened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.admin.document_metadata import (
    DIGEST,
    GUARDRAILS,
    SIDECAR,
    sidecar,
    sidecar_attributes,
)
from stepguard.admin.knowledge_base import Source
from stepguard.aws.objects import Address, Objects
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.knowledge import GROUPS, OWN, SCREENING

DOCUMENTS = "documents/"
"""The prefix of the data source."""
FLAGGED = "flagged/"
"""The prefix of the documents that the guards refused; the data source does not include it."""
ENDINGS = (".txt", ".md", ".html", ".htm", ".pdf", ".docx", ".csv")
"""Files that a knowledge base reads, here and on AWS."""
_KINDS = {
    ".txt": "text/plain", ".md": "text/markdown", ".html": "text/html", ".htm": "text/html", ".csv": "text/csv",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Local:
    """A document on this machine, with the attributes that its metadata file gives it."""

    name: str
    file: Path
    attributes: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A document in S3."""

    name: str
    attributes: Mapping[str, Any]

    @property
    def groups(self) -> list[str]:
        """Who may read it."""
        return list(self.attributes.get(GROUPS) or [])

    def matches(self, local: Local, guardrails: str) -> bool:
        """Whether it is the same file and was screened by the same guardrails."""
        return (self.attributes.get(DIGEST), self.attributes.get(GUARDRAILS)) == (local.digest, guardrails)


def read_folder(folder: Path) -> tuple[list[Local], list[tuple[str, str]]]:
    """The documents of a folder, and the files that are none, each with the reason. Hidden files are left out."""
    found: list[Local] = []
    refused: list[tuple[str, str]] = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        try:
            if name.endswith(SIDECAR):
                if not file.with_name(file.name.removesuffix(SIDECAR)).is_file():
                    raise InvalidRequest("it is the metadata file of a document that is not there")
                continue
            for link in (file, file.with_name(file.name + SIDECAR)):
                if not link.resolve().is_relative_to(folder.resolve()):
                    raise InvalidRequest("it is a link that leads out of the folder")
            found.append(_read(file, name))
        except InvalidRequest as error:
            refused.append((name, str(error).rstrip(".")))
        except OSError as error:
            refused.append((name, f"it cannot be read ({type(error).__name__})"))
    return found, refused


def _read(file: Path, name: str) -> Local:
    if file.suffix.lower() not in ENDINGS:
        raise InvalidRequest(f"a knowledge base reads {', '.join(ENDINGS)}")
    if len(f"{DOCUMENTS}{name}{SIDECAR}".encode()) > 1000:
        raise InvalidRequest("its path is too long for a key in S3")
    beside = file.with_name(file.name + SIDECAR)
    attributes = sidecar_attributes(beside.read_bytes() if beside.is_symlink() or beside.exists() else None)
    return Local(name, file, attributes, hashlib.sha256(file.read_bytes()).hexdigest()[:32])


class Library:
    """The documents of one data source."""

    def __init__(self, source: Source, objects: Objects) -> None:
        """Raises ConfigurationError if the data source includes the whole bucket: flagged documents would be in it."""
        if source.documents.key != DOCUMENTS:
            raise ConfigurationError(
                f"The data source {source.id} of the knowledge base {source.base} must include the prefix {DOCUMENTS} "
                "only, so that flagged documents stay outside of it."
            )
        self.source = source
        self._objects = objects
        self._bucket = source.documents.bucket

    def documents(self) -> dict[str, Stored]:
        """The documents that are ingested, by name. Raises StepguardError."""
        return self._stored(DOCUMENTS)

    def flagged(self) -> dict[str, Stored]:
        """The documents that the guards refused, by name. Raises StepguardError."""
        return self._stored(FLAGGED)

    def put(self, document: Local, verdict: str, guardrails: str) -> None:
        """Write a document that may be ingested. Raises StepguardError."""
        self._write(DOCUMENTS, document, verdict, guardrails)
        self._delete(FLAGGED, document.name)

    def flag(self, document: Local, verdict: str, guardrails: str) -> None:
        """Keep a document outside the knowledge base, and take an earlier version out of it. Raises StepguardError."""
        self._delete(DOCUMENTS, document.name)
        self._write(FLAGGED, document, verdict, guardrails)

    def release(self, name: str) -> None:
        """Move a flagged document into the knowledge base. Raises InvalidRequest."""
        found = self.flagged().get(name)
        if found is None:
            raise InvalidRequest(f"There is no flagged document {name}.")
        with self._objects.open(self._address(FLAGGED, name)) as stream:
            content = stream.read()
        attributes = dict(found.attributes) | {SCREENING: "released"}
        self._put(DOCUMENTS, name, content, attributes)
        self._delete(FLAGGED, name)

    def remove(self, name: str) -> None:
        """Remove a document, flagged or not. Raises InvalidRequest."""
        places = [prefix for prefix in (DOCUMENTS, FLAGGED) if self._objects.exists(self._address(prefix, name))]
        if not places:
            raise InvalidRequest(f"There is no document {name}.")
        for prefix in places:
            self._delete(prefix, name)

    def name_of(self, uri: str) -> str:
        """A document's name, from its URI."""
        return uri.removeprefix(f"s3://{self._bucket}/{DOCUMENTS}")

    def _stored(self, prefix: str) -> dict[str, Stored]:
        keys = [found.key for found in self._objects.list(Address(self._bucket, prefix))]
        beside = {key for key in keys if key.endswith(SIDECAR)}
        found = {}
        for key in keys:
            if key not in beside:
                name = key.removeprefix(prefix)
                found[name] = Stored(name, self._attributes(key + SIDECAR) if key + SIDECAR in beside else {})
        return found

    def _attributes(self, key: str) -> dict[str, Any]:
        with self._objects.open(Address(self._bucket, key)) as stream:
            try:
                attributes = json.loads(stream.read())["metadataAttributes"]
            except (ValueError, KeyError, TypeError):
                return {}
        return attributes if isinstance(attributes, dict) else {}

    def _write(self, prefix: str, document: Local, verdict: str, guardrails: str) -> None:
        own = {SCREENING: verdict, GUARDRAILS: guardrails, DIGEST: document.digest}
        content = document.file.read_bytes()
        if hashlib.sha256(content).hexdigest()[:32] != document.digest:
            raise InvalidRequest(f"{document.name} changed while it was screened; add it again.")
        self._put(prefix, document.name, content, {**document.attributes, **own})

    def _put(self, prefix: str, name: str, content: bytes, attributes: Mapping[str, Any]) -> None:
        # The metadata first: a document without it would be ingested without its groups.
        address = self._address(prefix, name)
        self._objects.put(Address(address.bucket, address.key + SIDECAR), sidecar(attributes))
        self._objects.put(address, content, _KINDS[Path(name).suffix.lower()])

    def _delete(self, prefix: str, name: str) -> None:
        address = self._address(prefix, name)
        self._objects.delete(address)
        self._objects.delete(Address(address.bucket, address.key + SIDECAR))

    def _address(self, prefix: str, name: str) -> Address:
        return Address(self._bucket, prefix + name)


def own_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A document's attributes without those that stepguard writes."""
    return {name: value for name, value in attributes.items() if not name.startswith(OWN)}
