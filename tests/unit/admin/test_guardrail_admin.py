"""Guardrails are created, updated and published once, whatever account they live in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepguard.admin.guardrails import CONFIGURATION_TAG, READY_SECONDS, VERSION_TAG, GuardrailAdmin
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable, Throttled
from stepguard.project.guardrail_files import read_guardrail_files
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.states import BEGIN, Clock

FILES = sorted((Path(__file__).parents[3] / "guardrails").rglob("*.yaml"))
CONFIGURATION: dict[str, Any] = {
    "name": "test",
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "wordPolicyConfig": {"wordsConfig": [{"text": "acme"}]},
}
ID, ARN = "abc123abc123", "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123abc123"


class FakeBedrock:
    """The guardrails of one account. `pending` is how often GetGuardrail says that it is not ready."""

    def __init__(self, *, pending: int = 0, final: str = "READY", tags: bool = True) -> None:
        self.drafts: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, str] = {}
        self.versions = 0
        self.pending = pending
        self.final = final
        self._tags = tags
        self.fake = FakeClient(
            "bedrock",
            list_guardrails=self._list,
            create_guardrail=self._create,
            update_guardrail=self._update,
            get_guardrail=self._get,
            create_guardrail_version=self._version,
            list_tags_for_resource=self._list_tags,
            tag_resource=self._tag,
        )
        self.clock = Clock()
        self.admin = GuardrailAdmin(self.fake.client, self.clock, self.clock.sleep)

    @property
    def operations(self) -> list[str]:
        """The calls that change something."""
        reading = ("list_guardrails", "get_guardrail", "list_tags_for_resource")
        return [name for name, _ in self.fake.requests if name not in reading]

    def _list(self, request: Request) -> dict[str, Any]:
        # One guardrail a page, so that paging is always exercised.
        page = int(request.get("nextToken", 0))
        names = ["other", *self.drafts]
        found: dict[str, Any] = {"guardrails": [self._summary(names[page])]}
        return found | ({"nextToken": str(page + 1)} if page + 1 < len(names) else {})

    def _summary(self, name: str) -> dict[str, Any]:
        identifier = ID if name != "other" else "other0000000"
        return {
            "id": identifier,
            "arn": ARN.replace(ID, identifier),
            "status": "READY",
            "name": name,
            "version": "DRAFT",
            "createdAt": BEGIN,
            "updatedAt": BEGIN,
        }

    def _create(self, request: Request) -> dict[str, Any]:
        self.drafts[request["name"]] = request
        return {"guardrailId": ID, "guardrailArn": ARN, "version": "DRAFT", "createdAt": BEGIN}

    def _update(self, request: Request) -> dict[str, Any]:
        assert request["guardrailIdentifier"] == ID
        self.drafts[request["name"]] = request
        return {"guardrailId": ID, "guardrailArn": ARN, "version": "DRAFT", "updatedAt": BEGIN}

    def _get(self, request: Request) -> dict[str, Any]:
        self.pending -= 1
        return {
            "name": "test",
            "guardrailId": ID,
            "guardrailArn": ARN,
            "version": request["guardrailVersion"],
            "status": "CREATING" if self.pending >= 0 else self.final,
            "createdAt": BEGIN,
            "updatedAt": BEGIN,
            "blockedInputMessaging": "No.",
            "blockedOutputsMessaging": "No.",
        }

    def _version(self, request: Request) -> dict[str, Any]:
        assert self.pending < 0, "A version was cut from a draft that is not ready."
        self.versions += 1
        return {"guardrailId": request["guardrailIdentifier"], "version": str(self.versions)}

    def _list_tags(self, request: Request) -> dict[str, Any]:
        assert request["resourceARN"] == ARN
        return {"tags": [{"key": key, "value": value} for key, value in self.tags.items()]} if self._tags else {}

    def _tag(self, request: Request) -> dict[str, Any]:
        self.tags |= {tag["key"]: tag["value"] for tag in request["tags"]}
        return {}


def test_a_new_guardrail_is_created_and_published() -> None:
    """The request as configured, then a version of the finished draft, then tags that say from what."""
    bedrock = FakeBedrock(pending=3)
    applied = bedrock.admin.apply(CONFIGURATION)

    assert (applied.action, applied.name, applied.arn) == ("created", "test", ARN)
    assert (applied.ref.id, applied.ref.version) == (ID, "1")
    assert bedrock.drafts["test"] == CONFIGURATION
    assert bedrock.operations == ["create_guardrail", "create_guardrail_version", "tag_resource"]
    assert bedrock.tags[VERSION_TAG] == "1"
    assert bedrock.clock.sleeps == [1.0] * 3


def test_applying_twice_publishes_once() -> None:
    """An unchanged configuration, in whatever order its keys stand, changes nothing."""
    bedrock = FakeBedrock()
    first = bedrock.admin.apply(CONFIGURATION)
    second = bedrock.admin.apply(dict(reversed(CONFIGURATION.items())))

    assert (second.action, second.ref, second.arn) == ("unchanged", first.ref, first.arn)
    assert bedrock.versions == 1


def test_a_changed_guardrail_is_replaced_and_published() -> None:
    """UpdateGuardrail takes neither tags nor a request token, and replaces the whole draft."""
    bedrock = FakeBedrock()
    bedrock.admin.apply(CONFIGURATION)
    changed = CONFIGURATION | {
        "blockedInputMessaging": "Never.",
        "tags": [{"key": "team", "value": "a"}],
        "clientRequestToken": "x" * 33,
    }
    applied = bedrock.admin.apply(changed)

    assert (applied.action, applied.ref.version) == ("updated", "2")
    assert bedrock.drafts["test"]["blockedInputMessaging"] == "Never."
    assert not {"tags", "clientRequestToken"} & set(bedrock.drafts["test"])
    assert bedrock.admin.apply(changed).action == "unchanged"


@pytest.mark.parametrize("missing", [CONFIGURATION_TAG, VERSION_TAG])
def test_a_publication_that_broke_off_is_done_again(missing: str) -> None:
    """Without both tags nobody knows which version holds the configuration."""
    bedrock = FakeBedrock()
    bedrock.admin.apply(CONFIGURATION)
    del bedrock.tags[missing]

    assert bedrock.admin.apply(CONFIGURATION).action == "updated"


def test_a_guardrail_that_somebody_made_by_hand_is_taken_over() -> None:
    """No tags at all, not even an empty list."""
    bedrock = FakeBedrock(tags=False)
    bedrock.drafts["test"] = {}

    assert bedrock.admin.apply(CONFIGURATION).action == "updated"


def test_all_pages_are_listed() -> None:
    """Accounts hold up to a hundred guardrails, pages less."""
    bedrock = FakeBedrock()
    bedrock.admin.apply(CONFIGURATION)

    assert [summary["name"] for summary in bedrock.admin.list()] == ["other", "test"]


def test_a_guardrail_is_shown_as_bedrock_returns_it() -> None:
    """The read shape, without the client's own metadata."""
    bedrock = FakeBedrock()

    shown = bedrock.admin.show(ID, "3")
    assert (shown["guardrailId"], shown["version"]) == (ID, "3")
    assert "ResponseMetadata" not in shown


def test_a_draft_that_cannot_be_built_is_not_published() -> None:
    """FAILED is final, and the message says where to look."""
    bedrock = FakeBedrock(final="FAILED")
    with pytest.raises(InvalidRequest, match="statusReasons"):
        bedrock.admin.apply(CONFIGURATION)

    assert bedrock.versions == 0


def test_waiting_for_a_draft_ends() -> None:
    """A draft that is never ready is an error after two minutes, not a wait for ever."""
    bedrock = FakeBedrock(pending=10_000)
    with pytest.raises(ServiceUnavailable, match=f"still CREATING after {READY_SECONDS:g} s"):
        bedrock.admin.apply(CONFIGURATION)

    assert READY_SECONDS < bedrock.clock.now < READY_SECONDS + 2


def test_errors_are_reported_by_kind() -> None:
    """As everywhere."""
    fake = FakeClient("bedrock", list_guardrails=client_error("ThrottlingException", status=429))
    with pytest.raises(Throttled):
        GuardrailAdmin(fake.client).apply(CONFIGURATION)


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
def test_the_projects_guardrails_are_create_requests(file: Path) -> None:
    """Each YAML file keeps every limit, enum and pattern of CreateGuardrail and UpdateGuardrail."""
    (configuration,) = read_guardrail_files([file]).values()
    bedrock = FakeBedrock()

    assert bedrock.admin.apply(configuration).action == "created"
    assert bedrock.admin.apply(configuration | {"description": "changed"}).action == "updated"
