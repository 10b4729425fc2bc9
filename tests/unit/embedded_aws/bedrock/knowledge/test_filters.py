"""The filter operators of Retrieve, with AWS's meaning for documents without the key."""

import pytest

from embedded_aws.bedrock.knowledge.filters import Columns, check
from embedded_aws.wire import ServiceError

ROWS: list[dict[str, object]] = [
    {"topic": "food", "year": 2024, "groups": ["everyone"]},
    {"topic": "fire", "year": 2025.5, "groups": ["staff", "doctors"]},
    {"open": True},
    {},
]

BEGINS_WITH_F = {"startsWith": {"key": "topic", "value": "f"}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"equals": {"key": "topic", "value": "food"}}, {0}),
        ({"equals": {"key": "open", "value": True}}, {2}),
        ({"equals": {"key": "open", "value": 1}}, set()),
        ({"equals": {"key": "groups", "value": "staff"}}, {1}),
        ({"notEquals": {"key": "topic", "value": "food"}}, {1, 2, 3}),
        ({"in": {"key": "topic", "value": ["food", "water"]}}, {0}),
        ({"in": {"key": "groups", "value": ["nurses", "doctors"]}}, {1}),
        ({"notIn": {"key": "topic", "value": ["food", "water"]}}, {1, 2, 3}),
        ({"greaterThan": {"key": "year", "value": 2024}}, {1}),
        ({"greaterThanOrEquals": {"key": "year", "value": 2024}}, {0, 1}),
        ({"lessThan": {"key": "year", "value": 2025}}, {0}),
        ({"lessThanOrEquals": {"key": "year", "value": 2024}}, {0}),
        ({"greaterThan": {"key": "topic", "value": 1}}, set()),
        ({"startsWith": {"key": "topic", "value": "f"}}, {0, 1}),
        ({"stringContains": {"key": "topic", "value": "oo"}}, {0}),
        ({"stringContains": {"key": "groups", "value": "taf"}}, {1}),
        ({"listContains": {"key": "groups", "value": "everyone"}}, {0}),
        ({"listContains": {"key": "topic", "value": "food"}}, set()),
        ({"andAll": [BEGINS_WITH_F, {"lessThan": {"key": "year", "value": 2025}}]}, {0}),
        ({"orAll": [BEGINS_WITH_F, {"equals": {"key": "open", "value": True}}]}, {0, 1, 2}),
    ],
)  # fmt: skip
def test_an_operator_matches(condition: dict[str, object], expected: set[int]) -> None:
    check(condition, on_text=True)
    mask = Columns(ROWS).mask(condition)
    assert {number for number, matches in enumerate(mask) if matches} == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"in": {"key": "a", "value": "text"}},
        {"notIn": {"key": "a", "value": []}},
        {"greaterThan": {"key": "a", "value": "3"}},
        {"lessThan": {"key": "a", "value": True}},
        {"startsWith": {"key": "a", "value": 1}},
        {"equals": {"key": "a", "value": ["list"]}},
        {"equals": {"key": "a"}},
        {"orAll": [{"equals": {"key": "a", "value": 1}}, {"listContains": {"key": "a", "value": 1}}]},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(condition: dict[str, object]) -> None:
    with pytest.raises(ServiceError, match="ValidationException: The value of the filter operator"):
        check(condition, on_text=True)


def test_operators_on_parts_of_a_text_need_a_store_that_has_them() -> None:
    nested = {"andAll": [{"equals": {"key": "a", "value": 1}}, {"startsWith": {"key": "a", "value": "b"}}]}
    check(nested, on_text=True)
    with pytest.raises(ServiceError, match="startsWith is not supported"):
        check(nested, on_text=False)
