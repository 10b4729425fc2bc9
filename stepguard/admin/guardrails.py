"""Creates, updates and publishes guardrails through the `bedrock` API, the same on AWS and the embedded AWS."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.aws.clients import aws_errors, client, pages
from stepguard.guard.errors import AccessDenied, InvalidRequest, ServiceUnavailable
from stepguard.guard.settings import GuardrailRef

CONFIGURATION_TAG = "stepguard:configuration"
VERSION_TAG = "stepguard:version"
READY_SECONDS = 120.0
PUBLISHED_FROM = "Published by stepguard from "
DIGEST_CHARACTERS = 12
"""The description of a version ends with the beginning of its configuration's digest."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A published guardrail; `action` is created, updated or unchanged."""

    name: str
    ref: GuardrailRef
    arn: str
    action: str


def digest_of(configuration: Mapping[str, Any]) -> str:
    """The digest of a CreateGuardrail request; a file's comments and order do not change it."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def published_from(version: Mapping[str, Any]) -> str | None:
    """The beginning of the digest that a version was published from; None if stepguard did not publish it."""
    description = str(version.get("description") or "")
    return description.removeprefix(PUBLISHED_FROM) if description.startswith(PUBLISHED_FROM) else None


class GuardrailAdmin:
    """Guardrails of one account and region. `clock` and `sleep` are in seconds."""

    def __init__(
        self,
        bedrock: Any = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = bedrock
        self._clock = clock
        self._sleep = sleep

    @property
    def _bedrock(self) -> Any:
        return self._client or client("bedrock")

    def apply(self, configuration: Mapping[str, Any]) -> Applied:
        """Create or update the guardrail of this name, and publish it as a version if it changed.

        `configuration` is a CreateGuardrail request. A tag holds the digest of the last version's configuration, so
        that applying twice publishes once. Raises StepguardError.
        """
        digest = digest_of(configuration)
        name = str(configuration.get("name", ""))
        existing = next((summary for summary in self.list() if summary["name"] == name), None)
        if existing is None:
            with aws_errors("CreateGuardrail"):
                created = self._bedrock.create_guardrail(**configuration)
            return self._publish(name, created["guardrailId"], created["guardrailArn"], digest, "created")
        with aws_errors("ListTagsForResource"):
            response = self._bedrock.list_tags_for_resource(resourceARN=existing["arn"])
        tags = {tag["key"]: tag["value"] for tag in response.get("tags", ())}
        if tags.get(CONFIGURATION_TAG) == digest and tags.get(VERSION_TAG):
            return Applied(name, GuardrailRef(existing["id"], tags[VERSION_TAG]), existing["arn"], "unchanged")
        # UpdateGuardrail replaces the whole draft, and takes neither tags nor a request token.
        replacement = {key: value for key, value in configuration.items() if key not in ("tags", "clientRequestToken")}
        with aws_errors("UpdateGuardrail"):
            self._bedrock.update_guardrail(guardrailIdentifier=existing["id"], **replacement)
        return self._publish(name, existing["id"], existing["arn"], digest, "updated")

    def list(self) -> Iterator[Mapping[str, Any]]:
        """The drafts of all guardrails, page by page."""
        paginate = self._bedrock.get_paginator("list_guardrails").paginate
        for page in pages("ListGuardrails", paginate, PaginationConfig={"PageSize": 100}):
            yield from page["guardrails"]

    def find(self, given: str) -> str:
        """The identifier of a guardrail that is given by name, identifier or ARN.

        Raises InvalidRequest that lists the known ones. Without permission to list, the text counts as an identifier.
        """
        if given.startswith("arn:"):
            return given
        try:
            known = [*self.list()]
        except AccessDenied:
            return given
        for member in ("name", "id"):
            for item in known:
                if item[member] == given:
                    return str(item["id"])
        names = ", ".join(f"{item['name']} ({item['id']})" for item in known[:20])
        raise InvalidRequest(f"There is no guardrail {given} here; there are: {names or 'none'}.")

    def versions(self, identifier: str) -> tuple[Mapping[str, Any], ...]:
        """All versions of a guardrail, with DRAFT. Raises StepguardError."""
        paginate = self._bedrock.get_paginator("list_guardrails").paginate
        config = {"PageSize": 100}
        found = pages("ListGuardrails", paginate, guardrailIdentifier=identifier, PaginationConfig=config)
        return tuple(item for page in found for item in page["guardrails"])

    def show(self, identifier: str, version: str = "DRAFT") -> dict[str, Any]:
        """GetGuardrail's answer, in its read shape."""
        with aws_errors("GetGuardrail", f"It concerns guardrail {identifier} version {version}."):
            response = dict(self._bedrock.get_guardrail(guardrailIdentifier=identifier, guardrailVersion=version))
        response.pop("ResponseMetadata", None)
        return response

    def _publish(self, name: str, identifier: str, arn: str, digest: str, action: str) -> Applied:
        self._wait_until_ready(identifier)
        with aws_errors("CreateGuardrailVersion"):
            version = self._bedrock.create_guardrail_version(
                guardrailIdentifier=identifier, description=f"{PUBLISHED_FROM}{digest[:DIGEST_CHARACTERS]}"
            )["version"]
        self._wait_until_ready(identifier)
        tags = [{"key": CONFIGURATION_TAG, "value": digest}, {"key": VERSION_TAG, "value": version}]
        with aws_errors("TagResource"):
            self._bedrock.tag_resource(resourceARN=arn, tags=tags)
        return Applied(name, GuardrailRef(identifier, version), arn, action)

    def _wait_until_ready(self, identifier: str) -> None:
        # botocore has no waiter for guardrails.
        deadline = self._clock() + READY_SECONDS
        while True:
            status = self.show(identifier)["status"]
            if status == "READY":
                return
            if status == "FAILED":
                raise InvalidRequest(
                    f"Bedrock could not build guardrail {identifier}; its statusReasons contain the reason."
                )
            if self._clock() > deadline:
                raise ServiceUnavailable(f"Guardrail {identifier} was still {status} after {READY_SECONDS:g} s.")
            self._sleep(1.0)


def apply_files(files: Mapping[Path, Mapping[str, Any]]) -> dict[Path, Applied]:
    """Create or update the guardrails of files. Raises InvalidRequest that names the refused file."""
    admin = GuardrailAdmin()
    applied = {}
    for file, configuration in files.items():
        try:
            applied[file] = admin.apply(configuration)
        except InvalidRequest as error:  # the error hides texts that the service quotes; the lint can show them
            raise InvalidRequest(
                f"{file}: {error} (What a file is refused for: stepguard guardrail lint {file})"
            ) from None
    return applied
