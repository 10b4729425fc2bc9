"""Every route that app.py declares: the quota counts what it starts, and users of a pool reach operators' routes only
as operators."""

from __future__ import annotations

import json

import pytest

from tests.attacks.application import ANN, BODIES, ROUTES, Application

pytestmark = pytest.mark.usefixtures("moto")
FOR_EVERYONE = {
    ("POST", "/chat"),
    ("GET", "/chat/{execution}"),
    ("GET", "/chat/{execution}/citations/{number}/link"),
    ("POST", "/chat/{execution}/feedback"),
    ("POST", "/stream"),
    ("GET", "/conversations"),
    ("GET", "/conversations/{conversation}"),
    ("PUT", "/conversations/{conversation}"),
    ("DELETE", "/conversations/{conversation}"),
    ("GET", "/health"),
}
STRICT = {
    ("POST", "/executions/{execution}/rerun"),
    ("POST", "/executions/{execution}/redrive"),
    ("POST", "/executions/{execution}/stop"),
    ("POST", "/executions/{execution}/record"),
    ("GET", "/executions/{execution}/page"),
    ("GET", "/executions/{execution}/conversation"),
}
"""For operators also among IAM principals, and also where the execution is the caller's own."""
DONE = {
    "POST /chat/{execution}/feedback": ["Feedback"],
    "PUT /conversations/{conversation}": [],
    "POST /executions/{execution}/redrive": ["RedriveExecution"],
    "POST /executions/{execution}/stop": ["StopExecution"],
    "POST /executions/{execution}/record": [],
}
"""What a route does after the count, where it is not the start of an execution."""
TICKET = ("POST", "/stream")
"""Starts nothing, and has its own count: each question on its connection is counted (unit/functions/test_stream.py)."""
STARTING = [(method, path) for method, path in ROUTES if method not in ("GET", "DELETE") and (method, path) != TICKET]
READING = [(method, path) for method, path in ROUTES if method == "GET"]


@pytest.mark.parametrize(("method", "path"), STARTING)
def test_work_is_counted_before_it_starts(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """Once, before anything else starts."""
    route = f"{method} {path}"
    operators = frozenset({ANN}) if (method, path) in STRICT else frozenset()
    application = Application(monkeypatch, operators=operators)
    application.call(method, path, BODIES[route])

    assert application.done == ["count", *DONE.get(route, ["StartExecution"])]


@pytest.mark.parametrize(("method", "path"), STARTING)
def test_without_quota_nothing_starts(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """429 from every route that starts something."""
    application = Application(monkeypatch, exhausted=True, operators=frozenset({ANN}))

    assert application.call(method, path, BODIES[f"{method} {path}"])[0] == 429
    assert (application.done, application.talks.calls) == (["count"], [])


@pytest.mark.parametrize(("method", "path"), READING)
def test_reading_starts_nothing(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """So it needs no count, and a caller without quota still gets its answers."""
    application = Application(monkeypatch, exhausted=True)

    assert application.call(method, path)[0] != 429
    assert application.done == []


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route not in FOR_EVERYONE])
@pytest.mark.parametrize("groups", [None, "", "staff", "Operators", "operators2", "[staff ops]"])
def test_a_user_of_the_pool_is_no_operator(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, groups: str | None
) -> None:
    """The pool's authorizer permits every route; the application does not, even where the user owns the execution."""
    application = Application(monkeypatch, operators=frozenset({"operators"}))
    claims = {"sub": "user-1"} | ({} if groups is None else {"cognito:groups": groups})
    status, body = application.call(method, path, BODIES.get(f"{method} {path}"), claims=claims)

    assert (status, body["error"]["code"]) == (403, "OperatorsOnly")
    assert application.done == []


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("groups", ["operators", "staff,operators", "[operators staff]"])
def test_operators_and_iam_principals_reach_every_route(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, groups: str
) -> None:
    """An operator by the group in the token; an IAM principal because IAM has checked the route."""
    application = Application(monkeypatch, operators=frozenset({"operators"}))
    body = BODIES.get(f"{method} {path}")

    assert application.call(method, path, body, claims={"sub": "u", "cognito:groups": groups})[0] != 403
    assert (application.call(method, path, body)[0] == 403) == ((method, path) in STRICT)


@pytest.mark.parametrize(("method", "path"), sorted(STRICT))
def test_an_action_is_for_operators_among_iam_principals_too(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """The right to call the route and to own the execution is not enough; the operator's ARN is."""
    application = Application(monkeypatch)
    status, body = application.call(method, path, BODIES.get(f"{method} {path}"))
    assert (status, body["error"]["code"], application.done) == (403, "OperatorsOnly", [])

    named = Application(monkeypatch, operators=frozenset({ANN}))
    assert named.call(method, path, BODIES.get(f"{method} {path}"))[0] != 403


def test_without_operators_no_user_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty setting is not everyone; nor is a group with the name of an ARN one of its sessions."""
    session = "arn:aws:sts::123456789012:assumed-role/Ops/alice"
    for operators, groups in ((frozenset(), "operators"), (frozenset({session}), session)):
        application = Application(monkeypatch, operators=frozenset(operators))
        claims = {"sub": session, "cognito:groups": groups}

        assert application.call("GET", "/executions", claims=claims)[0] == 403


SURROGATE = '"\\ud800"'


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/chat", '"question": "x", "client_token": '),
        ("/chat", '"question": '),
        ("/chat", '"question": "x", "passages": ['),
        ("/chat", '"question": "x", "passages": [{"text": "x", "id": '),
        ("/chat", '"question": "x", "passages": [{"id": "x", "text": '),
        ("/evaluations", '"corpus": '),
        ("/evaluations", '"corpus": "s3://bucket/corpora/x", "client_token": '),
        ("/evaluations", '"corpus": "s3://bucket/corpora/x", "kind": '),
    ],
)
def test_half_a_pair_of_surrogates_is_refused(monkeypatch: pytest.MonkeyPatch, path: str, member: str) -> None:
    """In every text of every body: 400, and nothing starts."""
    application = Application(monkeypatch)
    text = "{" + member + SURROGATE
    text += "}" * (text.count("{") - 1) + "]" * text.count("[") + "}"
    json.loads(text)
    status, body = application.call("POST", path, text)

    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert "not valid Unicode" in body["error"]["message"]
    assert application.done == []


def test_half_a_pair_of_surrogates_in_the_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """API Gateway passes parameters as JSON, which can carry it too."""
    application = Application(monkeypatch)

    assert application.call("GET", "/executions", query={"text": "\ud800"})[0] == 400
