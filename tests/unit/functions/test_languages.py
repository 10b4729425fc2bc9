"""A German question: every message that it gets is German, and the model is asked to answer in German."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.guard_rewrite import guard_rewrite
from functions.invoke_model import invoke_model
from stepguard.aws.models import Completion
from stepguard.guard.callers import Caller
from stepguard.guard.stages import Outcome
from stepguard.guard.texts.messages import read_messages
from stepguard.guard.verdict import Verdict
from tests.fakes.bedrock import ALL_LAYERS, blocked, guard, passed, with_layers
from tests.fakes.chat import api, posted
from tests.fakes.states import FakeStates
from tests.fakes.tables import FakeTable

MESSAGES = {"de": {"EMPTYMESSAGE": "Nichts gefunden.", "ERRORMESSAGE": "Später.", "BLOCKEDMESSAGE": "Das geht nicht."}}
SETTINGS = replace(with_layers(*ALL_LAYERS), messages=read_messages(MESSAGES))
REQUEST = {"kind": "prompt", "text": "Wie lange dauert eine Erkältung?", "caller": "me"}
DOCUMENT: dict[str, Any] = {"request": REQUEST, "input_guard": {"text": REQUEST["text"], "outcome": "passed"}}


class Model:
    """Says one thing; `asked` is what it was asked with."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.asked: list[Any] = []

    def ask(self, question: Any, model: Any, *_: Any) -> Completion:
        """One answer."""
        self.asked.append(model)
        return Completion(Verdict(Outcome.PASSED, self.said), "end_turn")


def test_each_layers_block_has_the_message_of_the_language() -> None:
    """The input layer, the input layer after rewriting, and the answer layer."""
    first = guard_input({"request": REQUEST}, SETTINGS, guard(blocked())[0])
    assert (first["language"], first["answer"]["text"]) == ("de", "Das geht nicht.")
    event = {"request": REQUEST, "text": "x", "rewrite": "rewritten"}
    assert guard_rewrite(event, SETTINGS, guard(blocked())[0])["answer"]["text"] == "Das geht nicht."
    document = DOCUMENT | {"model": {"text": "So.", "outcome": "passed"}}
    assert guard_answer({"document": document}, SETTINGS, guard(blocked())[0])["answer"]["text"] == "Das geht nicht."


def test_other_questions_keep_the_guardrails_message() -> None:
    """There is no setting for their language."""
    request = REQUEST | {"text": "How long does a cold last?"}
    result = guard_input({"request": request}, SETTINGS, guard(blocked(message="Refused."))[0])
    assert (result["language"], result["answer"]["text"]) == ("en", "Refused.")


def test_the_model_answers_in_german_and_does_not_know_in_german() -> None:
    """By the prompt and by the don't-know message."""
    model: Any = Model("Sorry, I don't know.")
    result = invoke_model({"document": DOCUMENT}, SETTINGS, model, guard(passed())[0])
    assert model.asked[0].system_prompt == "Answer in German."
    assert (result["answer"]["outcome"], result["answer"]["text"]) == ("dont_know", "Nichts gefunden.")


def test_an_error_has_the_message_of_the_language() -> None:
    """The row of the answer knows the language, so that a later GET has it, too."""
    states, table = FakeStates(status="FAILED"), FakeTable()
    chat = api(states, settings=SETTINGS, table=table)
    body = json.dumps({"question": REQUEST["text"]}).encode()
    status, reply, _ = posted(chat, body, Caller("me"))
    assert (status, reply["answer"]["text"]) == (503, "Später.")
    status, later, _ = chat.get_chat(reply["execution"], Caller("me"))
    assert (status, later["answer"]["text"]) == (503, "Später.")
