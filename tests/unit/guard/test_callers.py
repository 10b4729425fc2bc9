"""Who asks, and who may read what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.callers import ANONYMOUS, Caller, operators_of, read_caller

USER = "arn:aws:iam::123456789012:user/a"
SESSION = "arn:aws:sts::123456789012:assumed-role/Ops/alice"
ROLE = "arn:aws:iam::123456789012:role/some/path/Ops"


@pytest.mark.parametrize(
    ("context", "who"),
    [
        ({"authorizer": {"claims": {"sub": "user-1"}}, "identity": {"userArn": "arn"}}, "user-1"),
        ({"identity": {"userArn": USER, "caller": "AIDA"}}, USER),
        ({"identity": {"caller": "AIDA", "userArn": None}}, "AIDA"),
        ({"identity": {"sourceIp": "1.2.3.4"}}, ANONYMOUS),
        ({"authorizer": None, "identity": None}, ANONYMOUS),
        ({}, ANONYMOUS),
    ],
)
def test_the_caller_is_whom_api_gateway_knows(context: dict[str, Any], who: str) -> None:
    """The Cognito subject, else the IAM principal; never anything that the body says."""
    assert read_caller(context).id == who


@pytest.mark.parametrize("groups", ["staff,operators", ["staff", "operators"], "staff, operators"])
def test_cognito_groups_are_read(groups: object) -> None:
    """A REST API hands the claim on as text."""
    caller = read_caller({"authorizer": {"claims": {"sub": "u", "cognito:groups": groups}}})

    assert caller == Caller("u", frozenset({"staff", "operators"}))


def test_groups_without_a_subject_are_nobodys() -> None:
    """Claims that name no subject give no rights."""
    context = {"authorizer": {"claims": {"cognito:groups": "operators"}}, "identity": {"userArn": USER}}

    assert read_caller(context) == Caller(USER)


@pytest.mark.parametrize(
    ("caller", "operators", "expected"),
    [
        (Caller("u", frozenset({"operators"})), "operators", True),
        (Caller("u", frozenset({"staff"})), "operators", False),
        (Caller(USER), USER, True),
        (Caller(SESSION), ROLE, True),
        (Caller(SESSION), f" x , {ROLE} ", True),
        (Caller(SESSION.replace("Ops", "Dev")), ROLE, False),
        (Caller(SESSION.replace("123456789012", "210987654321")), ROLE, False),
        (Caller("arn:aws:iam::123456789012:user/Ops"), ROLE, False),
        (Caller("u", frozenset({ROLE})), ROLE, False),
        (Caller("operators"), "operators", False),
        (Caller(ANONYMOUS), "", False),
        (Caller("not an arn"), "also none", False),
    ],
)
def test_operators(caller: Caller, operators: str, *, expected: bool) -> None:
    """A group by its name, a user by its ARN, a role for its sessions; and no name of one kind counts for another."""
    assert caller.is_operator(operators_of(operators)) is expected


@given(st.text(), st.text(), st.frozensets(st.text()))
def test_nobody_reads_anothers_execution(one: str, other: str, groups: frozenset[str]) -> None:
    """Without operators: exactly the caller who started it."""
    document = {"request": {"text": "x", "caller": one}}

    assert Caller(other, groups).may_read(document, frozenset()) is (one == other)


@pytest.mark.parametrize("document", [{}, {"request": None}, {"request": {}}, {"request": "x"}, {"run": {}}])
def test_an_execution_without_a_caller_is_for_operators(document: dict[str, Any]) -> None:
    """What tells no owner is nobody's."""
    assert not Caller(ANONYMOUS).may_read(document, frozenset())
    assert Caller("u", frozenset({"ops"})).may_read(document, frozenset({"ops"}))
