"""Passages that exceed one guarded request or the model's context still give a guarded answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import SHORTEST, Passage, Question
from stepguard.guard.settings import ModelApi, ModelSettings
from stepguard.guard.stages import Outcome
from stepguard.guard.texts.chunking import REQUEST_CHARACTERS
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.bedrock import REF, golden

FIVE = Question("Why?", tuple(Passage(str(number), f"{number} is a fact. " * 1_250) for number in range(5)))
PASSED = golden("apply_guardrail/passed")
TOO_LONG = client_error("ValidationException", "Input is too long for requested model.")


def ask(fake: FakeClient, question: Question = FIVE, model: ModelSettings | None = None) -> Any:
    """The completion of a question on a `bedrock-runtime` client."""
    return Models(fake.client, guardrails=Guardrails(fake.client)).ask(question, model or ModelSettings(), REF)


def marks(fake: FakeClient) -> list[list[str]]:
    """The qualifiers of each guarded block of the last call of Converse."""
    content = fake.bodies("converse")[-1]["messages"][0]["content"]
    return [block["guardContent"]["text"].get("qualifiers", []) for block in content if "guardContent" in block]


def test_long_passages_are_checked_in_requests_of_their_own() -> None:
    """Every character of them, as input of the model layer's guardrail; the call itself guards the rest."""
    fake = FakeClient("bedrock-runtime", apply_guardrail=PASSED, converse=golden("converse/answered"))
    completion = ask(fake)
    checks = fake.bodies("apply_guardrail")

    assert completion.verdict.outcome is Outcome.PASSED
    assert [check["content"][0]["text"]["text"] for check in checks] == [passage.text for passage in FIVE.passages]
    assert {check["source"] for check in checks} == {"INPUT"}
    assert marks(fake) == [["grounding_source"]] * 5 + [["query", "guard_content"]]


def test_passages_that_fit_are_guarded_in_the_call() -> None:
    """At the limit of a request, without any other."""
    question = Question("x" * 1_000, (Passage("1", "y" * (REQUEST_CHARACTERS - 1_000)),))
    fake = FakeClient("bedrock-runtime", converse=golden("converse/answered"))
    ask(fake, question)

    assert marks(fake) == [["grounding_source", "guard_content"], ["query", "guard_content"]]


def test_a_question_longer_than_a_query_is_guarded_whole() -> None:
    """Contextual grounding compares its first 1,000 characters; every other policy judges all of it."""
    question = Question("Why is it so? " * 200, (Passage("1", "It is so."),))
    fake = FakeClient("bedrock-runtime", converse=golden("converse/answered"))
    ask(fake, question)
    _, query, rest = (block["text"]["text"] for block in _guarded(fake.bodies("converse")[-1]))

    assert marks(fake)[1:] == [["query", "guard_content"], ["guard_content"]]
    assert query + rest == question.text
    assert 900 < len(query) <= 1_000


def test_imported_models_answers_are_grounded_apart() -> None:
    """Where a question is longer than a query, or the passages than a request: in input tags a passage would be judged
    by the other policies too, so ApplyGuardrail compares the answer."""
    question = Question("Why is it so? " * 200, (Passage("1", "It is so."),))
    for asked in (question, FIVE):
        fake = FakeClient(
            "bedrock-runtime",
            apply_guardrail=[PASSED] * len(asked.passages) + [golden("apply_guardrail/blocked_grounding")],
            invoke_model={
                "body": json.dumps(golden("invoke_model/completion_answered")).encode(),
                "contentType": "application/json",
            },
        )
        completion = ask(fake, asked, ModelSettings(ModelApi.IMPORTED_MODEL, "imported-model-x"))
        *sources, query, answer = (block["text"] for block in fake.bodies("apply_guardrail")[-1]["content"])

        assert [(source["text"], source["qualifiers"]) for source in sources] == [
            (passage.text, ["grounding_source"]) for passage in asked.passages
        ]
        assert query == {"text": asked.text[: len(query["text"])], "qualifiers": ["query"]}
        assert answer["qualifiers"] == ["guard_content"]
        assert completion.verdict.blocked


def test_a_blocked_passage_stops_before_the_model() -> None:
    """The model is not called; the passages after it are not checked."""
    fake = FakeClient("bedrock-runtime", apply_guardrail=[PASSED, golden("apply_guardrail/blocked_topic")])
    completion = ask(fake)

    assert (completion.verdict.outcome, completion.verdict.text) == (Outcome.BLOCKED, "")
    assert len(fake.bodies("apply_guardrail")) == 2
    assert fake.bodies("converse") == []


def test_imported_models_get_checked_passages_untagged() -> None:
    """Only what is in tags is assessed again: the question."""
    fake = FakeClient(
        "bedrock-runtime", apply_guardrail=PASSED, invoke_model=client_error("ValidationException", "enough")
    )
    with pytest.raises(InvalidRequest, match="enough"):
        ask(fake, model=ModelSettings(ModelApi.IMPORTED_MODEL, "imported-model-x"))
    (call,) = fake.bodies("invoke_model")

    assert call["body"].count("amazon-bedrock-guardrails-guardContent_") == 2
    assert "groundingSource" not in call["body"]


def test_passages_are_shortened_to_the_models_context() -> None:
    """The first half of each, and again; the document says how much was left out."""

    def converse(request: Request) -> Any:
        texts = [block["text"]["text"] for block in _guarded(request)]
        if sum(map(len, texts)) > 30_000:
            raise TOO_LONG
        return golden("converse/answered")

    fake = FakeClient("bedrock-runtime", apply_guardrail=PASSED, converse=converse)
    completion = ask(fake)
    read = sum(len(block["text"]["text"]) for block in _guarded(fake.bodies("converse")[-1])) - len(FIVE.text)

    assert len(fake.bodies("converse")) == 3
    assert completion.tokens["left_out"] == FIVE.passage_characters - read > 60_000
    assert all(
        passage.text.startswith(block["text"]["text"])
        for passage, block in zip(FIVE.passages, _guarded(fake.bodies("converse")[-1]), strict=False)
    )


def test_a_question_over_the_context_is_an_error() -> None:
    """Only passages are shortened, and not to nothing."""
    for question in (Question("x" * 20_000), Question("Why?", (Passage("1", "y" * (SHORTEST - 1)),))):
        fake = FakeClient("bedrock-runtime", converse=TOO_LONG)
        with pytest.raises(InvalidRequest, match="too long for requested model"):
            ask(fake, question)
        assert len(fake.bodies("converse")) == 1


def _guarded(request: Request) -> list[Any]:
    return [block["guardContent"] for block in request["messages"][0]["content"] if "guardContent" in block]


STORED = Question("Why?", (Passage("1", "It is so.", screened=True), Passage("2", "It was so.")))


def test_screened_passages_are_sources_and_are_not_judged_again() -> None:
    """A false alarm in a document that people released must not block each question that finds it."""
    fake = FakeClient("bedrock-runtime", converse=golden("converse/answered"))
    ask(fake, STORED)

    assert marks(fake) == [["grounding_source"], ["grounding_source", "guard_content"], ["query", "guard_content"]]


def test_imported_models_get_screened_passages_unjudged() -> None:
    """In tags each text would be judged: the other passage is judged apart, and the answer is compared with both."""
    fake = FakeClient(
        "bedrock-runtime",
        apply_guardrail=[PASSED, PASSED],
        invoke_model={
            "body": json.dumps(golden("invoke_model/completion_answered")).encode(),
            "contentType": "application/json",
        },
    )
    completion = ask(fake, STORED, ModelSettings(ModelApi.IMPORTED_MODEL, "imported-model-x"))
    before, after = fake.bodies("apply_guardrail")

    assert [block["text"]["text"] for block in before["content"]] == ["It was so."]
    assert [block["text"]["qualifiers"] for block in after["content"]] == [
        ["grounding_source"], ["grounding_source"], ["query"], ["guard_content"],
    ]  # fmt: skip
    assert "groundingSource" not in fake.bodies("invoke_model")[0]["body"]
    assert completion.verdict.outcome is Outcome.PASSED
