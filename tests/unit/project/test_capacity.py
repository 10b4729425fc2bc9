"""Chats and items a second, by AWS's default quotas."""

from __future__ import annotations

import re

import pytest

from docs.generate import capacity as page
from stepguard.evaluation.quotas import QUOTAS
from stepguard.guard.stages import Layer
from stepguard.project.capacity import Limit, chat_limits, item_limits
from stepguard.project.costs import Assumed
from stepguard.project.deployment_costs import deployment_of
from stepguard.project.folder import builtin_project
from tests.paths import ROOT

STANDARD = deployment_of(builtin_project())
ALARMS = (ROOT / "statemachine/cloudformation/alarms.yaml").read_text(encoding="utf-8")


def _rates(limits: list[Limit], *, large: bool = True) -> dict[str, float]:
    return {limit.name: limit.rate(large=large) for limit in limits}


@pytest.mark.parametrize("name", QUOTAS)
def test_each_quota_has_its_date_and_its_source(name: str) -> None:
    """A figure without them cannot be checked again."""
    quota = QUOTAS[name]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", quota.checked)
    assert re.fullmatch(r"20\d\d-\d\d|undated", quota.copied)
    assert quota.source.startswith("https://docs.aws.amazon.com/")
    assert quota.other <= quota.large
    assert quota.burst_other <= quota.burst_large


def test_the_narrowest_quota_comes_first() -> None:
    """By hand: 200 calls of the model a minute; 50 topic units, four a chat; 50 ApplyGuardrail, two a chat."""
    limits = chat_limits(STANDARD)
    rates = _rates(limits)
    assert limits[0].name == "bedrock-runtime:model"
    assert list(rates.values()) == sorted(rates.values())
    assert rates["bedrock-runtime:model"] == pytest.approx(200 / 60)
    assert rates["bedrock-runtime:topicPolicyUnits"] == 12.5
    assert rates["bedrock-runtime:ApplyGuardrail"] == 25
    assert rates["lambda:concurrency"] == pytest.approx(1000 / 21.5)
    assert _rates(limits, large=False)["bedrock-runtime:contentPolicyUnits"] == 6.25


def test_a_layer_that_is_off_uses_no_quota() -> None:
    """Without the answer layer one ApplyGuardrail a chat, and three topic units."""
    rates = _rates(chat_limits(STANDARD.only([Layer.PREPROCESS, Layer.MODEL])))
    assert rates["bedrock-runtime:ApplyGuardrail"] == 50
    assert rates["bedrock-runtime:topicPolicyUnits"] == pytest.approx(50 / 3)


def test_longer_texts_use_more_of_the_units_only() -> None:
    """Requests and executions are counted, not texts."""
    short, long = _rates(chat_limits(STANDARD)), _rates(chat_limits(STANDARD, Assumed(question_units=5)))
    assert long["bedrock-runtime:topicPolicyUnits"] == pytest.approx(50 / 12)
    assert long["bedrock-runtime:wordPolicyUnits"] == pytest.approx(200 / 12)
    assert long["bedrock-runtime:ApplyGuardrail"] == short["bedrock-runtime:ApplyGuardrail"]


def test_documents_are_limited_by_topics() -> None:
    """2,000 characters, two layers: four units each; no model, no table."""
    limits = item_limits(STANDARD, 2)
    assert (limits[0].name, limits[0].rate(large=True)) == ("bedrock-runtime:topicPolicyUnits", 12.5)
    assert not {"bedrock-runtime:model", "dynamodb:reads", "stepfunctions:StartExecution"} & set(_rates(limits))


def test_alarms_go_off_at_80_of_100_of_the_quotas() -> None:
    """The template's defaults are those that the page computes."""
    defaults = dict(re.findall(r"^  (\w+):\n    Type: Number\n    Default: (\d+)", ALARMS, re.MULTILINE))
    assert defaults["CapacityRunsPerMinute"] == str(page.runs_per_minute())
    assert defaults["ConcurrencyAlarmThreshold"] == f"{0.8 * QUOTAS['lambda:concurrency'].large:.0f}"
    named = {*page.ALARMS.values(), "CapacityAlarm"}
    assert named <= set(re.findall(r"^  (\w+Alarm):$", ALARMS, re.MULTILINE))
