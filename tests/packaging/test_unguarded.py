"""A stage without any guard layer is refused unless Unguarded=yes says that it is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from stepguard.deploy.stack import StackError
from stepguard.deploy.stage import IDENTIFIERS, unguarded, values_of
from tests.packaging.conftest import Built
from tests.packaging.test_stack import FakeAws, stack

GIVEN = {"Guardrails": "given"}
PAIR = {"BedrockGuardrailIdentifier": "abc123", "BedrockGuardrailVersion": "1"}
REFUSED = {
    "no identifier": GIVEN,
    "a version alone": GIVEN | {"BedrockGuardrailVersion": "1"},
    "blanks": GIVEN | dict.fromkeys(IDENTIFIERS, " "),
    "unguarded, but made": {"Unguarded": "yes"},
    "unguarded, but given": GIVEN | PAIR | {"Unguarded": "yes"},
}
TAKEN: dict[str, tuple[dict[str, str], bool]] = {
    "made": ({}, False),
    "made, by name": ({"Guardrails": "create", "Unguarded": "no"}, False),
    "one pair": (GIVEN | PAIR, False),
    "explicit": (GIVEN | {"Unguarded": "yes"}, True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_layer_is_refused_before_anything_is_made(name: str) -> None:
    """The message names the parameters."""
    with pytest.raises(StackError, match="Unguarded=yes"):
        unguarded(REFUSED[name])


@pytest.mark.parametrize("name", TAKEN)
def test_a_layer_or_an_explicit_word_is_taken(name: str) -> None:
    """Whether the stage is unguarded is known before the change, and printed."""
    parameters, expected = TAKEN[name]

    assert unguarded(parameters) is expected


def test_the_stacks_own_parameters_count(built: Built) -> None:
    """An update keeps what it does not name."""
    aws = FakeAws("UPDATE_COMPLETE")
    aws.previous = [{"ParameterKey": name, "ParameterValue": value} for name, value in (GIVEN | PAIR).items()]

    assert unguarded(values_of(stack(aws), built.template, {})) is False
    with pytest.raises(StackError, match="without an identifier"):
        unguarded(values_of(stack(aws), built.template, dict.fromkeys(PAIR, "")))


@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_the_templates_rules_agree(built: Built, name: str) -> None:
    """CloudFormation refuses the same when the stack is made by other means; patterns of parameters refuse blanks."""
    template = built.template
    parameters = REFUSED.get(name) or TAKEN[name][0]
    values = {key: str(item.get("Default", "")) for key, item in template["Parameters"].items()} | parameters
    if any(" " in value for value in values.values() if value in parameters.values()):
        return

    assert holds(template["Rules"], values) is (name in TAKEN)


def holds(rules: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Whether the assertions of every rule that applies hold."""
    return all(
        evaluated(assertion["Assert"], values)
        for rule in rules.values()
        if "RuleCondition" not in rule or evaluated(rule["RuleCondition"], values)
        for assertion in rule["Assertions"]
    )


def evaluated(node: Any, values: Mapping[str, str]) -> Any:
    """A rule's function: Equals, And, Or, Not, Ref."""
    if not isinstance(node, Mapping):
        return str(node)
    ((name, arguments),) = node.items()
    if name == "Ref":
        return values[arguments]
    if name == "Fn::Equals":
        one, two = (evaluated(item, values) for item in arguments)
        return one == two
    found = [evaluated(item, values) for item in arguments]
    return {"Fn::And": all(found), "Fn::Or": any(found), "Fn::Not": not found[0]}[name]


def test_the_lambdas_get_the_word(built: Built) -> None:
    """The parameter is every Lambda's UNGUARDED, and no Lambda has another."""
    shared = built.template["Globals"]["Function"]["Environment"]["Variables"]
    functions = built.resources("AWS::Serverless::Function").values()

    assert shared["UNGUARDED"] == {"Ref": "Unguarded"}
    assert not [item for item in functions if "UNGUARDED" in item.get("Environment", {}).get("Variables", {})]
