"""Who asks, and who may read what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.callers import ANONYMOUS, Caller, operators_of, read_caller
from stepguard.guard.errors import ConfigurationError

USER = "arn:aws:iam::123456789012:user/a"
SESSION = "arn:aws:sts::123456789012:assumed-role/Ops/alice"
OTHER_SESSION = SESSION.replace("alice", "mallory")
FEDERATED = "arn:aws:sts::123456789012:federated-user/bob"
ROOT = "arn:aws:iam::123456789012:root"
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


@pytest.mark.parametrize(
    "groups", ["staff,operators", ["staff", "operators"], "staff, operators", "[staff operators]", "[staff, operators]"]
)
def test_cognito_groups_are_read(groups: object) -> None:
    """A REST API passes the claim as text; an HTTP API passes its array as text in brackets, in another place."""
    claims = {"claims": {"sub": "u", "cognito:groups": groups}}

    for authorizer in (claims, {"jwt": claims}):
        assert read_caller({"authorizer": authorizer}) == Caller("u", frozenset({"staff", "operators"}), pooled=True)


@pytest.mark.parametrize("groups", [None, "", "[]", [], 5, {"operators": 1}])
def test_a_user_without_groups_has_none(groups: object) -> None:
    """An unknown shape gives no rights."""
    context = {"authorizer": {"claims": {"sub": "u", "cognito:groups": groups}}}

    assert read_caller(context) == Caller("u", pooled=True)


def test_groups_without_a_subject_are_nobodys() -> None:
    """Claims that name no subject give no rights."""
    context = {"authorizer": {"claims": {"cognito:groups": "operators"}}, "identity": {"userArn": USER}}

    assert read_caller(context) == Caller(USER, pooled=True)


@pytest.mark.parametrize(
    ("caller", "operators", "expected"),
    [
        (Caller("u", frozenset({"operators"})), "operators", True),
        (Caller("u", frozenset({"staff"})), "operators", False),
        (Caller(USER), USER, True),
        (Caller(USER), USER.replace("user/a", "user/ab"), False),
        (Caller(USER), USER.replace("user/a", "user/x/a"), False),
        (Caller("arn:aws:iam::123456789012:user/x/a"), "arn:aws:iam::123456789012:user/x/a", True),
        (Caller(ROOT), ROOT, True),
        (Caller(USER), ROOT, False),
        (Caller(FEDERATED), FEDERATED, True),
        (Caller(FEDERATED), FEDERATED.replace("bob", "bobby"), False),
        (Caller(SESSION), SESSION, True),
        (Caller(OTHER_SESSION), SESSION, False),
        (Caller(OTHER_SESSION), f"{SESSION},{ROLE}", True),
        (Caller(SESSION), ROLE, True),
        (Caller(SESSION), ROLE.replace("some/path/", ""), True),
        (Caller(SESSION), ROLE.replace("arn:aws:", "arn:aws-us-gov:"), False),
        (Caller(SESSION), ROLE.replace("/Ops", "/Ops2"), False),
        (Caller(SESSION), ROLE.replace("/Ops", "/ops"), False),
        (Caller(SESSION, pooled=True), f"{SESSION},{ROLE}", False),
        (Caller(SESSION), f" x , {ROLE} ", True),
        (Caller(SESSION.replace("Ops", "Dev")), ROLE, False),
        (Caller(SESSION.replace("123456789012", "210987654321")), ROLE, False),
        (Caller("arn:aws:iam::123456789012:user/Ops"), ROLE, False),
        (Caller("u", frozenset({ROLE})), ROLE, False),
        (Caller("operators"), "operators", False),
        (Caller(ANONYMOUS), "", False),
        (Caller("no-arn"), "another", False),
    ],
)
def test_operators(caller: Caller, operators: str, *, expected: bool) -> None:
    """A group by its name, a user by its ARN, a role for its sessions; and no name of one kind counts for another."""
    assert caller.is_operator(operators_of(operators)) is expected


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "ops*",
        "arn:aws:iam::123456789012:user/*",
        "arn:aws:iam::*:role/Ops",
        "arn:aws:iam::123456789012:role/Op?",
        "arn:*:iam::123456789012:root",
        "arn:aws:sts::123456789012:assumed-role/Ops",
        "arn:aws:sts::123456789012:assumed-role/Ops/*",
        "arn:aws:sts::123456789012:assumed-role/Ops/",
        "arn:aws:sts::123456789012:assumed-role/some/path/Ops/alice",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:group/ops",
        "arn:aws:iam::1234:user/a",
        "arn:aws:iam::123456789012:instance-profile/x",
        "ARN:AWS:IAM::123456789012:ROOT",
        "arn:aws",
        "two words",
        "[operators]",
    ],
)
def test_an_operator_that_is_not_exact_is_refused(entry: str) -> None:
    """With its text, so that a typing error never makes more or fewer operators than intended."""
    with pytest.raises(ConfigurationError, match=f"CHAT_OPERATORS: '{re.escape(entry)}'"):
        operators_of(f"operators, {entry}")


@given(st.text(), st.text())
def test_callers_have_folders_of_their_own(one: str, other: str) -> None:
    """A name that no path can leave, and different ones for different callers."""
    assert re.fullmatch("[0-9a-f]{32}", Caller(one).owner)
    assert (Caller(one).owner == Caller(other).owner) is (one == other)


@given(st.text(), st.text(), st.frozensets(st.text()))
def test_nobody_reads_anothers_execution(one: str, other: str, groups: frozenset[str]) -> None:
    """Without operators: exactly the caller who started it."""
    document = {"request": {"text": "x", "caller": one}}

    assert Caller(other, groups).may_read(document, frozenset()) is (one == other)


@pytest.mark.parametrize("document", [{}, {"request": None}, {"request": {}}, {"request": "x"}, {"run": {}}])
def test_an_execution_without_a_caller_is_for_operators(document: dict[str, Any]) -> None:
    """An input without an owner has none."""
    assert not Caller(ANONYMOUS).may_read(document, frozenset())
    assert Caller("u", frozenset({"ops"})).may_read(document, frozenset({"ops"}))
