"""Answers that leave while the model writes: in which order the model, the guardrail and the client have their turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.bedrock.api.streams import JUDGED, TAIL, Released, release
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Scope, evaluate
from embedded_aws.bedrock.models.base import Completion, Message, Sampling, Writing, write
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import FakeDetection, ScriptedModel, configuration, pii, words

WORDS = "All is well today. "
UNIT = 1_000


class WritingModel(ScriptedModel):
    """Writes its answer in parts of ten characters, counts them, and can fail at one."""

    def __init__(self, answer: str = "", fails_at: int = -1) -> None:
        super().__init__(answer)
        self.written = 0
        self.fails_at = fails_at

    def write(self, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
        for start in range(0, len(self.answer), 10):
            if start // 10 == self.fails_at:
                raise ServiceError("ModelErrorException", "It stopped.", 424)
            self.written = min(start + 10, len(self.answer))
            yield self.answer[start : start + 10]
        return self.complete(messages, sampling)


@pytest.fixture(name="model")
def _model() -> WritingModel:
    return WritingModel()


@pytest.fixture(name="bedrock")
def _bedrock(tmp_path: Path, model: WritingModel) -> Iterator[Bedrock]:
    bedrock = Bedrock(tmp_path / "b.sqlite", detection=FakeDetection(), models=Catalogue(language=model))
    yield bedrock
    bedrock.close()


def _named(bedrock: Bedrock, **policies: Any) -> dict[str, str]:
    made = bedrock.control.create_guardrail(configuration(**policies))
    return {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "DRAFT", "trace": "enabled"}


def _converse(bedrock: Bedrock, **config: str) -> Iterator[Any]:
    request: dict[str, Any] = {"modelId": "any.model", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    if config:
        request["guardrailConfig"] = config
    return iter(bedrock.runtime.converse_stream(request)["stream"])


def _deltas(events: Iterator[Any], model: WritingModel) -> Iterator[tuple[str, int]]:
    """Each text, with how far the model had written when it left."""
    for event in events:
        if text := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
            yield text, model.written


def test_without_a_guardrail_each_part_leaves_at_once(bedrock: Bedrock, model: WritingModel) -> None:
    """The client reads the beginning while the end is not written yet."""
    model.answer = WORDS * 20
    left = 0
    for text, written in _deltas(_converse(bedrock), model):
        left += len(text)
        assert written == left
    assert left == len(model.answer)


def test_synchronous_mode_releases_a_text_unit_at_a_time(bedrock: Bedrock, model: WritingModel) -> None:
    """As recorded, an answer of 889 characters comes at its end; a longer one begins to come before."""
    named = _named(bedrock, **words("forbidden"))
    model.answer = (WORDS * 60)[:889]
    assert {written for _, written in _deltas(_converse(bedrock, **named), model)} == {889}
    model.answer = WORDS * 200
    seen = list(_deltas(_converse(bedrock, **named), model))
    assert "".join(text for text, _ in seen) == model.answer
    assert max(len(text) for text, _ in seen) <= JUDGED
    assert UNIT <= seen[0][1] < UNIT + 10
    left = 0
    for text, written in seen[:-1]:
        left += len(text)
        if written < len(model.answer):
            assert left <= written - TAIL


def test_a_reasoning_models_answer_without_a_thought_leaves_as_it_is_written(
    bedrock: Bedrock, model: WritingModel
) -> None:
    """Only a thought at its beginning holds it back."""
    request = {"modelId": "us.deepseek.r1-v1:0", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    model.answer = WORDS * 20
    seen = list(_deltas(iter(bedrock.runtime.converse_stream(request)["stream"]), model))
    assert "".join(text for text, _ in seen) == model.answer
    assert seen[0][1] == 10
    model.answer = "<think>" + WORDS * 20 + "</think>Yes."
    seen = list(_deltas(iter(bedrock.runtime.converse_stream(request)["stream"]), model))
    assert seen == [("Yes.", len(model.answer))]


@pytest.mark.parametrize("position", range(0, 3300, 111))
def test_no_masked_or_blocked_character_leaves(position: int) -> None:
    """Wherever it stands, also across a cut, written one character at a time."""
    detection = FakeDetection()
    made = configuration(**pii("NAME"), **words("forbidden"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    guardrail = Guardrail("abc", "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc", "1", 1, made, now, now)

    def judge(text: str) -> Any:
        return evaluate(guardrail, "OUTPUT", [Block(text)], detection, Scope())

    before, after = (WORDS * 200)[:position].rpartition(" ")[0], WORDS * 30
    for secret, final in (("Alice", "{NAME}"), ("forbidden", "")):
        text = f"{before} {secret} {after}".strip()
        pieces = release(write(_Letters(text), (), Sampling()), judge)
        sent = ""
        while True:
            try:
                sent += next(pieces).text
            except StopIteration as ended:
                released: Released = ended.value
                break
        assert released.said.text == text
        assert secret not in sent
        if final:
            assert sent == text.replace(secret, final)
        else:
            assert sent.endswith("Output refused.")
            assert text.startswith(sent.removesuffix("Output refused."))


class _Letters(WritingModel):
    def write(self, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
        yield from self.answer
        return Completion(self.answer, "end_turn", 1, 1)


def test_asynchronous_mode_sends_before_it_judges(bedrock: Bedrock, model: WritingModel) -> None:
    """And stops at the unit that is blocked: its message is the last text, whatever the model writes after it."""
    named = _named(bedrock, **words("forbidden")) | {"streamProcessingMode": "async"}
    model.answer = "forbidden " + WORDS * 200
    texts = list(_deltas(_converse(bedrock, **named), model))
    assert texts[0] == ("forbidden ", 10)
    assert texts[-1][0] == "Output refused."
    assert UNIT <= len("".join(text for text, _ in texts[:-1])) < UNIT + 10


def test_invoke_streams_release_in_the_same_way(bedrock: Bedrock, model: WritingModel) -> None:
    """Chunks of what has passed say NONE; from the mask on they say INTERVENED."""
    named = _named(bedrock, **pii("NAME")) | {"trace": "ENABLED"}
    model.answer = WORDS * 60 + "Alice was here."
    body = json.dumps({"prompt": "hi", "max_gen_len": 9}).encode()
    stream = bedrock.runtime.invoke_model_with_response_stream({"modelId": "any.model", "body": body, **named})["body"]
    first = json.loads(next(stream)["chunk"]["bytes"])
    assert model.written < len(model.answer)
    assert first["amazon-bedrock-guardrailAction"] == "NONE"
    assert model.answer.startswith(first["generation"])
    rest = [json.loads(event["chunk"]["bytes"]) for event in stream]
    assert "".join(chunk["generation"] for chunk in [first, *rest]) == model.answer.replace("Alice", "{NAME}")
    assert [chunk["amazon-bedrock-guardrailAction"] for chunk in rest[-2:]] == ["INTERVENED"] * 2
    assert "amazon-bedrock-trace" in rest[-1]
    metrics = rest[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["firstByteLatency"] <= metrics["invocationLatency"]


@pytest.mark.parametrize("operation", ["converse", "invoke"])
def test_what_the_model_refuses_at_once_is_an_error_of_the_call(
    bedrock: Bedrock, model: WritingModel, operation: str
) -> None:
    """Later it is an exception in the stream, after the events before it."""

    def start() -> Iterator[Any]:
        if operation == "converse":
            return _converse(bedrock)
        body = json.dumps({"prompt": "hi", "max_gen_len": 9}).encode()
        request = {"modelId": "any.model", "body": body}
        return iter(bedrock.runtime.invoke_model_with_response_stream(request)["body"])

    model.answer, model.fails_at = WORDS * 10, 0
    with pytest.raises(ServiceError, match="It stopped"):
        start()
    model.fails_at = 3
    events = start()
    seen: list[Any] = []
    with pytest.raises(ServiceError, match="It stopped"):
        seen.extend(events)
    assert len(seen) >= 3
