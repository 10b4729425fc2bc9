"""The cost of a chat follows from the definition, the guardrails and the table of prices."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from stepguard.evaluation.prices import PRICES, count_units, guardrail_cost, policies_of
from stepguard.guard.stages import Direction, Layer
from stepguard.project import state_paths as paths
from stepguard.project.costs import (
    ANSWERED,
    BLOCKED_BY_ANSWER,
    BLOCKED_BY_INPUT,
    BLOCKED_BY_MODEL,
    OUTCOMES,
    Assumed,
    chat_usage,
    cost,
    document_usage,
    total,
)
from stepguard.project.deployment_costs import chat_dollars, deployment_of, document_dollars
from stepguard.project.folder import builtin_project

PROJECT = builtin_project()
STANDARD = deployment_of(PROJECT)


@pytest.mark.parametrize("name", PRICES)
def test_each_price_has_its_date_and_its_source(name: str) -> None:
    """A figure without them cannot be checked again."""
    price = PRICES[name]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", price.checked)
    assert re.fullmatch(r"20\d\d-\d\d|undated", price.copied)
    assert price.source.startswith("https://aws.amazon.com/")
    assert price.region == "us-east-1"


def test_a_chat_costs_what_its_parts_cost() -> None:
    """By hand: 4 x 0.15 + 4 x 0.15 + 2 x 0.10 for 1,000 text units, and the tokens of DeepSeek-R1."""
    usage = chat_usage(STANDARD, ANSWERED, Assumed())
    assert usage.text_units == {
        "topicPolicyUnits": 4,
        "contentPolicyUnits": 4,
        "sensitiveInformationPolicyUnits": 2,
    }
    costs = cost(usage)
    assert costs["guardrails"] == pytest.approx(0.0014)
    assert costs["guardrails"] == pytest.approx(guardrail_cost(usage.text_units)["dollars"])
    assert costs["model"] == pytest.approx((300 * 1.35 + 300 * 5.40) / 1e6)
    assert costs["Step Functions"] == pytest.approx(usage.counts["transitions"] * 0.025 / 1000)
    assert total(usage) == pytest.approx(sum(costs.values()))


def test_a_block_costs_only_what_ran_before_it() -> None:
    """A question that the input layer blocks costs no model and one guardrail."""
    blocked = chat_usage(STANDARD, BLOCKED_BY_INPUT, Assumed())
    assert not blocked.tokens
    assert cost(blocked)["guardrails"] == pytest.approx(0.0004)
    assert cost(chat_usage(STANDARD, BLOCKED_BY_MODEL, Assumed()))["guardrails"] == pytest.approx(0.0010)
    assert max(OUTCOMES, key=lambda end: total(chat_usage(STANDARD, end, Assumed()))) == BLOCKED_BY_ANSWER


def test_a_layer_that_is_off_costs_no_text_units() -> None:
    """Its Lambda still runs and says so."""
    without = STANDARD.only([Layer.PREPROCESS, Layer.MODEL])
    usage = chat_usage(without, ANSWERED, Assumed())
    assert usage.counts == chat_usage(STANDARD, ANSWERED, Assumed()).counts
    assert cost(usage)["guardrails"] == pytest.approx(0.0010)


def test_an_express_chat_costs_a_request_and_its_time() -> None:
    """AWS rounds the time up to 0.1 seconds and the memory to 64 MB."""
    express = chat_usage(replace(STANDARD, express=True), ANSWERED, Assumed(between_seconds=0.31))
    assert express.counts["transitions"] == 0
    assert express.counts["express_requests"] == 1
    assert express.counts["express_seconds"] == pytest.approx(11.0 * 64 / 1024)
    assert cost(express)["Step Functions"] == pytest.approx(1e-6 + 11.0 / 16 * 16.67e-6)


def test_grounding_is_charged_for_passages_question_and_answer() -> None:
    """And only if there are passages."""
    policies = policies_of({"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING"}]}})
    assert count_units(policies, 1) == {}
    assert count_units(policies, 1, 6) == {"contextualGroundingPolicyUnits": 7}


@pytest.mark.parametrize(
    ("entry", "inputs", "outputs"),
    [({}, 1, 1), ({"inputEnabled": False}, 0, 1), ({"outputEnabled": False}, 1, 0), ({"enabled": False}, 0, 0)],
)
def test_an_entry_that_is_off_is_not_charged(entry: dict[str, bool], inputs: int, outputs: int) -> None:
    """In its direction; AWS does not evaluate it there."""
    guardrail = {"topicPolicy": {"topics": [entry]}}
    assert policies_of(guardrail, Direction.INPUT).get("topicPolicyUnits", 0) == inputs
    assert policies_of(guardrail, Direction.OUTPUT).get("topicPolicyUnits", 0) == outputs


def test_each_reasoning_policy_is_charged() -> None:
    """AWS's price is per policy."""
    guardrail = {"automatedReasoningPolicyConfig": {"policies": ["arn:1", "arn:2"]}}
    assert count_units(policies_of(guardrail), 3) == {"automatedReasoningPolicyUnits": 6}


def test_a_document_costs_two_layers_and_a_child() -> None:
    """2,000 characters are two text units for each policy."""
    usage = document_usage(replace(STANDARD, express=True), 2, Assumed())
    assert cost(usage)["guardrails"] == pytest.approx(2 * 2 * 0.0004)
    assert usage.counts["transitions"] == 1  # the start of the child
    assert document_dollars(PROJECT) == pytest.approx(total(usage))


def test_the_dearest_end_is_the_price_of_a_chat() -> None:
    """verify-aws says what it costs at most."""
    assert chat_dollars(PROJECT) == max(total(chat_usage(STANDARD, end, Assumed())) for end in OUTCOMES)


def test_a_path_that_does_not_exist_is_an_error() -> None:
    """A renamed state must not make a chat cheaper."""
    with pytest.raises(LookupError, match="no path from GuardInput to Renamed"):
        paths.path(STANDARD.definition, ["GuardInput", "Renamed"])
