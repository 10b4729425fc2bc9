"""What the page's views refuse, and how their errors reach the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.wire import HttpRequest
from stepguard.aws.executions import Executions
from stepguard.guard.errors import AccessDenied
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.webserver import views
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


class _Bedrock:
    """ApplyGuardrail of a guardrail with two topics; `scores` is the header of the embedded one."""

    def __init__(self, scores: str | None) -> None:
        self._headers = {} if scores is None else {"x-embedded-topic-scores": scores}

    def apply_guardrail(self, **_: Any) -> dict[str, Any]:
        """One topic found, the other not."""
        topics = [
            {"name": name, "type": "DENY", "action": action, "detected": action == "BLOCKED"}
            for name, action in (("Stocks", "BLOCKED"), ("Taxes", "NONE"))
        ]
        return {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "No."}],
            "assessments": [{"topicPolicy": {"topics": topics}}],
            "usage": {},
            "ResponseMetadata": {"HTTPHeaders": self._headers},
        }


@pytest.mark.parametrize("scores", ['{"Stocks": [0.9, 0.6], "Taxes": [0.2, 0.6]}', None])
def test_a_judged_text_has_scores_of_topics_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch, scores: str | None
) -> None:
    """Of those found and of the others; AWS gives none, and the reply says so."""
    monkeypatch.setattr(views, "client", lambda _: _Bedrock(scores))
    monkeypatch.setattr(views, "deployed_layers", lambda _: {Layer.PREPROCESS: GuardrailRef("g", "1")})
    site = Site(views=Views(Executions, lambda: None))
    body = json.dumps({"text": "Which stocks?", "direction": "INPUT"}).encode()
    layer = json.loads(site.handle(HttpRequest("POST", "/ui/judge", body=body)).body)["layers"][0]
    found = {item["name"]: (item.get("score"), item.get("threshold")) for item in layer["findings"] + layer["scores"]}
    assert layer["topic_scores"] == (scores is not None)
    assert found == ({"Stocks": (0.9, 0.6), "Taxes": (0.2, 0.6)} if scores else {"Stocks": (None, None)})
