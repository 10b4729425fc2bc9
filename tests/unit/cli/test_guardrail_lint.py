"""`stepguard guardrail lint`: errors are what CreateGuardrail refuses, warnings what never does what it seems to."""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stepguard.cli.guardrail import lint
from stepguard.project.folder import builtin_project
from stepguard.project.guardrail_files import read_guardrail_files

GOOD: dict[str, Any] = {
    "name": "good",
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "topicPolicyConfig": {
        "topicsConfig": [
            {
                "name": "Investment advice",
                "type": "DENY",
                "definition": "Recommendations to buy or sell particular stocks or funds",
                "examples": ["Which stocks should I buy?"],
            }
        ]
    },
}


def _with(**members: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **members}


def _topic(definition: str) -> dict[str, Any]:
    changed = _with()
    changed["topicPolicyConfig"]["topicsConfig"][0]["definition"] = definition
    return changed


def _attack(output: str) -> dict[str, Any]:
    return {"filtersConfig": [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": output}]}


def _problems(configuration: dict[str, Any], name: str = "other.yaml") -> list[tuple[str, str]]:
    return [(item.level, item.message) for item in lint.lint(Path(name), configuration)]


def test_a_sound_guardrail_has_no_problem() -> None:
    """Nothing is said about a guardrail that does what it says."""
    assert _problems(GOOD) == []


def test_the_projects_own_guardrails_have_no_error() -> None:
    """What the project ships can be applied."""
    for file, configuration in read_guardrail_files([builtin_project().path("guardrails")]).items():
        assert [item for item in lint.lint(file, configuration) if item.level == "error"] == []


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (_with(contentPolicyConfig=_attack("HIGH")), "must be NONE"),
        (_with(name="x" * 51), "less than or equal to 50"),
        (
            _with(topicPolicyConfig={**GOOD["topicPolicyConfig"], "tierConfig": {"tierName": "STANDARD"}}),
            "cross-Region",
        ),
        (_topic("x " * 120), "exceeds the maximum"),
        (_with(blockedInputMessage="No."), "no member blockedInputMessage"),
        (_with(wordPolicyConfig={"words": [{"text": "x"}]}), "no member wordPolicyConfig.words"),
        (
            _with(wordPolicyConfig={"wordsConfig": [{"text": "x"}, {"text": "y", "txet": "z"}]}),
            "no member wordPolicyConfig.wordsConfig.2.txet",
        ),
        (_with(contentPolicyConfig="all"), "must be of type structure"),
        (
            _with(
                sensitiveInformationPolicyConfig={
                    "regexesConfig": [{"name": "key", "pattern": "(?=sk-).*", "action": "BLOCK"}]
                }
            ),
            "lookahead",
        ),
    ],
)
def test_what_create_guardrail_refuses_is_an_error(configuration: dict[str, Any], words: str) -> None:
    """The refusal's own words are printed, before anything is sent to a cloud."""
    (message,) = [message for level, message in _problems(configuration) if level == "error"]
    assert words in message


def test_each_policy_is_refused_for_itself() -> None:
    """CreateGuardrail stops at its first reason; lint reports those of the name and of every policy at once."""
    pattern = {"regexesConfig": [{"name": "key", "pattern": "(?=sk-).*", "action": "BLOCK"}]}
    configuration = _with(
        name="two words", contentPolicyConfig=_attack("HIGH"), sensitiveInformationPolicyConfig=pattern
    )
    errors = [message for level, message in _problems(configuration) if level == "error"]
    assert len(errors) == 3
    for error, words in zip(errors, ("Value at 'name'", "must be NONE", "lookahead"), strict=True):
        assert words in error


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("Anything other than questions about our products", "what the topic is not"),
        ("Questions that aren't about banking", "what the topic is not"),
        ("Block all questions about politics", "instruction"),
        ("All questions", "wide or short"),
        ("Politics", "wide or short"),
    ],
)
def test_topic_definitions_that_cannot_work_are_warned_of(definition: str, words: str) -> None:
    """Negations, instructions and definitions that fit everything; none of them is refused."""
    levels, messages = zip(*_problems(_topic(definition)), strict=True)
    assert set(levels) == {"warning"}
    assert any(words in message for message in messages)


@pytest.mark.parametrize(
    ("filters", "warned"),
    [
        (None, True),
        ([{"type": "RELEVANCE", "threshold": 0.5}], True),
        ([{"type": "GROUNDING", "threshold": 0.5, "enabled": False}], True),
        ([{"type": "GROUNDING", "threshold": 0.5}], False),
    ],
)
def test_a_model_layer_without_grounding_is_warned_of(filters: list[dict[str, Any]] | None, warned: bool) -> None:
    """Answers from passages would not be checked; other layers have no passages."""
    members = {} if filters is None else {"contextualGroundingPolicyConfig": {"filtersConfig": filters}}
    found = [message for _, message in _problems(_with(**members), "model.yaml") if "no GROUNDING filter" in message]

    assert bool(found) is warned
    assert not [message for _, message in _problems(_with(), "preprocess.yaml") if "no GROUNDING" in message]


def test_contextual_grounding_is_warned_of_where_it_never_runs() -> None:
    """Before and after the model there is no source; in the model's layer there may be."""
    grounding = {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}]}
    configuration = _with(contextualGroundingPolicyConfig=grounding)
    assert "never runs" in _problems(configuration, "preprocess.yaml")[0][1]
    assert "never runs" in _problems(configuration, "postprocess.yaml")[0][1]
    assert _problems(configuration, "model.yaml") == []


@pytest.mark.parametrize(
    ("entry", "file", "warned"),
    [
        ({"type": "NAME", "action": "BLOCK", "outputAction": "ANONYMIZE"}, "preprocess.yaml", True),
        ({"type": "NAME", "action": "ANONYMIZE", "inputEnabled": False}, "preprocess.yaml", True),
        ({"type": "NAME", "action": "ANONYMIZE", "outputAction": "NONE"}, "postprocess.yaml", True),
        ({"type": "NAME", "action": "ANONYMIZE"}, "preprocess.yaml", False),
        ({"type": "NAME", "action": "NONE", "outputAction": "ANONYMIZE"}, "model.yaml", False),
    ],
)
def test_masking_in_a_direction_that_never_comes_is_warned_of(entry: dict[str, Any], file: str, warned: bool) -> None:
    """The first layer sees inputs only, the last outputs only, the model's both."""
    problems = _problems(_with(sensitiveInformationPolicyConfig={"piiEntitiesConfig": [entry]}), file)
    assert [level for level, message in problems if "never applies" in message] == ["warning"] * warned


@pytest.mark.parametrize(
    ("modalities", "file", "warned"),
    [
        ({"inputModalities": ["IMAGE"]}, "preprocess.yaml", ["inputModalities"]),
        ({"inputModalities": ["IMAGE"]}, "postprocess.yaml", []),
        (
            {"inputModalities": ["IMAGE"], "outputModalities": ["IMAGE"]},
            "model.yaml",
            ["inputModalities", "outputModalities"],
        ),
        ({"inputModalities": ["TEXT", "IMAGE"]}, "preprocess.yaml", []),
    ],
)
def test_filters_on_images_alone_are_warned_of(modalities: dict[str, Any], file: str, warned: list[str]) -> None:
    """The layers hand over texts, which such a filter does not look at."""
    entry = {"type": "SEXUAL", "inputStrength": "HIGH", "outputStrength": "HIGH", **modalities}
    found = _problems(_with(contentPolicyConfig={"filtersConfig": [entry]}), file)
    problems = [item for item in found if "no GROUNDING filter" not in item[1]]
    assert problems == [("warning", f"{member} has no TEXT: this filter does not check texts") for member in warned]


@pytest.mark.parametrize(("definition", "code"), [("All questions", 0), ("x " * 120, 1)])
def test_exit_code_reports_errors_only(
    definition: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings leave the exit code 0; the JSON names file, level, place and message."""
    file = tmp_path / "one.yaml"
    file.write_text(json.dumps(_topic(definition)), encoding="utf-8")
    assert lint.run(argparse.Namespace(paths=[str(file)], json=True, strict=False, probe=False)) == code
    (problem, *_) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["file"] == str(file)
    assert problem["level"] == ("error" if code else "warning")
    assert set(problem) == {"file", "level", "where", "message"}


REASONING: dict[str, Any] = {
    "automatedReasoningPolicyConfig": {
        "policies": ["arn:aws:bedrock:us-east-1:123456789012:automated-reasoning-policy/abcdefghijkl:1"],
        "confidenceThreshold": 0.9,
    }
}
PROFILE = {"crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"}}
ALONE = {name: value for name, value in GOOD.items() if not name.endswith("PolicyConfig")} | REASONING | PROFILE


def _standard(policy: str, **members: Any) -> dict[str, Any]:
    given = {"contentPolicyConfig": {"filtersConfig": _attack("NONE")["filtersConfig"]}, **_with(**members)}
    return given | PROFILE | {policy: {**given[policy], "tierConfig": {"tierName": "STANDARD"}}}


def test_a_language_that_the_tier_does_not_cover_is_a_warning() -> None:
    """German messages: the policy of the CLASSIC tier is named, that of the STANDARD tier is not; French is covered."""
    german = {"blockedInputMessaging": "Diese Frage kann ich leider nicht beantworten."}
    ((level, message),) = _problems(_standard("topicPolicyConfig", **german))
    assert (level, "texts of this guardrail are in de" in message) == ("warning", True)
    assert len(_problems(_standard("contentPolicyConfig", **german))) == 1
    assert _problems(_with(blockedInputMessaging="Je ne peux malheureusement pas répondre à cette question.")) == []


def _images(kind: str) -> dict[str, Any]:
    modalities = {"inputModalities": ["TEXT", "IMAGE"]}
    entry = {"type": kind, "inputStrength": "HIGH", "outputStrength": "HIGH", **modalities}
    return _with(contentPolicyConfig={"filtersConfig": [entry]})


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (_with(**REASONING, **PROFILE), "cannot evaluate automated reasoning policies"),
        (ALONE, "cannot evaluate automated reasoning policies"),
        (_images("VIOLENCE"), "judges images for SEXUAL only"),
    ],
)
def test_what_only_aws_evaluates_is_a_note(
    configuration: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is right: exit code 0, and 1 with --strict."""
    ((level, message),) = _problems(configuration)
    assert (level, words in message) == ("note", True)

    file = tmp_path / "other.yaml"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    for strict in (False, True):
        assert lint.run(argparse.Namespace(paths=[str(file)], json=False, strict=strict, probe=False)) == int(strict)
        assert capsys.readouterr().out.endswith("1 files, 0 errors, 0 warnings, 1 notes\n")


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ([], "policies"),
        (["arn:aws:bedrock:us-east-1:123456789012:guardrail/abcdefghijkl"], "pattern"),
        (REASONING["automatedReasoningPolicyConfig"]["policies"] * 3, "less than or equal to 2"),
    ],
)
def test_wrong_automated_reasoning_is_an_error(policies: Any, words: str) -> None:
    """Only what AWS accepts is a note alone."""
    configuration = _with(**PROFILE, automatedReasoningPolicyConfig={"policies": policies})
    (message,) = [message for level, message in _problems(configuration) if level == "error"]
    assert words in message


def test_automated_reasoning_is_warned_of_where_it_does_not_fit() -> None:
    """It proves answers, and AWS requires a profile."""
    found = [message for level, message in _problems(_with(**REASONING), "preprocess.yaml") if level == "warning"]
    assert all(words in message for words, message in zip(("the question", "crossRegionConfig"), found, strict=True))
