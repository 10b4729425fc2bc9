"""ApplyGuardrail: what is blocked, masked, reported and billed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.bedrock.api.runtime import TOPIC_SCORES
from embedded_aws.bedrock.policies.base import text_units
from embedded_aws.bedrock.policies.content import acts
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, content, pii, section, words

_PROFANITY = {"wordPolicyConfig": {"managedWordListsConfig": [{"type": "PROFANITY"}]}}
_TOPIC = {"name": "Stocks", "definition": "Stock tips.", "type": "DENY"}


def _refused(api: Api, **params: Any) -> ServiceError:
    request = {"guardrailVersion": "DRAFT", "source": "INPUT", "content": [{"text": {"text": "hi"}}]}
    with pytest.raises(ServiceError) as caught:
        api.runtime("ApplyGuardrail", **request | params)
    return caught.value


# --- actions ---


def test_nothing_found_gives_no_outputs(api: Api) -> None:
    """A text that passes is not echoed."""
    answer = api.apply(api.guardrail(), "all well")
    assert (answer["action"], answer["actionReason"], answer["outputs"]) == ("NONE", "No action.", [])
    assert set(answer["assessments"][0]) == {"invocationMetrics", "appliedGuardrailDetails"}


@pytest.mark.parametrize(("source", "message"), [("INPUT", "Input refused."), ("OUTPUT", "Output refused.")])
def test_blocked_content_is_replaced_by_one_message(api: Api, source: str, message: str) -> None:
    """However many blocks there are, the output is the direction's message."""
    answer = api.apply(api.guardrail(), "fine", "forbidden", source=source)
    assert (answer["action"], answer["actionReason"]) == ("GUARDRAIL_INTERVENED", "Guardrail blocked.")
    assert answer["outputs"] == [{"text": message}]
    assert section(answer, "wordPolicy") == {
        "customWords": [{"match": "forbidden", "action": "BLOCKED", "detected": True}],
        "managedWordLists": [],
    }


def test_masked_content_comes_back_block_by_block(api: Api) -> None:
    """Masking gives one output per block, the untouched ones included."""
    answer = api.apply(api.guardrail(**pii("NAME", "EMAIL")), "I am Alice", "nothing", "a@b.c, Bob")
    assert (answer["action"], answer["actionReason"]) == ("GUARDRAIL_INTERVENED", "Guardrail masked.")
    assert [output["text"] for output in answer["outputs"]] == ["I am {NAME}", "nothing", "{EMAIL}, {NAME}"]


def test_block_beats_mask(api: Api) -> None:
    """With both, the message goes out, and the assessment still lists what would have been masked."""
    answer = api.apply(api.guardrail(**words("forbidden"), **pii("NAME")), "Alice is forbidden")
    assert answer["outputs"] == [{"text": "Input refused."}]
    found = section(answer, "sensitiveInformationPolicy")
    assert found is not None
    assert found["piiEntities"] == [{"match": "Alice", "type": "NAME", "action": "ANONYMIZED", "detected": True}]


def test_regex_masks_with_its_name(api: Api) -> None:
    """A custom pattern's placeholder is its name, and the pattern is reported."""
    regex = {"name": "TicketId", "pattern": "T-[0-9]+", "action": "ANONYMIZE"}
    made = api.guardrail(sensitiveInformationPolicyConfig={"regexesConfig": [regex]})
    answer = api.apply(made, "see T-42 and T-42")
    assert answer["outputs"] == [{"text": "see {TicketId} and {TicketId}"}]
    found = section(answer, "sensitiveInformationPolicy")
    assert found == {
        "piiEntities": [],
        "regexes": [
            {"name": "TicketId", "match": "T-42", "regex": "T-[0-9]+", "action": "ANONYMIZED", "detected": True}
        ],
    }


def test_regex_that_does_not_finish_refuses_the_request(api: Api) -> None:
    """A text that could not be checked never passes."""
    regex = {"name": "Slow", "pattern": "slow", "action": "BLOCK"}
    made = api.guardrail(sensitiveInformationPolicyConfig={"regexesConfig": [regex]})
    error = _refused(api, guardrailIdentifier=made)
    assert error.code == "ValidationException"
    assert "'Slow'" in error.message


@pytest.mark.parametrize("source", ["INPUT", "OUTPUT"])
@pytest.mark.parametrize(
    ("policies", "text", "policy"),
    [
        (words("forbidden", inputAction="NONE", outputAction="NONE"), "forbidden", "wordPolicy"),
        (pii("NAME", action="NONE"), "Alice", "sensitiveInformationPolicy"),
        (content("HATE", inputAction="NONE", outputAction="NONE"), "HATE-LOW", "contentPolicy"),
        ({"topicPolicyConfig": {"topicsConfig": [_TOPIC | {"inputAction": "NONE", "outputAction": "NONE"}]}},
         "stocks", "topicPolicy"),
    ],
    ids=["words", "pii", "content", "topics"],
)  # fmt: skip
def test_detect_mode_reports_without_intervening(
    api: Api, policies: dict[str, Any], text: str, policy: str, source: str
) -> None:
    """Action NONE: evaluated, billed, reported with detected true, and nothing else."""
    answer = api.apply(api.guardrail(**policies), text, source=source)
    assert (answer["action"], answer["outputs"]) == ("NONE", [])
    entries = [entry for entries in (section(answer, policy) or {}).values() for entry in entries]
    assert [(entry["action"], entry["detected"]) for entry in entries] == [("NONE", True)]
    assert sum(answer["usage"].values()) == 1


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        (words("forbidden", inputEnabled=False), "forbidden"),
        (pii("NAME", inputEnabled=False), "Alice"),
        (content("HATE", inputEnabled=False), "HATE-HIGH"),
        ({"topicPolicyConfig": {"topicsConfig": [_TOPIC | {"inputEnabled": False}]}}, "stocks"),
        ({"wordPolicyConfig": {"managedWordListsConfig": [{"type": "PROFANITY", "inputEnabled": False}]}}, "damn"),
    ],
    ids=["words", "pii", "content", "topics", "profanity"],
)
def test_disabled_direction_is_neither_evaluated_nor_billed(api: Api, policies: dict[str, Any], text: str) -> None:
    """inputEnabled false: absent for inputs, at work for outputs."""
    made = api.guardrail(**policies)
    answer = api.apply(made, text, outputScope="FULL")
    assert answer["action"] == "NONE"
    assert set(answer["assessments"][0]) == {"invocationMetrics", "appliedGuardrailDetails"}
    assert not any(answer["usage"].values())
    assert api.apply(made, text, source="OUTPUT")["action"] == "GUARDRAIL_INTERVENED"


def test_direction_has_its_own_action(api: Api) -> None:
    """inputAction and outputAction go before action."""
    made = api.guardrail(**pii("NAME", action="BLOCK", outputAction="ANONYMIZE"))
    assert api.apply(made, "Alice")["actionReason"] == "Guardrail blocked."
    assert api.apply(made, "Alice", source="OUTPUT")["outputs"] == [{"text": "{NAME}"}]


# --- strengths ---


@pytest.mark.parametrize(
    ("strength", "blocked"),
    [("NONE", []), ("LOW", ["HIGH"]), ("MEDIUM", ["MEDIUM", "HIGH"]), ("HIGH", ["LOW", "MEDIUM", "HIGH"])],
)
def test_strength_acts_on_the_confidences_of_the_user_guide(strength: str, blocked: list[str]) -> None:
    """The user guide's table of strengths and confidences."""
    assert [confidence for confidence in ("NONE", "LOW", "MEDIUM", "HIGH") if acts(strength, confidence)] == blocked


def test_confidence_below_the_strength_is_only_in_the_full_report(api: Api) -> None:
    """A filter of LOW strength says about medium confidence that nothing was detected."""
    made = api.guardrail(**content("HATE", "LOW"))
    assert section(api.apply(made, "HATE-MEDIUM"), "contentPolicy") is None
    assert section(api.apply(made, "HATE-MEDIUM", outputScope="FULL"), "contentPolicy") == {
        "filters": [
            {"type": "HATE", "confidence": "MEDIUM", "filterStrength": "LOW", "action": "NONE", "detected": False}
        ]
    }


def test_scores_of_topics_are_in_a_header_of_the_full_report(api: Api) -> None:
    """Of topics that were found and of others, the highest of all blocks; AWS's answer has no member for them."""
    stocks, taxes = _TOPIC, _TOPIC | {"name": "Taxes"}
    made = api.guardrail(topicPolicyConfig={"topicsConfig": [stocks, taxes]})
    answer = api.apply(made, "nothing", "stocks", outputScope="FULL")
    header = answer["ResponseMetadata"]["HTTPHeaders"][TOPIC_SCORES]
    assert json.loads(header) == {stocks["name"]: [0.75, 0.5], "Taxes": [0.25, 0.5]}
    assert not api.apply(made, "stocks")["ResponseMetadata"]["HTTPHeaders"]


def test_highest_confidence_of_all_blocks_counts(api: Api) -> None:
    """One bad block is enough."""
    found = section(api.apply(api.guardrail(**content("HATE")), "HATE-LOW", "HATE-HIGH", "fine"), "contentPolicy")
    assert found is not None
    assert found["filters"][0]["confidence"] == "HIGH"


def test_prompt_attacks_are_looked_for_in_inputs_only(api: Api) -> None:
    """PROMPT_ATTACK blocks an input and does not exist for an output."""
    made = api.guardrail(**content("PROMPT_ATTACK"))
    assert api.apply(made, "ATTACK-HIGH")["action"] == "GUARDRAIL_INTERVENED"
    answer = api.apply(made, "ATTACK-HIGH", source="OUTPUT", outputScope="FULL")
    assert (answer["action"], answer["usage"]["contentPolicyUnits"]) == ("NONE", 0)


def test_filter_for_images_only_leaves_text_alone(api: Api) -> None:
    """Modalities say what a filter works on."""
    made = api.guardrail(**content("VIOLENCE", inputModalities=["IMAGE"], outputModalities=["TEXT", "IMAGE"]))
    assert api.apply(made, "VIOLENCE-HIGH")["action"] == "NONE"
    assert api.apply(made, "VIOLENCE-HIGH", source="OUTPUT")["action"] == "GUARDRAIL_INTERVENED"


# --- report ---


def test_full_scope_lists_what_was_not_detected_except_words_and_regexes(api: Api) -> None:
    """outputScope FULL adds entries with detected false."""
    made = api.guardrail(
        **words("forbidden"),
        **content("HATE"),
        topicPolicyConfig={"topicsConfig": [_TOPIC]},
        sensitiveInformationPolicyConfig={
            "piiEntitiesConfig": [{"type": "NAME", "action": "BLOCK"}],
            "regexesConfig": [{"name": "R", "pattern": "xyz", "action": "BLOCK"}],
        },
    )
    assert set(api.apply(made, "fine")["assessments"][0]) == {"invocationMetrics", "appliedGuardrailDetails"}
    assessment = api.apply(made, "fine", outputScope="FULL")["assessments"][0]
    assert assessment["wordPolicy"] == {"customWords": [], "managedWordLists": []}
    assert assessment["sensitiveInformationPolicy"]["regexes"] == []
    for entries in (
        assessment["sensitiveInformationPolicy"]["piiEntities"],
        assessment["contentPolicy"]["filters"],
        assessment["topicPolicy"]["topics"],
    ):
        assert [(entry["detected"], entry["action"]) for entry in entries] == [(False, "NONE")]


def test_profanity_is_reported_as_it_was_written(api: Api) -> None:
    """The managed list reports the match and its type."""
    found = section(api.apply(api.guardrail(**_PROFANITY), "damn, damn"), "wordPolicy")
    assert found == {
        "customWords": [],
        "managedWordLists": [{"match": "damn", "type": "PROFANITY", "action": "BLOCKED", "detected": True}],
    }


@pytest.mark.parametrize(("characters", "units"), [(1, 1), (1000, 1), (1001, 2), (25_000, 25)])
def test_usage_counts_a_text_unit_for_every_thousand_characters_begun(api: Api, characters: int, units: int) -> None:
    """Per enabled policy; a regex is free; what is absent is 0."""
    made = api.guardrail(
        **words("forbidden"),
        sensitiveInformationPolicyConfig={
            "regexesConfig": [{"name": "R", "pattern": "xyz", "action": "BLOCK"}],
        },
    )
    answer = api.apply(made, "é" * characters)
    assert answer["usage"] == {
        "topicPolicyUnits": 0,
        "contentPolicyUnits": 0,
        "wordPolicyUnits": units,
        "sensitiveInformationPolicyUnits": 0,
        "sensitiveInformationPolicyFreeUnits": units,
        "contextualGroundingPolicyUnits": 0,
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 0,
        "automatedReasoningPolicies": 0,
    }
    metrics = answer["assessments"][0]["invocationMetrics"]
    assert metrics["usage"] == answer["usage"]
    assert metrics["guardrailCoverage"] == answer["guardrailCoverage"]
    assert answer["guardrailCoverage"] == {"textCharacters": {"guarded": characters, "total": characters}}


@given(st.integers(0, 10**6))
def test_text_units_cover_the_text_and_no_more(characters: int) -> None:
    """The least number of units whose thousand characters hold the text."""
    units = text_units(characters)
    assert (units - 1) * 1000 < characters <= units * 1000 or characters == units == 0


def test_applied_guardrail_is_named(api: Api) -> None:
    """The assessment names the guardrail and its version."""
    made = api.guardrail()
    assert api.apply(made, "hi")["assessments"][0]["appliedGuardrailDetails"] == {
        "guardrailId": made,
        "guardrailVersion": "DRAFT",
        "guardrailArn": f"arn:aws:bedrock:us-east-1:000000000000:guardrail/{made}",
        "guardrailOrigin": ["REQUEST"],
        "guardrailOwnership": "SELF",
    }


# --- refusals ---


def test_unknown_guardrail_or_version_is_a_validation_error(api: Api) -> None:
    """Unlike the control plane, the runtime answers 400, with one message for both."""
    made = api.guardrail()
    for wrong in ({"guardrailIdentifier": "nosuch"}, {"guardrailIdentifier": made, "guardrailVersion": "9"}):
        error = _refused(api, **wrong)
        assert (error.code, error.status) == ("ValidationException", 400)
        assert error.message == "The guardrail identifier or version provided in the request does not exist."


@pytest.mark.parametrize("identifier", ["", "Not-An-Id", "gr/1", "arn:aws:bedrock:us-east-1:1:guardrail/x"])
def test_a_malformed_identifier_is_reported_in_the_services_words(api: Api, identifier: str) -> None:
    """Not as a pattern of the model."""
    error = _refused(api, guardrailIdentifier=identifier)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert error.message == "The provided guardrail identifier is invalid."


def test_guardrail_can_be_named_by_its_arn(api: Api) -> None:
    """The ARN of this account and region works, that of another partition, region or account does not."""
    made = api.guardrail()
    arn = f"arn:aws:bedrock:us-east-1:000000000000:guardrail/{made}"
    assert api.apply(arn, "forbidden")["action"] == "GUARDRAIL_INTERVENED"
    for own, other in (("us-east-1", "eu-west-1"), ("000000000000", "111122223333"), ("arn:aws:", "arn:aws-cn:")):
        assert "does not exist" in _refused(api, guardrailIdentifier=arn.replace(own, other)).message


@pytest.mark.parametrize("identifier", ["Not-An-Id", "", "../../etc/passwd"])
def test_malformed_identifier_is_refused(api: Api, identifier: str) -> None:
    """An identifier that cannot be one is a ValidationException."""
    assert _refused(api, guardrailIdentifier=identifier).code == "ValidationException"


@pytest.mark.parametrize("content", [[], [{"text": {"text": ""}}], [{"text": {"text": " \n"}}], [{}]])
def test_empty_content_is_refused(api: Api, content: list[dict[str, Any]]) -> None:
    """There must be something to judge."""
    assert _refused(api, guardrailIdentifier=api.guardrail(), content=content).code == "ValidationException"


def test_over_25_text_units_is_refused(api: Api) -> None:
    """25,001 characters, in however many blocks, are too long."""
    made = api.guardrail()
    content = [{"text": {"text": "a" * 12_500}}, {"text": {"text": "a" * 12_501}}]
    error = _refused(api, guardrailIdentifier=made, content=content)
    assert error.code == "ValidationException"
    assert "maximum input size of 25 text units" in error.message


_HARD = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(_HARD, min_size=1, max_size=4))
def test_any_text_is_judged_or_refused_in_awss_terms(api: Api, texts: list[str]) -> None:
    """Whatever characters come, the answer has the output shape or is a ValidationException."""
    made = api.control("ListGuardrails")["guardrails"]
    guardrail = made[0]["id"] if made else api.guardrail(**pii("NAME", "EMAIL", "PHONE"), **words("forbidden"))
    if any(text.strip() for text in texts):
        answer = api.apply(guardrail, *texts)
        assert answer["guardrailCoverage"]["textCharacters"]["total"] == sum(map(len, texts))
    else:
        with pytest.raises(ServiceError, match="ValidationException"):
            api.apply(guardrail, *texts)
