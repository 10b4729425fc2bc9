"""The `bedrock` service: creating, changing, publishing and listing guardrails.

One method per operation, called by `embedded_aws.wire.JsonService` with parameters already checked against botocore's
model. Guardrails are READY at once. Reference: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
"""

from __future__ import annotations

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock import guardrail as shapes
from embedded_aws.bedrock.api import limits
from embedded_aws.bedrock.api.store import NameTaken, Store
from embedded_aws.bedrock.guardrail import DRAFT, Guardrail
from embedded_aws.wire import Account, ServiceError

_NOT_FOUND = "The guardrail identifier or version provided in the request does not exist."
_ID_ALPHABET = string.ascii_lowercase + string.digits


class Control:
    """Backend of `bedrock`, and the directory in which the runtime finds guardrails."""

    def __init__(self, store: Store, account: Account) -> None:
        self._store = store
        self._account = account

    def get(self, identifier: str, version: str) -> Guardrail:
        """The guardrail that a runtime call names by id or ARN.

        Raises ServiceError(ValidationException): the runtime answers 400 where the control plane answers 404.
        """
        guardrail_id = self._id(identifier)
        found = self._store.find(guardrail_id, version) if guardrail_id else None
        if found is None:
            raise ServiceError("ValidationException", _NOT_FOUND)
        return found

    # --- guardrails ---

    def create_guardrail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        config = shapes.configuration(request)
        limits.check_configuration(config)
        tags = {tag["key"]: tag["value"] for tag in request.get("tags") or []}
        limits.check_tags(tags)
        token = request.get("clientRequestToken")
        with self._store.transaction():
            made = self._store.remembered(token, "guardrail") if token else None
            if made is None:
                if self._store.count() >= limits.GUARDRAILS:
                    raise ServiceError(
                        "ServiceQuotaExceededException",
                        f"The account already has {limits.GUARDRAILS} guardrails, the most that it can have.",
                    )
                guardrail_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
                arn = self._account.arn("bedrock", f"guardrail/{guardrail_id}")
                try:
                    made = self._store.create(guardrail_id, arn, config, tags)
                except NameTaken:
                    raise _name_taken() from None
                if token:
                    self._store.remember(token, "guardrail", made)
        return {
            "guardrailId": made.id,
            "guardrailArn": made.arn,
            "version": made.version,
            "createdAt": made.created_at,
        }

    def update_guardrail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        config = shapes.configuration(request)
        limits.check_configuration(config)
        with self._store.transaction():
            draft = self._find(request["guardrailIdentifier"])
            try:
                changed = self._store.replace_draft(draft.id, config)
            except NameTaken:
                raise _name_taken() from None
        return {
            "guardrailId": changed.id,
            "guardrailArn": changed.arn,
            "version": changed.version,
            "updatedAt": changed.updated_at,
        }

    def create_guardrail_version(self, request: Mapping[str, Any]) -> dict[str, Any]:
        token = request.get("clientRequestToken")
        with self._store.transaction():
            draft = self._find(request["guardrailIdentifier"])
            made = self._store.remembered(token, draft.id) if token else None
            if made is None:
                # The versions include DRAFT, but the quota excludes it.
                if len(self._store.versions(draft.id)) - 1 >= limits.VERSIONS:
                    raise ServiceError(
                        "ServiceQuotaExceededException",
                        f"The guardrail already has {limits.VERSIONS} versions, the most that it can have. "
                        "Delete a version that is no longer used.",
                    )
                made = self._store.publish(draft.id, request.get("description"))
                if token:
                    self._store.remember(token, draft.id, made)
        return {"guardrailId": made.id, "version": made.version}

    def get_guardrail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found = self._find(request["guardrailIdentifier"], request.get("guardrailVersion", DRAFT))
        return shapes.description(found, self._account)

    def list_guardrails(self, request: Mapping[str, Any]) -> dict[str, Any]:
        identifier = request.get("guardrailIdentifier")
        listed = self._store.versions(self._find(identifier).id) if identifier else self._store.drafts()
        start = _position(request.get("nextToken"), listed)
        end = start + request.get("maxResults", 100)
        answer: dict[str, Any] = {
            "guardrails": [shapes.summary(entry, self._account) for entry in listed[start:end]],
        }
        if end < len(listed):
            answer["nextToken"] = _token(listed[end - 1])
        return answer

    def delete_guardrail(self, request: Mapping[str, Any]) -> dict[str, Any]:
        version = request.get("guardrailVersion")
        with self._store.transaction():
            found = self._find(request["guardrailIdentifier"], version or DRAFT)
            if version:
                self._store.delete_version(found.id, version)
            else:
                self._store.delete(found.id)
        return {}

    # --- tags ---

    def tag_resource(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._store.transaction():
            found = self._tagged(request)
            tags = self._store.tags(found.id) | {tag["key"]: tag["value"] for tag in request["tags"]}
            limits.check_tags(tags)
            self._store.set_tags(found.id, tags)
        return {}

    def untag_resource(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._store.transaction():
            found = self._tagged(request)
            gone = set(request["tagKeys"])
            self._store.set_tags(
                found.id, {key: value for key, value in self._store.tags(found.id).items() if key not in gone}
            )
        return {}

    def list_tags_for_resource(self, request: Mapping[str, Any]) -> dict[str, Any]:
        tags = self._store.tags(self._tagged(request).id)
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    # --- helpers ---

    def _id(self, identifier: str) -> str | None:
        """The id in an id or ARN; None for an ARN of another account's guardrail."""
        if not identifier.startswith("arn:"):
            return identifier
        own, _, guardrail_id = identifier.rpartition("/")
        return guardrail_id if own == self._account.arn("bedrock", "guardrail") else None

    def _find(self, identifier: str, version: str = DRAFT) -> Guardrail:
        guardrail_id = self._id(identifier)
        found = self._store.find(guardrail_id, version) if guardrail_id else None
        if found is None:
            raise ServiceError("ResourceNotFoundException", _NOT_FOUND, 404)
        return found

    def _tagged(self, request: Mapping[str, Any]) -> Guardrail:
        arn = request["resourceARN"]
        if not arn.startswith("arn:"):
            raise ServiceError("ValidationException", "resourceARN is not the ARN of a guardrail.")
        return self._find(arn)


def _name_taken() -> ServiceError:
    return ServiceError("ConflictException", "Another guardrail in your account already has this name.")


def _token(last: Guardrail) -> str:
    """A page's token names the last entry given, so that changes between pages skip or repeat nothing else."""
    return base64.urlsafe_b64encode(f"{last.id}/{last.version}".encode()).decode()


def _position(token: str | None, listed: list[Guardrail]) -> int:
    if token is None:
        return 0
    try:
        last = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        last = ""
    for position, entry in enumerate(listed, 1):
        if f"{entry.id}/{entry.version}" == last:
            return position
    raise ServiceError("ValidationException", "The nextToken is not valid: start again without one.")
