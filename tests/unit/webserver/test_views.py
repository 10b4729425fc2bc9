"""What the page's views refuse, and how their errors reach the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.wire import HttpRequest
from stepguard.aws.executions import Executions
from stepguard.guard.errors import AccessDenied
from stepguard.webserver.site import Site
from stepguard.webserver.views import TEXT_CHARACTERS, Views


def _denied() -> Executions:
    raise AccessDenied("GetFunctionConfiguration is not permitted.")


SITE = Site(views=Views(_denied, lambda: None))


def post(name: str, document: Any) -> tuple[int, Any]:
    """POST to a view."""
    response = SITE.handle(HttpRequest("POST", f"/ui/{name}", body=json.dumps(document).encode()))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("name", "document", "words"),
    [
        ("judge", {"text": " ", "direction": "INPUT"}, "empty"),
        ("judge", {"text": "x"}, "'direction' is one of INPUT, OUTPUT"),
        ("judge", {"text": "x", "direction": "both"}, "'direction' is one of"),
        ("judge", {"text": ["x"], "direction": "INPUT"}, "'text' must be a text"),
        ("judge", {"text": "x" * (TEXT_CHARACTERS + 1), "direction": "INPUT"}, "at most 20000"),
        ("search", {"text": ""}, "empty"),
        ("search", {"text": "x", "groups": 1}, "'groups' must be a text"),
        ("search", {"text": "x"}, "There is no knowledge base"),
        ("judge", [], "must be a JSON object"),
    ],
)
def test_what_cannot_be_shown_is_a_400_in_words(name: str, document: object, words: str) -> None:
    """It names what is wrong."""
    status, body = post(name, document)
    assert status == 400
    assert words in body["error"]["message"]


def test_what_may_not_be_read_is_reported() -> None:
    """With the permission that is missing."""
    for name in ("guardrails", "judge"):
        status, body = post(name, {"text": "x", "direction": "INPUT"})
        assert (status, body["error"]["code"]) == (503, "AccessDenied")
        assert "GetFunctionConfiguration" in body["error"]["message"]


def test_without_a_knowledge_base_there_are_no_documents() -> None:
    """Of an account whose knowledge base was not named."""
    assert post("documents", {})[1] == {"knowledge_base": None, "documents": [], "flagged": [], "ingestion": None}


def test_views_are_posted() -> None:
    """A link or an image of another page cannot start a judgement."""
    for name in ("guardrails", "judge", "documents", "search"):
        assert SITE.handle(HttpRequest("GET", f"/ui/{name}", body=b"")).status == 405
        assert Site().handle(HttpRequest("POST", f"/ui/{name}", body=b"{}")).status == 404
