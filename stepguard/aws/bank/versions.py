"""The bank of curated answers in S3: versions that never change, and a pointer to the one that is in use.

Under the bank's address, `versions/NAME.json` holds a version, whose name is made of its content, and `current.json`
names the one in use.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from stepguard.aws.embedding import MODEL, embed
from stepguard.aws.objects import Address, Objects, address_of
from stepguard.guard.bank.matching import Matcher
from stepguard.guard.bank.model import MOST_BYTES, Bank, from_json, to_json
from stepguard.guard.errors import AccessDenied, ConfigurationError, InvalidRequest

ANSWER_BANK = "ANSWER_BANK"
"""The variable with the bank's address, s3://BUCKET/FOLDER/."""

POINTER = "current.json"
"""The object that names the version in use."""

_VERSION = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True)
class AnswerBank:
    """The versions under one address."""

    place: Address
    objects: Objects = field(default_factory=Objects)
    _matcher: Matcher | None = None

    def current(self) -> str | None:
        """The name of the version in use; None if none was published. Raises StepguardError."""
        pointer = self._address(POINTER)
        try:
            content = self._read(pointer)
        except (InvalidRequest, AccessDenied):
            if self.objects.exists(pointer):  # without this, a role that may not read it would have no bank
                raise
            return None
        try:
            version = json.loads(content)["version"]
        except (ValueError, KeyError, TypeError):
            version = ""
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise ConfigurationError(f"{pointer} does not name a version of the curated answers: publish one.")
        return version

    def matcher(self) -> Matcher | None:
        """The version in use, ready to be asked; it is kept until another one is published. Raises StepguardError."""
        version = self.current()
        if version is None:
            return None
        held = self._matcher
        if held is None or held.bank.version != version:
            held = self._matcher = Matcher(self.version(version), lambda text: embed(text)[0])
        return held

    def version(self, name: str) -> Bank:
        """A published version. Raises StepguardError, also if its content is not the one that was published."""
        content = self._read(self._version(name))
        if _name(content) != name:
            raise ConfigurationError(
                f"{self._version(name)} was changed after it was published: publish the bank again."
            )
        bank = from_json(content, name)
        if bank.embedder != MODEL:
            raise ConfigurationError(
                f"The curated answers' version {name} needs the embedding model {bank.embedder}, and this release uses "
                f"{MODEL}: publish the bank again."
            )
        return bank

    def versions(self) -> Iterator[str]:
        """The names of the published versions."""
        for address in self.objects.list(self._address("versions/")):
            name = address.key.rsplit("/", 1)[-1].removesuffix(".json")
            if _VERSION.fullmatch(name):
                yield name

    def write(self, bank: Bank) -> str:
        """Store a version, unless it is stored, and return its name. It is not in use yet. Raises StepguardError."""
        content = to_json(bank)
        name = _name(content)
        if not self.objects.exists(self._version(name)):
            self.objects.put(self._version(name), content)
        return name

    def use(self, name: str) -> None:
        """Let the chat use a version. Raises StepguardError."""
        self.objects.put(self._address(POINTER), json.dumps({"version": name}).encode())

    def _version(self, name: str) -> Address:
        return self._address(f"versions/{name}.json")

    def _address(self, name: str) -> Address:
        return Address(self.place.bucket, f"{self.place.key}{name}")

    def _read(self, address: Address) -> bytes:
        with self.objects.open(address) as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigurationError(f"{address} is larger than any version of the curated answers.")
        return content


def bank_at(text: str) -> AnswerBank:
    """The bank at `s3://BUCKET/FOLDER/`. Raises InvalidRequest."""
    address = address_of(text)
    return AnswerBank(address if address.folder else Address(address.bucket, f"{address.key}/"))


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
