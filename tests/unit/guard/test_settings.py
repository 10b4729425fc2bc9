"""Settings: QnABot's names and defaults, and errors that name the variable."""

from __future__ import annotations

import re

import pytest

from stepguard.guard.errors import ConfigurationError, UnguardedRefused
from stepguard.guard.settings import (
    EMPTYMESSAGE,
    ERRORMESSAGE,
    VARIABLES,
    GuardrailRef,
    ImportedBody,
    ModelApi,
    ModelSettings,
    read_guardrails,
    read_settings,
)
from stepguard.guard.stages import LAYERS, Layer


def test_nothing_set_means_the_defaults() -> None:
    """Every layer off, the default messages, QnABot's default inference parameters."""
    settings = read_settings({})

    assert settings.guardrails == {}
    assert (settings.empty_message, settings.error_message) == (EMPTYMESSAGE, ERRORMESSAGE)
    assert settings.model == ModelSettings(ModelApi.CONVERSE, "us.deepseek.r1-v1:0")
    assert (settings.model.max_tokens, settings.model.temperature, settings.model.top_p) == (300, 0.0, 1.0)


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_value_means_the_default(value: str) -> None:
    """As in QnABot: CloudFormation cannot leave a variable out."""
    names = ["EMPTYMESSAGE", "ERRORMESSAGE", "LLM_QA_NO_HITS_REGEX", "LLM_API", "LLM_MODEL_ID", "LLM_QA_MODEL_PARAMS"]
    names += [name for pair in VARIABLES.values() for name in pair]

    assert read_settings(dict.fromkeys(names, value)) == read_settings({})


def test_the_three_layers_have_qnabots_variables() -> None:
    """The names that a QnABot deployment already has."""
    assert VARIABLES == {
        Layer.PREPROCESS: ("PREPROCESS_GUARDRAIL_IDENTIFIER", "PREPROCESS_GUARDRAIL_VERSION"),
        Layer.MODEL: ("BEDROCK_GUARDRAIL_IDENTIFIER", "BEDROCK_GUARDRAIL_VERSION"),
        Layer.POSTPROCESS: ("POSTPROCESS_GUARDRAIL_IDENTIFIER", "POSTPROCESS_GUARDRAIL_VERSION"),
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_a_whole_pair_switches_its_layer_on(layer: Layer) -> None:
    """Identifier and version, trimmed; an all-digit identifier stays text."""
    identifier, version = VARIABLES[layer]

    assert read_guardrails({identifier: " 123456789012 ", version: " 1\n"}) == {
        layer: GuardrailRef("123456789012", "1")
    }


@pytest.mark.parametrize(
    "identifier", ["None", "none", "null", "undefined", "my guardrail", "Abc", "arn:aws:s3:::x", "ä"]
)
def test_what_is_no_identifier_is_refused(identifier: str) -> None:
    """Templates write `None` for a missing value; the layer must not seem to be on."""
    with pytest.raises(ConfigurationError, match="is not a guardrail's identifier"):
        read_guardrails({"BEDROCK_GUARDRAIL_IDENTIFIER": identifier, "BEDROCK_GUARDRAIL_VERSION": "1"})


@pytest.mark.parametrize("version", ["None", "0", "01", "draft", "1.0", "latest", "123456789"])
def test_what_is_no_version_is_refused(version: str) -> None:
    """A number or DRAFT."""
    with pytest.raises(ConfigurationError, match="is not a guardrail's version"):
        read_guardrails({"BEDROCK_GUARDRAIL_IDENTIFIER": "abc", "BEDROCK_GUARDRAIL_VERSION": version})


def test_an_arn_is_an_identifier() -> None:
    """Bedrock takes both; guardrails of other accounts are named by ARN."""
    arn = "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/abc123"
    pair = {"BEDROCK_GUARDRAIL_IDENTIFIER": arn, "BEDROCK_GUARDRAIL_VERSION": "DRAFT"}

    assert read_guardrails(pair) == {Layer.MODEL: GuardrailRef(arn, "DRAFT")}


@pytest.mark.parametrize(
    "name",
    [
        "MODEL_GUARDRAIL_IDENTIFIER",
        "PRE_GUARDRAIL_VERSION",
        "BEDROCK_GUARDRAIL_ID",
        "BEDROCK_GUARDRAIL_IDENTIFER",
        "POSTPROCESS_GUARDRAIL_IDENTIFIER ",
        "POSTPROCESS_GUARDRAILS_VERSION",
        "preprocess_guardrail_version",
    ],
)
def test_an_unknown_layer_is_refused(name: str) -> None:
    """A misspelt variable would leave its layer off without a word."""
    with pytest.raises(ConfigurationError, match=f"^{name}: there is no such layer; known are BEDROCK_"):
        read_guardrails({name: "abc"})


@pytest.mark.parametrize(("value", "unguarded"), [("", False), ("no", False), (" YES ", True), ("yes", True)])
def test_unguarded_is_yes_or_no(value: str, unguarded: bool) -> None:
    """The default is no."""
    assert read_settings({"UNGUARDED": value}).unguarded is unguarded


@pytest.mark.parametrize("value", ["true", "1", "on", "None"])
def test_no_other_word_switches_the_guards_off(value: str) -> None:
    """It is not guessed what is meant."""
    with pytest.raises(ConfigurationError, match="it must be yes or no"):
        read_settings({"UNGUARDED": value})


def test_unguarded_and_a_guardrail_contradict_each_other() -> None:
    """Which one is meant is not guessed either."""
    pair = {"BEDROCK_GUARDRAIL_IDENTIFIER": "abc", "BEDROCK_GUARDRAIL_VERSION": "1"}
    with pytest.raises(ConfigurationError, match="UNGUARDED=yes contradicts BEDROCK_GUARDRAIL_IDENTIFIER"):
        read_settings(pair | {"UNGUARDED": "yes"})


def test_a_custom_no_hits_pattern_is_case_insensitive() -> None:
    """QnABot compiles it with the flags g, m and i."""
    pattern = read_settings({"LLM_QA_NO_HITS_REGEX": "^beats me"}).no_hits

    assert pattern.search("BEATS ME")
    assert pattern.flags & re.MULTILINE


@pytest.mark.parametrize(
    "refusal",
    [
        "Sorry, I don't know",
        "I am unable to assist you",
        "Sorry, the model cannot answer this question.",
        "The search results do not contain that.",
    ],
)
def test_the_default_pattern_knows_refusals(refusal: str) -> None:
    """QnABot's list, Bedrock's default blocked message among them."""
    assert read_settings({}).no_hits.search(refusal)


def test_model_settings_are_read() -> None:
    """Names as in QnABot where it has them; words in any case."""
    model = read_settings(
        {
            "LLM_API": "imported_model",
            "LLM_MODEL_ID": "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl",
            "LLM_IMPORTED_BODY": "openai_chat",
            "LLM_QA_MODEL_PARAMS": '{"maxTokens": 4096, "temperature": 0.3, "topP": 0.9}',
            "LLM_QA_SYSTEM_PROMPT": "Be kind.",
        }
    ).model

    assert model == ModelSettings(
        ModelApi.IMPORTED_MODEL,
        "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl",
        ImportedBody.OPENAI_CHAT,
        4096,
        0.3,
        0.9,
        "Be kind.",
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LLM_API", "BEDROCK", "must be one of CONVERSE, IMPORTED_MODEL, DEEPSEEK, SAGEMAKER"),
        ("LLM_IMPORTED_BODY", "xml", "must be one of COMPLETION"),
        ("LLM_QA_NO_HITS_REGEX", "(unclosed", "is not a regular expression"),
        ("LLM_QA_MODEL_PARAMS", "{", "is not JSON"),
        ("LLM_QA_MODEL_PARAMS", "[1]", "must be a JSON object"),
        ("LLM_QA_MODEL_PARAMS", '{"top_k": 3}', "unknown member 'top_k'"),
        ("LLM_QA_MODEL_PARAMS", '{"temperature": "0.3"}', "'temperature' must be a number from 0 to 1"),
        ("LLM_QA_MODEL_PARAMS", '{"temperature": true}', "'temperature' must be a number"),
        ("LLM_QA_MODEL_PARAMS", '{"temperature": 1.1}', "'temperature' must be a number"),
        ("LLM_QA_MODEL_PARAMS", '{"temperature": NaN}', "'temperature' must be a number"),
        ("LLM_QA_MODEL_PARAMS", '{"topP": -0.1}', "'topP' must be a number"),
        ("LLM_QA_MODEL_PARAMS", '{"maxTokens": 0}', "'maxTokens' must be a number from 1 to 32768"),
        ("LLM_QA_MODEL_PARAMS", '{"maxTokens": 40000}', "'maxTokens' must be a number"),
        ("LLM_QA_MODEL_PARAMS", '{"maxTokens": 1.5}', "'maxTokens' must be a whole number"),
        ("LLM_QA_MODEL_PARAMS", '{"maxTokens": null}', "'maxTokens' must be a number"),
    ],
)
def test_a_malformed_value_is_refused_by_name(name: str, value: str, reason: str) -> None:
    """The message names the variable, says what is wrong with it, and what is right."""
    with pytest.raises(ConfigurationError, match=rf"^{name}\b") as caught:
        read_settings({name: value})

    assert reason in str(caught.value)


def test_an_empty_object_of_parameters_is_the_default() -> None:
    """`{}` is QnABot's default value."""
    assert read_settings({"LLM_QA_MODEL_PARAMS": "{}"}).model == ModelSettings()


def test_a_requests_guardrails_decide_alone() -> None:
    """A trusted starter's choice is not mixed with the deployed layers; without one the deployed layers decide."""
    settings = read_settings({"PREPROCESS_GUARDRAIL_IDENTIFIER": "deployed", "PREPROCESS_GUARDRAIL_VERSION": "1"})
    chosen = {"model": {"id": "chosen", "version": 2}}

    assert settings.guardrail(Layer.PREPROCESS) == GuardrailRef("deployed", "1")
    assert settings.guardrail(Layer.MODEL) is None
    assert settings.guardrail(Layer.PREPROCESS, chosen) is None
    assert settings.guardrail(Layer.MODEL, chosen) == GuardrailRef("chosen", "2")
    with pytest.raises(UnguardedRefused):
        settings.guardrail(Layer.PREPROCESS, {})


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("", set()),
        (" , ", set()),
        ("invalid", {"invalid"}),
        ("Invalid,IMPOSSIBLE, translationambiguous ", {"invalid", "impossible", "translationAmbiguous"}),
    ],
)
def test_findings_of_automated_reasoning_block_by_kind(value: str, kinds: set[str]) -> None:
    """Each layer's guardrail knows the kinds, whoever named it."""
    pair = {"BEDROCK_GUARDRAIL_IDENTIFIER": "abc", "BEDROCK_GUARDRAIL_VERSION": "1"}
    settings = read_settings(pair | {"AUTOMATED_REASONING_BLOCKS": value})

    for chosen in (None, {"model": {"id": "abc", "version": "1"}}):
        assert settings.guardrail(Layer.MODEL, chosen) == GuardrailRef("abc", "1", frozenset(kinds))


@pytest.mark.parametrize("value", ["invalids", "invalid;impossible", "all", "yes", "invalid,wrong"])
def test_an_unknown_kind_of_automated_reasoning_is_refused(value: str) -> None:
    """A typing error must not leave a kind without effect."""
    with pytest.raises(ConfigurationError, match=r"AUTOMATED_REASONING_BLOCKS has .*; known are valid, invalid, sat"):
        read_settings({"AUTOMATED_REASONING_BLOCKS": value})
