"""CreateGuardrail under requests drawn from botocore's own model: what it allows is kept whole, all else refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.wire import ServiceError, service_model
from tests.unit.embedded_aws.bedrock.fakes import Api

_SHAPE = service_model("bedrock").operation_model("CreateGuardrail").input_shape
assert _SHAPE is not None
# Members that decide about the call rather than about the guardrail.
_LEFT_OUT = {"clientRequestToken", "tags", "automatedReasoningPolicyConfig"}


def _valid(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that keep every limit of a shape."""
    traits = shape.metadata
    low = traits.get("min", 0)
    if shape.type_name == "structure":
        members = {name: _valid(member) for name, member in shape.members.items() if name not in _LEFT_OUT}
        required = {name: member for name, member in members.items() if name in shape.required_members}
        optional = {name: member for name, member in members.items() if name not in shape.required_members}
        return st.fixed_dictionaries(required, optional=optional)
    if shape.type_name == "list":
        return st.lists(_valid(shape.member), min_size=low, max_size=min(traits.get("max", 3), low + 2))
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name in ("double", "float"):
        return st.floats(low, traits.get("max", 1.2))
    if "enum" in traits:
        return st.sampled_from(traits["enum"])
    if "pattern" in traits:
        texts = st.from_regex(traits["pattern"], fullmatch=True)
        return texts.filter(lambda text: low <= len(text) <= traits.get("max", 10**6))
    return st.text(st.characters(codec="utf-8"), min_size=low, max_size=min(traits.get("max", 20), low + 20))


_REQUESTS = _valid(_SHAPE)


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("bedrock")
    api = Api(folder)
    yield api
    api.bedrock.close()


def _suffixless(value: Any) -> Any:
    return {name.removesuffix("Config"): item for name, item in value.items()}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(_REQUESTS)
def test_accepted_guardrails_are_read_back_whole(api: Api, request: dict[str, Any]) -> None:
    """A request within the model's limits is refused by a rule of the user guide, or every policy is read back."""
    try:
        made = api.control("CreateGuardrail", **request)
    except ServiceError as error:
        refusal = error.code
    else:
        refusal = "ValidationException"
        read = api.control("GetGuardrail", guardrailIdentifier=made["guardrailId"])
        api.control("DeleteGuardrail", guardrailIdentifier=made["guardrailId"])
        for name, policy in request.items():
            if name.endswith("PolicyConfig") and policy:
                assert read[name.removesuffix("Config")] == _suffixless(policy)
    assert refusal == "ValidationException"


def _violations(shape: Shape, value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """(holder, key, bad value): each breaks one limit of one member that is present."""
    for name, member in shape.members.items():
        if name not in value:
            continue
        yield value, name, object()
        traits = member.metadata
        if "enum" in traits:
            yield value, name, "BOGUS"
        elif member.type_name == "string" and "max" in traits:
            yield value, name, "a" * (traits["max"] + 1)
        elif member.type_name == "double" and "min" in traits:
            yield value, name, traits["min"] - 0.01
        if member.type_name == "structure":
            yield from _violations(member, value[name])
        if member.type_name == "list":
            if "max" in traits and value[name]:
                yield value, name, value[name] * (traits["max"] + 1)
            for item in value[name] if member.member.type_name == "structure" else ():
                yield from _violations(member.member, item)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(_REQUESTS, st.randoms(use_true_random=False))
def test_one_broken_limit_is_a_validation_error(api: Api, request: dict[str, Any], random: Any) -> None:
    """Whatever single limit is broken, wherever, the request is refused and nothing is created."""
    request = copy.deepcopy(request)
    holder, key, bad = random.choice(list(_violations(_SHAPE, request)))
    holder[key] = bad
    with pytest.raises(ServiceError, match="validation error"):
        api.control("CreateGuardrail", **request)
    assert api.control("ListGuardrails")["guardrails"] == []
