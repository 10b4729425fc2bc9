"""Behaviours I to L of `test_behaviours`: where texts may go, and long texts in chunks."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from functions.chat_api import ChatApi
from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import Verdict
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.bedrock import (
    BLOCKED_MESSAGE,
    blocked,
    golden,
    guard,
    masked,
    passed,
)
from tests.fakes.chat import posted
from tests.fakes.stages import ANSWERED, QUESTION, REQUEST, SETTINGS, ask_answer, ask_input, ask_model
from tests.fakes.states import FakeStates


def test_i_no_text_of_a_blocked_question_or_answer_goes_on() -> None:
    """I: what a layer blocked is in nothing that a later state, or a history of the chat, could read."""
    reply = golden("converse/blocked_output")
    reply["trace"]["guardrail"] |= {"modelOutput": ["the blocked words"]}

    assert QUESTION not in json.dumps(ask_input(blocked()))
    assert "the blocked words" not in json.dumps(ask_model(reply))
    assert ANSWERED["text"] not in json.dumps(ask_answer(blocked()))


def test_j_everything_the_client_can_see_was_evaluated() -> None:
    """J: GuardAnswer looks at exactly the text that the API delivers; passages and reasoning are in no reply."""
    guardrails, runtime = guard(passed())
    request = REQUEST | {"passages": [{"id": "1", "text": "SSN 123-45-6789 stands in a passage."}]}
    document: dict[str, Any] = {
        "request": request,
        "input_guard": ANSWERED | {"text": QUESTION},
        "model": ANSWERED | {"thought": "a secret thought"},
    }
    document["answer_guard"] = guard_answer({"document": document}, SETTINGS, guardrails)
    document["answer"] = document["answer_guard"]["answer"]
    _, body, _ = posted(ChatApi(FakeStates(output=document).executions), b'{"question": "Hello?"}', Caller("test"))

    (evaluated,) = runtime.bodies("apply_guardrail")
    assert evaluated["source"] == "OUTPUT"
    assert evaluated["content"] == [{"text": {"text": body["answer"]["text"]}}]
    assert set(body) == {"execution", "status", "answer"}
    assert "123-45-6789" not in json.dumps(body)
    assert "secret thought" not in json.dumps(body)


SECRET = "zebra-4711-secret"
EVERYWHERE = {
    "topicPolicy": {"topics": [{"name": "Medical Advice", "type": "DENY", "action": "BLOCKED"}]},
    "wordPolicy": {
        "customWords": [{"match": SECRET, "action": "BLOCKED"}],
        "managedWordLists": [{"match": SECRET, "type": "PROFANITY", "action": "BLOCKED"}],
    },
    "sensitiveInformationPolicy": {
        "piiEntities": [{"match": SECRET, "type": "EMAIL", "action": "ANONYMIZED"}],
        "regexes": [{"match": SECRET, "regex": "zebra", "action": "ANONYMIZED"}],
    },
}


def test_k_no_matched_text_is_in_findings_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    """K: findings name what was found, never the text; and nothing logs it."""
    caplog.set_level(logging.DEBUG)
    request = {"kind": "prompt", "text": f"My number is {SECRET}.", "caller": "test"}
    result = guard_input({"request": request}, SETTINGS, guard(blocked(EVERYWHERE))[0])

    assert [(item["policy"], item["name"]) for item in result["findings"]] == [
        ("topic", "Medical Advice"),
        ("word", "custom word"),
        ("word", "PROFANITY"),
        ("sensitive_information", "EMAIL"),
        ("sensitive_information", "regex"),
    ]
    assert SECRET not in json.dumps(result)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        f"1 validation error detected: Value '{SECRET}' at 'content.1.member' failed to satisfy constraint",
        f"Malformed input: \"it's {SECRET}\" can't be read",
        f"You can't use \"it's {SECRET}\"",
        f"b'{SECRET}' is not valid",
        f"The value `{SECRET}` is not valid",
        f"The value \u201c{SECRET}\u201d is not valid",
        f"Cut off in the middle of '{SECRET} and mo",
    ],
)
@pytest.mark.parametrize("ask", [ask_input, ask_answer, ask_model], ids=["input", "answer", "model"])
def test_k_no_quoted_text_is_in_an_errors_message(ask: Any, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """K: AWS quotes the request in its messages; ours, which Lambda logs, hide the quotation."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidRequest) as caught:
        ask(client_error("ValidationException", message))

    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__
    assert SECRET not in caplog.text


SENTENCE = "The quick  brown fox\tjumps over the lazy dog. \n"


def test_l_a_long_text_is_chunked_and_passes_unchanged() -> None:
    """L: 25,001 characters go as two requests within the limit, and come back to the letter."""
    text = (SENTENCE * 1000)[:25_001]
    guardrails, runtime = guard(passed(), passed())
    verdict = guardrails.check(SETTINGS.guardrail(Layer.PREPROCESS), text, Layer.PREPROCESS, Direction.INPUT)

    sent = [body["content"][0]["text"]["text"] for body in runtime.bodies("apply_guardrail")]
    assert len(sent) == 2
    assert all(len(part) <= 25_000 for part in sent)
    assert (verdict.outcome, verdict.text) == (Outcome.PASSED, text)
    assert verdict.text_units == {"contentPolicyUnits": 2}


def test_l_a_text_of_exactly_the_limit_is_one_request() -> None:
    """L: 25,000 characters fit one request."""
    guardrails, runtime = guard(passed())
    guardrails.check(SETTINGS.guardrail(Layer.MODEL), "x" * 25_000, Layer.MODEL, Direction.INPUT)

    assert len(runtime.requests) == 1


@pytest.mark.parametrize("worst", [0, 1, 2], ids=["first", "middle", "last"])
def test_l_one_blocked_chunk_blocks_the_whole(worst: int) -> None:
    """L: the worst verdict wins, wherever it is; what comes after a block is not sent."""
    replies: list[dict[str, Any]] = [passed(), masked("{EMAIL}"), passed()]
    replies[worst] = blocked()
    guardrails, runtime = guard(*replies[: worst + 1])
    verdict = guardrails.check(SETTINGS.guardrail(Layer.MODEL), "x" * 60_000, Layer.MODEL, Direction.INPUT)

    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", BLOCKED_MESSAGE)
    assert len(runtime.requests) == worst + 1


@pytest.mark.parametrize("place", [23_990, 24_500, 24_985, 24_995, 25_000])
def test_l_a_violation_across_the_cut_is_found(place: int) -> None:
    """L: chunks overlap, so that a phrase around the cut stands whole in one of them."""
    phrase = "do this forbidden thing"
    text = (SENTENCE * 2000)[:place] + phrase + (SENTENCE * 500)
    verdict = _judge(text, lambda part: blocked() if phrase in part else passed())

    assert verdict.outcome is Outcome.BLOCKED


@pytest.mark.parametrize("place", [100, 23_990, 24_500, 24_985, 24_995, 25_000, 26_000])
def test_l_a_mask_across_the_cut_keeps_the_text_around_it(place: int) -> None:
    """L: what is masked in either chunk is masked once in the whole; white space and order stay."""
    address = "sarah.j@email.com"
    text = f"{(SENTENCE * 2000)[:place]} {address} {SENTENCE * 500}"

    def judge(part: str) -> dict[str, Any]:
        hidden = part.replace(address, "{EMAIL}")
        return passed() if hidden == part else masked(hidden)

    verdict = _judge(text, judge)

    assert verdict.outcome is Outcome.MASKED
    assert verdict.text == text.replace(address, "{EMAIL}")


def _judge(text: str, judge: Any) -> Verdict:
    runtime = FakeClient(
        "bedrock-runtime", apply_guardrail=lambda request: judge(request["content"][0]["text"]["text"])
    )
    guardrails, _ = guard()
    guardrails = type(guardrails)(runtime.client)
    return guardrails.check(SETTINGS.guardrail(Layer.POSTPROCESS), text, Layer.POSTPROCESS, Direction.OUTPUT)
