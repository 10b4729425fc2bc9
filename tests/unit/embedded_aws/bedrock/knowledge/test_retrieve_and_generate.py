"""RetrieveAndGenerate: the guardrail, the citations and the sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.knowledge.fakes import S3, Bedrock

MODEL = "arn:aws:bedrock:us-east-1::foundation-model/local.model-v1:0"


@pytest.fixture
def bedrock(tmp_path: Path) -> Iterator[Bedrock]:
    made = Bedrock(
        tmp_path,
        S3(**{"a.md": b"Visiting hours are from two to eight.", "b.md": b"Parking costs two dollars an hour."}),
    )
    yield made
    made.registry.close()


@pytest.fixture
def base(bedrock: Bedrock) -> str:
    where = bedrock.base()
    bedrock.ingest(where)
    return where["knowledgeBaseId"]


def ask(
    bedrock: Bedrock, base: str, text: str, generation: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return call(bedrock, "RetrieveAndGenerate", base, text, generation, **more)


def call(
    bedrock: Bedrock, operation: str, base: str, text: str, generation: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    configuration: dict[str, Any] = {"knowledgeBaseId": base, "modelArn": MODEL}
    if generation:
        configuration["generationConfiguration"] = generation
    return bedrock.runtime(
        operation,
        input={"text": text},
        retrieveAndGenerateConfiguration={"type": "KNOWLEDGE_BASE", "knowledgeBaseConfiguration": configuration},
        **more,
    )


def test_a_sentence_cites_the_passage_that_contains_it(bedrock: Bedrock, base: str) -> None:
    bedrock.model.answer = "Parking costs two dollars. Penguins swim elegantly."
    answer = ask(bedrock, base, "What does parking cost?")
    assert answer["output"]["text"] == bedrock.model.answer
    assert "guardrailAction" not in answer
    first, second = answer["citations"]
    part = first["generatedResponsePart"]["textResponsePart"]
    assert part == {"text": "Parking costs two dollars.", "span": {"start": 0, "end": 25}}
    (reference,) = first["retrievedReferences"]
    assert reference["location"]["s3Location"]["uri"] == "s3://documents/b.md"
    assert "score" not in reference
    assert second["retrievedReferences"] == []
    prompt, question = bedrock.model.asked[0][0]
    assert "Parking costs two dollars an hour." in prompt.text
    assert question.text == "What does parking cost?"


def test_a_template_without_format_instructions_gives_no_citations(bedrock: Bedrock, base: str) -> None:
    bedrock.model.answer = "Parking costs two dollars."
    own = {"promptTemplate": {"textPromptTemplate": "Facts: $search_results$ Question: $query$"}}
    assert ask(bedrock, base, "parking?", own)["citations"] == []
    assert bedrock.model.asked[0][0][0].text.endswith("Question: parking?")
    with pytest.raises(ServiceError, match=r"must contain the placeholder \$search_results\$"):
        ask(bedrock, base, "parking?", {"promptTemplate": {"textPromptTemplate": "Answer."}})


def test_nothing_found_is_answered_without_a_model(bedrock: Bedrock) -> None:
    empty = bedrock.base()["knowledgeBaseId"]
    answer = ask(bedrock, empty, "anything")
    assert answer["output"]["text"] == "Sorry, I am unable to assist you with this request."
    assert [citation["retrievedReferences"] for citation in answer["citations"]] == [[]]
    assert bedrock.model.asked == []


def test_the_guardrail_judges_the_question_and_the_answer_but_not_the_passages(bedrock: Bedrock, base: str) -> None:
    words = {"wordPolicyConfig": {"wordsConfig": [{"text": "dollars"}, {"text": "penguins"}]}}
    generation = {"guardrailConfiguration": bedrock.guardrail(**words)}
    blocked = ask(bedrock, base, "Do penguins park?", generation)
    assert (blocked["output"]["text"], blocked["guardrailAction"]) == ("No question.", "INTERVENED")
    assert (blocked["citations"], bedrock.model.asked) == ([], [])
    bedrock.model.answer = "Parking costs money."
    passed = ask(bedrock, base, "What does parking cost?", generation)
    assert "dollars" in bedrock.model.asked[0][0][0].text
    assert (passed["output"]["text"], passed["guardrailAction"]) == ("Parking costs money.", "NONE")
    bedrock.model.answer = "Parking costs two dollars."
    blocked = ask(bedrock, base, "What does parking cost?", generation)
    assert (blocked["output"]["text"], blocked["guardrailAction"]) == ("No answer.", "INTERVENED")


def test_masked_questions_and_answers_are_used(bedrock: Bedrock, base: str) -> None:
    pii = {"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{"type": "NAME", "action": "ANONYMIZE"}]}}
    bedrock.model.answer = "Bob parks."
    answer = ask(bedrock, base, "Does Alice park?", {"guardrailConfiguration": bedrock.guardrail(**pii)})
    assert bedrock.model.asked[0][0][-1].text == "Does {NAME} park?"
    assert (answer["output"]["text"], answer["guardrailAction"]) == ("{NAME} parks.", "INTERVENED")


def test_a_stream_has_texts_citations_and_the_guardrails_action(bedrock: Bedrock, base: str) -> None:
    """In this order; without a guardrail no event is about one."""
    bedrock.model.answer = "Parking costs two dollars. Penguins swim elegantly."
    answer = call(bedrock, "RetrieveAndGenerateStream", base, "What does parking cost?")
    events = list(answer["stream"])
    assert answer["sessionId"]
    assert "".join(event["output"]["text"] for event in events if "output" in event) == bedrock.model.answer
    assert [name for event in events for name in event][-2:] == ["citation", "citation"]
    assert events[-2]["citation"]["retrievedReferences"][0]["location"]["s3Location"]["uri"] == "s3://documents/b.md"
    words = {"wordPolicyConfig": {"wordsConfig": [{"text": "penguins"}]}}
    named = {"guardrailConfiguration": bedrock.guardrail(**words)}
    events = list(call(bedrock, "RetrieveAndGenerateStream", base, "What does parking cost?", named)["stream"])
    assert events == [{"output": {"text": "No answer."}}, {"guardrail": {"action": "INTERVENED"}}]


def test_sessions_are_made_by_the_service(bedrock: Bedrock, base: str) -> None:
    with pytest.raises(ServiceError, match="Session with Id mine is not valid"):
        ask(bedrock, base, "parking?", sessionId="mine")
    session = ask(bedrock, base, "parking?")["sessionId"]
    assert ask(bedrock, base, "and visiting?", sessionId=session)["sessionId"] == session
    assert [message.text for message in bedrock.model.asked[1][0][1:]] == ["parking?", "An answer.", "and visiting?"]


def test_what_does_nothing_here_is_refused_by_name(bedrock: Bedrock, base: str) -> None:
    with pytest.raises(ServiceError, match="performanceConfig of RetrieveAndGenerate"):
        ask(bedrock, base, "parking?", {"performanceConfig": {"latency": "optimized"}})
    with pytest.raises(ServiceError, match="Member must have length less than or equal to 1000"):
        ask(bedrock, base, "p" * 1001)
