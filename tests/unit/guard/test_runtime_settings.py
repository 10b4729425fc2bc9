"""Settings at run time: what may be set, what each one changes, and that guardrails and models cannot be set."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft4Validator

from stepguard.guard.bedrock_names import ANONYMIZED, BLOCKED
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.request import json_bytes
from stepguard.guard.review.rule import POLICIES
from stepguard.guard.runtime.refusal import refusal_of
from stepguard.guard.runtime.settings import (
    NAMES,
    SETTINGS_BYTES,
    Held,
    apply_settings,
    read_values,
    schema,
)
from stepguard.guard.settings import read_settings
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.stream.listeners import Mode
from stepguard.guard.verdict import Finding, Verdict, findings_of

DEPLOYED = read_settings({"UNGUARDED": "yes", "LLM_QA_SYSTEM_PROMPT": "Deployed.", "EMPTYMESSAGE": "Deployed.",
                           "REVIEW_RULE": "{}"})  # fmt: skip
VALUES: dict[str, Any] = {
    "EMPTYMESSAGE": "Nothing found.",
    "ERRORMESSAGE": "Try later.",
    "BLOCKEDMESSAGE": {"topic": "Not this subject.", "default": "Not this."},
    "MESSAGES": {"de": {"EMPTYMESSAGE": "Nichts gefunden."}},
    "LLM_QA_SYSTEM_PROMPT": "Be brief.",
    "LLM_GENERATE_QUERY_SYSTEM_PROMPT": "Rewrite.",
    "LLM_QA_NO_HITS_REGEX": "no idea",
    "LLM_STREAMING_ENABLED": "off",
    "REVIEW_RULE": {"policies": ["topic"]},
    "LLM_QA_MODEL_PARAMS": {"temperature": 0.5, "maxTokens": 99, "topP": 0.9},
}


def _applied(values: dict[str, Any]) -> Any:
    return apply_settings(DEPLOYED, Held("one", values).to_document())


def _blocked(*policies: str) -> Verdict:
    findings = (Finding(policy, "x", BLOCKED, Layer.PREPROCESS, Direction.INPUT) for policy in policies)
    return Verdict(Outcome.BLOCKED, "", "The guardrail's.", tuple(findings))


def test_every_setting_changes_what_its_name_says() -> None:
    """And nothing else: the guardrails, the model and everything that a deployment decides stay."""
    assert set(VALUES) == set(NAMES)
    applied = _applied(read_values(json.dumps(VALUES)))
    assert (applied.empty_message, applied.error_message) == ("Nothing found.", "Try later.")
    assert applied.rewrite_prompt == "Rewrite."
    assert applied.streaming is Mode.OFF
    assert applied.messages["de"].empty == "Nichts gefunden."
    assert applied.no_hits.search("I have NO IDEA about it")
    assert json.loads(applied.review) == {"policies": ["topic"]}
    model = applied.model
    assert (model.system_prompt, model.temperature, model.max_tokens, model.top_p) == ("Be brief.", 0.5, 99, 0.9)
    assert (model.id, model.api) == (DEPLOYED.model.id, DEPLOYED.model.api)
    assert (applied.guardrails, applied.unguarded) == (DEPLOYED.guardrails, DEPLOYED.unguarded)


@pytest.mark.parametrize(
    "held", [None, Held(None, {}).to_document(), Held("one", dict.fromkeys(VALUES, "")).to_document()]
)
def test_without_values_the_deployed_settings_stay(held: Any) -> None:
    """Also where a value is empty, as in QnABot."""
    assert apply_settings(DEPLOYED, held) is DEPLOYED


def test_streaming_that_was_deployed_off_stays_off() -> None:
    """Nothing could send; a deployment switches it on."""
    off = replace(DEPLOYED, streaming=Mode.OFF)
    assert apply_settings(off, Held("one", {"LLM_STREAMING_ENABLED": "final"}).to_document()).streaming is Mode.OFF


def test_the_message_after_a_block_is_that_of_the_policy() -> None:
    """In the team's order where two policies blocked; the default for the others; the guardrail's without any."""
    applied = _applied({"BLOCKEDMESSAGE": {"word": "A word.", "topic": "A subject.", "default": "Other."}})
    assert refusal_of(applied, _blocked("topic")) == "A subject."
    assert refusal_of(applied, _blocked("topic", "word")) == "A word."
    assert refusal_of(applied, _blocked("content")) == "Other."
    assert refusal_of(_applied({"BLOCKEDMESSAGE": "Always."}), _blocked("content")) == "Always."
    only_topic = _applied({"BLOCKEDMESSAGE": {"topic": "A subject."}})
    assert refusal_of(only_topic, _blocked("word")) == "The guardrail's."
    assert refusal_of(DEPLOYED, _blocked("word")) == "The guardrail's."


def test_a_block_that_no_finding_proves_has_no_message_of_a_policy() -> None:
    """What was only masked decides nothing."""
    masked = Finding("topic", "x", ANONYMIZED, Layer.PREPROCESS, Direction.INPUT)
    verdict = Verdict(Outcome.BLOCKED, "", "The guardrail's.", (masked,))
    assert refusal_of(_applied({"BLOCKEDMESSAGE": "Always."}), verdict) == "The guardrail's."


def test_the_policies_are_those_of_findings() -> None:
    """A misspelt policy would never have its message."""
    entry = {"action": "BLOCKED", "name": "x", "type": "x", "match": "x"}
    sections = {
        "topicPolicy": {"topics": [entry]},
        "contentPolicy": {"filters": [entry]},
        "wordPolicy": {"customWords": [entry], "managedWordLists": []},
        "sensitiveInformationPolicy": {"piiEntities": [entry], "regexes": []},
        "contextualGroundingPolicy": {"filters": [entry]},
        "automatedReasoningPolicy": {"findings": [{"invalid": {}}]},
    }
    found = findings_of([sections], Layer.PREPROCESS, Direction.INPUT)
    assert {finding.policy for finding in found} == set(POLICIES)


BROKEN: list[tuple[Any, str]] = [
    ("{", "not JSON"),
    ([], "must be a JSON object"),
    ({"EMPTYMESSAGE": 5}, "EMPTYMESSAGE must be a text"),
    ({"EMPTYMESSAGE": "x" * 1_001}, "EMPTYMESSAGE has 1001 characters; at most 1000"),
    ({"BLOCKEDMESSAGE": {"topics": "x"}}, "no policy 'topics'; known are topic"),
    ({"BLOCKEDMESSAGE": {"topic": "x" * 501}}, "BLOCKEDMESSAGE.topic has 501 characters"),
    ({"LLM_QA_NO_HITS_REGEX": "(never closed"}, "not a regular expression"),
    ({"LLM_QA_MODEL_PARAMS": {"temperature": 2}}, "'temperature' must be a number from 0 to 1"),
    ({"LLM_QA_MODEL_PARAMS": {"maxTokens": 1.5}}, "'maxTokens' must be a whole number"),
    ({"LLM_QA_MODEL_PARAMS": "hot"}, "must be a JSON object"),
    ({"LLM_STREAMING_ENABLED": "on"}, "LLM_STREAMING_ENABLED must be off, final, pieces"),
    ({"LLM_STREAMING_ENABLED": []}, "LLM_STREAMING_ENABLED must be off, final, pieces"),
    ({"LLM_PROMPT": "x"}, "LLM_PROMPT is no setting at run time"),
    ({"PREPROCESS_GUARDRAIL_VERSION": "2"}, "a deployment changes guardrails and models"),
    ({"PASSAGE_GUARDRAIL_IDENTIFIER": "a"}, "a deployment changes guardrails and models"),
    ({"UNGUARDED": "yes"}, "a deployment changes guardrails and models"),
    ({"LLM_MODEL_ID": "any.echo"}, "a deployment changes guardrails and models"),
    ({"llm_model_id": "any.echo"}, "a deployment changes guardrails and models"),
    ({"EMPTYMESSAGE": "\ud800"}, "not valid Unicode"),
]


@pytest.mark.parametrize(("content", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_broken_setting_is_refused_by_its_name(content: Any, reason: str) -> None:
    """Every one of them, with what is allowed."""
    with pytest.raises(ConfigurationError, match=reason):
        read_values(content if isinstance(content, str) else json.dumps(content))


def test_all_broken_settings_are_named_at_once() -> None:
    """One run shows everything that has to be corrected."""
    with pytest.raises(ConfigurationError, match=r"EMPTYMESSAGE must be a text.*UNGUARDED cannot be set"):
        read_values(json.dumps({"EMPTYMESSAGE": 1, "UNGUARDED": "yes"}))


def test_settings_that_do_not_fit_an_execution_are_refused() -> None:
    """Each text within its limit, all together beyond the bytes of the document."""
    values = {"LLM_QA_SYSTEM_PROMPT": "\N{GRINNING FACE}" * 2_000}
    assert json_bytes(values) > SETTINGS_BYTES
    with pytest.raises(ConfigurationError, match=f"at most {SETTINGS_BYTES} fit"):
        read_values(json.dumps(values))


def test_the_schema_takes_what_is_right_and_refuses_what_it_can_see() -> None:
    """AppConfig's own check; only what is no regular expression, and all bytes together, are beyond a schema."""
    validator = Draft4Validator(schema())
    Draft4Validator.check_schema(schema())
    assert validator.is_valid(VALUES)
    assert validator.is_valid({})
    refused = [reason for content, reason in BROKEN if not isinstance(content, str) and not validator.is_valid(content)]
    missed = {reason for content, reason in BROKEN if not isinstance(content, str)} - set(refused)
    assert missed == {"not a regular expression", "not valid Unicode"}
