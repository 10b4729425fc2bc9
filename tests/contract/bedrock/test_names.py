"""Every list of Bedrock's names is complete: compared with the enums of botocore's model."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from embedded_aws.bedrock.api import limits
from embedded_aws.bedrock.detection import IMAGE_TYPES
from embedded_aws.bedrock.detectors import pii
from embedded_aws.bedrock.detectors.content import filters, heads, prompt_attack
from embedded_aws.bedrock.detectors.content.grades import Confidence
from embedded_aws.bedrock.detectors.images import THRESHOLDS
from embedded_aws.bedrock.detectors.pii.resolve import _FAMILIES
from embedded_aws.bedrock.policies import base, content
from embedded_aws.wire.models import service_model
from stepguard.evaluation.items import POLICIES
from stepguard.guard import bedrock_names
from stepguard.guard import verdict as verdicts
from stepguard.guard.automated_reasoning import AUTOMATED_REASONING
from stepguard.trace.exports.placeholders import Replacements
from training import examples, fit

ROOT = Path(__file__).parents[3]


def enum(shape: str, service: str = "bedrock") -> list[str]:
    """The names of an enum in botocore's model."""
    names = service_model(service).shape_for(shape).enum
    assert names, shape
    return list(names)


RUNTIME = "bedrock-runtime"
ENUMS = {
    "CONTENT_FILTERS": [enum("GuardrailContentFilterType"), enum("GuardrailContentFilterType", RUNTIME)],
    "GROUNDING_FILTERS": [
        enum("GuardrailContextualGroundingFilterType"),
        enum("GuardrailContextualGroundingFilterType", RUNTIME),
    ],
    "MANAGED_WORDS": [enum("GuardrailManagedWordsType"), enum("GuardrailManagedWordType", RUNTIME)],
    "STRENGTHS": [enum("GuardrailFilterStrength"), enum("GuardrailContentFilterStrength", RUNTIME)],
    "CONFIDENCES": [enum("GuardrailContentFilterConfidence", RUNTIME)],
    "FINDING_ACTIONS": [enum("GuardrailSensitiveInformationPolicyAction", RUNTIME)],
    "RESPONSE_ACTIONS": [enum("GuardrailAction", RUNTIME)],
    "REASONING_FINDINGS": [list(service_model(RUNTIME).shape_for("GuardrailAutomatedReasoningFinding").members)],
    "LOGIC_WARNINGS": [enum("GuardrailAutomatedReasoningLogicWarningType", RUNTIME)],
    "PII_TYPES": [enum("GuardrailPiiEntityType"), enum("GuardrailPiiEntityType", RUNTIME)],
}
PII = set(ENUMS["PII_TYPES"][0])
CONTENT = set(ENUMS["CONTENT_FILTERS"][0])
STRENGTHS = ENUMS["STRENGTHS"][0]
ACTIONS = enum("GuardrailSensitiveInformationAction")


def tuples_of_names() -> set[str]:
    """The names of all tuples in the module."""
    return {name for name, value in vars(bedrock_names).items() if isinstance(value, tuple)}


@pytest.mark.parametrize("name", sorted(tuples_of_names()))
def test_names_of_the_product_are_botocores(name: str) -> None:
    """No name is missing, invented or listed twice."""
    for names in ENUMS[name]:
        assert sorted(getattr(bedrock_names, name)) == sorted(names)


def test_levels_are_in_order() -> None:
    """Strengths and confidences rise as in botocore's model: comparisons use the position."""
    assert list(bedrock_names.STRENGTHS) == STRENGTHS
    assert list(bedrock_names.CONFIDENCES) == ENUMS["CONFIDENCES"][0] == list(get_args(Confidence))


def test_policies_that_report_findings_are_those_of_an_assessment() -> None:
    """Each policy of the runtime's assessment has a reader, and corpora can name it."""
    members = service_model(RUNTIME).shape_for("GuardrailAssessment").members
    known = {name for name in members if name.endswith("Policy")}
    assert {*verdicts._POLICIES, "automatedReasoningPolicy"} == known
    assert sorted([*(policy for policy, _ in verdicts._POLICIES.values()), AUTOMATED_REASONING]) == sorted(POLICIES)


def test_content_filters_have_a_detector_and_weights() -> None:
    """The text filters, the prompt attack filter and the heads that are trained are the filters of the model."""
    assert len(filters.TYPES) == len(set(filters.TYPES))
    assert (
        {*filters.TYPES, prompt_attack.TYPE} == CONTENT == set(examples.HEADS) == set(fit.FLOORS) == set(heads.MARGINS)
    )
    assert prompt_attack.TYPE == content.PROMPT_ATTACK == bedrock_names.PROMPT_ATTACK
    assert CONTENT > IMAGE_TYPES


def test_detectors_grade_with_the_levels_of_bedrock() -> None:
    """Each strength acts on something known, each action has its past form, each tier its limit."""
    assert set(content._ACTS_ON) == set(STRENGTHS)
    assert set(THRESHOLDS) == set(STRENGTHS) - {"NONE"}
    assert set(base._DONE) == set(ACTIONS)
    assert set(base._DONE.values()) == set(bedrock_names.FINDING_ACTIONS)
    assert set(limits._DEFINITION_LENGTH) == set(enum("GuardrailTopicsTierName"))


def test_pii_types_that_exclude_each_other_are_complete() -> None:
    """Every type but PASSWORD is in a family; all types with digits are in the family of numbers."""
    numbers, *others = _FAMILIES
    words = {"NAME", "ADDRESS", "URL", "EMAIL", "USERNAME"}
    assert numbers == PII - words - {"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD"}
    assert others[0] == words
    assert set().union(*others) <= PII
    assert set().union(numbers, *others) == PII - {"PASSWORD"}


PEOPLE = {
    "EMAIL": "maria.gomez@clinic.org",
    "PHONE": "(212) 867-5309",
    "ADDRESS": "742 Evergreen Terrace, Springfield, IL 62704",
    "IP_ADDRESS": "203.0.114.77",
    "URL": "https://clinic.org/maria",
    "US_SOCIAL_SECURITY_NUMBER": "536-22-8791",
    "USERNAME": "mgomez81",
    "NAME": "Maria Gomez",
}
RESERVED = r"person\d|555-01\d\d|Oak Street|192\.0\.2\.|example\.com|219-09-99|Lopez"


@pytest.mark.parametrize(("kind", "value"), PEOPLE.items())
def test_types_with_reserved_examples_are_replaced_by_them(kind: str, value: str) -> None:
    """A recorded test contains values that are reserved for examples, so it cannot name another person by accident."""
    assert kind in PII
    assert re.search(RESERVED, Replacements([(value, kind)]).text(value))


@pytest.mark.parametrize("kind", sorted(PII - set(PEOPLE)))
def test_other_types_are_replaced_too(kind: str) -> None:
    """Without a reserved example, a value keeps its form with other letters and digits."""
    replaced = Replacements([("AB12-34cd", kind)]).text("AB12-34cd")
    assert replaced != "AB12-34cd"
    assert re.fullmatch(r"[A-Z]{2}\d\d-\d\d[a-z]{2}", replaced)


def test_filter_form_of_the_page_offers_every_policy() -> None:
    """The page's filters and its words for policies are the policies of findings."""
    page = (ROOT / "web" / "list.js").read_text(encoding="utf-8")
    found = re.search(r"^  policy: (\[.*\]),$", page, re.MULTILINE)
    assert found
    assert sorted(ast.literal_eval(found[1])) == sorted(POLICIES)
    words = re.search(r"^const POLICIES = \{(.*?)^\}", (ROOT / "web/words.js").read_text("utf-8"), re.M | re.S)
    assert words
    assert sorted(re.findall(r"^  (\w+):", words[1], re.M)) == sorted(POLICIES)


def test_long_lists_of_pii_types_exist_once() -> None:
    """No other module of the product or the embedded AWS lists most PII types, except the families of numbers."""
    holders = []
    for package in ("stepguard", "embedded_aws", "functions", "bench"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if sum(bool(re.search(rf"\b{kind}\b", text)) for kind in PII) > len(PII) / 2:
                holders.append(path.relative_to(ROOT).as_posix())
    assert sorted(holders) == ["embedded_aws/bedrock/detectors/pii/resolve.py", "stepguard/guard/bedrock_names.py"]


def test_pii_find_accepts_every_type() -> None:
    """Each type alone can be requested of the detector."""
    text = "write to maria.gomez@clinic.org"
    assert [span.label for span in pii.find(text, bedrock_names.PII_TYPES)] == ["EMAIL"]
    assert {kind for kind in PII if pii.find(text, [kind])} == {"EMAIL"}
