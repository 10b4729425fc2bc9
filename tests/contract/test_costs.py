"""Costs in the documents are computed, and the states that they count are those that the engine enters."""

from __future__ import annotations

import re

import pytest

from stepguard.evaluation.prices import PRICES
from stepguard.project import state_paths as paths
from stepguard.project.calls import CHAT_CALLS
from stepguard.project.capacity import chat_limits
from stepguard.project.costs import ANSWERED, BLOCKED_BY_INPUT, Assumed, chat_usage, total
from stepguard.project.deployment_costs import deployment_of
from stepguard.project.folder import builtin_project
from tests.paths import ROOT
from tests.workflow.scenarios import SCENARIOS

STANDARD = deployment_of(builtin_project())
PATHS = {
    "answered": paths.ANSWERED,
    "question blocked": paths.BLOCKED_BY_INPUT,
    "answer blocked": paths.BLOCKED_BY_ANSWER,
    "model does not know": paths.NO_ANSWER,
    "document screened": paths.SCREENED,
}


@pytest.mark.parametrize("name", PATHS)
def test_counted_states_are_those_of_the_workflow(name: str) -> None:
    """tests/workflow runs the scenarios on the engine and on moto."""
    scenario = next(entry for entry in SCENARIOS if entry.name == name)
    assert paths.path(STANDARD.definition, PATHS[name]) == list(scenario.path)


def test_readme_has_the_computed_cost_of_a_chat() -> None:
    """Rounded to the cent, for a thousand chats."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    stated = re.search(r"cost about USD ([\d.]+) with .*? blocks USD ([\d.]+) ", readme)
    assert stated
    computed = (1000 * total(chat_usage(STANDARD, outcome, Assumed())) for outcome in (ANSWERED, BLOCKED_BY_INPUT))
    assert stated.groups() == tuple(f"{value:.2f}" for value in computed)


def test_readme_has_the_calls_and_the_first_limit_of_a_chat() -> None:
    """Those of docs/operate/capacity.md."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    stated = re.search(r"makes (\d+) AWS calls, (\d+) of them reads .*? permits ([\d.]+) chats a second", readme)
    assert stated
    first = chat_limits(STANDARD)[0].rate(large=True)
    assert stated.groups() == (str(sum(CHAT_CALLS.values())), str(CHAT_CALLS["dynamodb:GetItem"]), f"{first:.1f}")


def test_dashboard_has_the_price_of_a_text_unit() -> None:
    """Its parameter's default, in dollars for one unit."""
    dashboard = (ROOT / "statemachine/cloudformation/dashboard.yaml").read_text(encoding="utf-8")
    stated = re.search(r"ContentUnitPrice:\n    Type: Number\n    Default: ([\d.]+)", dashboard)
    assert stated
    assert float(stated[1]) == pytest.approx(PRICES["contentPolicyUnits"].of(1))


def test_prices_are_typed_in_one_module_only() -> None:
    """docs/operate/deploy.md had typed tables, which a changed definition made wrong."""
    assert "USD" not in (ROOT / "docs/operate/deploy.md").read_text(encoding="utf-8").replace("USD a month", "")
