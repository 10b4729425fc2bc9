"""Qualifiers of blocks: which are guarded, and how sources and a query ground an answer."""

from __future__ import annotations

from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, grounding, pii, section, words


def _apply(api: Api, guardrail: str, *blocks: tuple[str, list[str]], source: str = "OUTPUT") -> dict[str, Any]:
    return api.runtime(
        "ApplyGuardrail",
        guardrailIdentifier=guardrail,
        guardrailVersion="DRAFT",
        source=source,
        content=[{"text": {"text": text, "qualifiers": qualifiers}} for text, qualifiers in blocks],
    )


def test_only_guard_content_is_guarded_when_there_is_any(api: Api) -> None:
    """Marked blocks are judged and masked, the others only counted."""
    made = api.guardrail(**pii("NAME"))
    answer = _apply(api, made, ("Alice", []), ("Bob!", ["guard_content"]), ("Alice", ["query"]))
    assert answer["outputs"] == [{"text": "{NAME}!"}]
    assert answer["guardrailCoverage"] == {"textCharacters": {"guarded": 4, "total": 14}}


def test_source_and_query_are_not_guarded(api: Api) -> None:
    """Without guard_content, the blocks without qualifiers are judged."""
    made = api.guardrail(**pii("NAME"))
    answer = _apply(api, made, ("Alice", ["grounding_source"]), ("Alice", ["query"]), ("Bob", []))
    assert answer["outputs"] == [{"text": "{NAME}"}]


def test_qualifiers_cannot_leave_everything_unguarded(api: Api) -> None:
    """A request of nothing but source and query is judged whole."""
    made = api.guardrail()
    assert _apply(api, made, ("forbidden", ["query"]))["action"] == "GUARDRAIL_INTERVENED"


def test_block_can_be_query_and_guarded(api: Api) -> None:
    """Qualifiers add up."""
    made = api.guardrail()
    assert _apply(api, made, ("forbidden", ["query", "guard_content"]), ("x", []))["action"] == "GUARDRAIL_INTERVENED"


def test_ungrounded_answer_is_blocked(api: Api) -> None:
    """A score under its threshold blocks, and reports score and threshold; several sources are one."""
    made = api.guardrail(**grounding(GROUNDING=0.7, RELEVANCE=0.5))
    answer = _apply(
        api,
        made,
        ("the sky is blue", ["grounding_source"]),
        ("grass is green", ["grounding_source"]),
        ("colour of sky", ["query"]),
        ("the sky is made of cheese", []),
    )
    assert answer["outputs"] == [{"text": "Output refused."}]
    blocking = {"type": "GROUNDING", "threshold": 0.7, "score": 0.5, "action": "BLOCKED", "detected": True}
    assert section(answer, "contextualGroundingPolicy") == {"filters": [blocking]}
    assert answer["usage"]["contextualGroundingPolicyUnits"] == 1


def test_grounding_is_not_for_inputs(api: Api) -> None:
    """An input needs no grounding source."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    assert api.apply(made, "anything")["action"] == "NONE"


@pytest.mark.parametrize(
    ("blocks", "missing"),
    [
        ([("answer", [])], "grounding source"),
        ([("source", ["grounding_source"]), ("answer", [])], "query"),
        ([("source", ["grounding_source"]), ("query", ["query"])], "content to guard"),
    ],
)
def test_grounding_needs_source_query_and_answer(api: Api, blocks: list[tuple[str, list[str]]], missing: str) -> None:
    """A guardrail with a grounding policy refuses a request without one of the three."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    with pytest.raises(ServiceError, match=f"does not contain the {missing}") as caught:
        _apply(api, made, *blocks)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("source", "query", "answer"),
    [(100_001, 1, 1), (1, 1001, 1), (1, 1, 5001)],
    ids=["source", "query", "answer"],
)
def test_grounding_has_its_own_length_limits(api: Api, source: int, query: int, answer: int) -> None:
    """100,000, 1,000 and 5,000 characters."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    with pytest.raises(ServiceError, match="at most"):
        _apply(api, made, ("s" * source, ["grounding_source"]), ("q" * query, ["query"]), ("a" * answer, []))


def test_switched_off_grounding_filter_needs_nothing(api: Api) -> None:
    """enabled false: as if the filter were not there."""
    policy = {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7, "enabled": False}]}
    made = api.guardrail(contextualGroundingPolicyConfig=policy, **words("forbidden"))
    assert api.apply(made, "answer", source="OUTPUT")["action"] == "NONE"
