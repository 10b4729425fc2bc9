"""Canaries in 1,000 random conversations: what a layer masks or blocks in a turn is in nothing that the turn leaves.

The Lambdas of the assistant run one after the other as its definition leads them, on guardrails and a model that act on
words by their names: `maskpre7` is masked by the input layer, `blockpost3` is blocked by the answer layer. The model
repeats what it has read, older turns included, and the rewriter joins words of several turns.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.guard_rewrite import guard_rewrite
from functions.invoke_model import invoke_model
from functions.rewrite_question import rewrite_question
from stepguard.aws.models import Completion
from stepguard.guard import answer as answers
from stepguard.guard.conversation import ConversationSettings, place_of
from stepguard.guard.errors import ServiceUnavailable, StepguardError
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelSettings
from stepguard.guard.stages import Direction, Layer, Outcome, question_of
from stepguard.guard.stream.frames import last_frame
from stepguard.guard.stream.pieces import Pieces
from stepguard.guard.telemetry import route_line, stage_lines
from stepguard.guard.turns import read_turn
from stepguard.guard.verdict import Finding, Verdict, merge
from tests.fakes.bedrock import ALL_LAYERS, with_layers

SETTINGS = replace(
    with_layers(*ALL_LAYERS), conversation=ConversationSettings(on=True, rewriting=True), empty_message="Nothing found."
)
LAYERS = {"pre": Layer.PREPROCESS, "model": Layer.MODEL, "post": Layer.POSTPROCESS}
WORD = re.compile(r"(mask|block)(pre|model|post)\d+")
PLAIN = ("fever", "When", "helps", "children", "dose", "and", "the", "maskp", "re5", "blockp", "re6")
"""Harmless words; pieces of them are a canary when the rewriter joins them."""
CONVERSATIONS = 1_000
ANSWERED = ("answered", "masked", "dont_know", "blocked", "unavailable")


class World:
    """Guardrails and a model for one turn, and what they did. `acted` are the words that a layer masked or blocked."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.acted: set[str] = set()
        self.prompts: list[Question] = []

    def check(self, ref: GuardrailRef | None, text: str, layer: Layer, direction: Direction, **_: object) -> Verdict:
        """ApplyGuardrail."""
        assert ref is not None
        findings: list[Finding] = []
        blocked = False

        def act(found: re.Match[str]) -> str:
            nonlocal blocked
            if LAYERS[found[2]] is not layer:
                return found[0]
            self.acted.add(found[0])
            blocked = blocked or found[1] == "block"
            action = "BLOCKED" if found[1] == "block" else "ANONYMIZED"
            findings.append(Finding("sensitive_information", "CANARY", action, layer, direction))
            return "{CANARY}"

        masked = WORD.sub(act, text)
        if blocked:
            return Verdict(Outcome.BLOCKED, "", "Refused.", tuple(findings))
        return Verdict(Outcome.MASKED if findings else Outcome.PASSED, masked, None, tuple(findings))

    def ask(
        self,
        question: Question,
        model: ModelSettings,
        ref: GuardrailRef | None,
        reader: object = None,
        hear: object = None,
    ) -> Completion:
        """Converse under the model layer's guardrail, which judges the newest question and the answer."""
        self.prompts.append(question)
        if self._chance.random() < 0.05:
            raise ServiceUnavailable("busy")
        asked = self.check(ref, question.text, Layer.MODEL, Direction.INPUT)
        if asked.blocked:
            return Completion(asked, "guardrail_intervened")
        seen = [text for turn in question.turns for text in turn] + [asked.text]
        said = self._say(seen, rewriting=reader is None)
        judged = self.check(ref, said, Layer.MODEL, Direction.OUTPUT)
        verdict = judged if judged.blocked else merge([asked, judged], judged.text)
        return Completion(verdict, self._chance.choice(("end_turn", "end_turn", "end_turn", "max_tokens")))

    def _say(self, seen: list[str], *, rewriting: bool) -> str:
        words = " ".join(seen).split()
        kind = self._chance.random()
        if rewriting:  # pieces of several turns meet without a blank
            return self._chance.choice(("", " ")).join(self._chance.sample(words, min(3, len(words)))) + "?"
        if kind < 0.15:
            return "Sorry, I don't know."
        own = [_canary(self._chance, 10)] if kind > 0.7 else []
        return " ".join([*self._chance.choices(words, k=6), *own]) + "."


class Chat:
    """One conversation; `items` are those of the table, newest first, as LoadConversation returns them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.items: list[dict[str, Any]] = []
        self.outcomes: list[str] = []
        self.sent = 0

    def turn(self, number: int) -> None:
        """Ask a question, and check what is left of it."""
        world: Any = World(self.chance)
        words = self.chance.choices(PLAIN, k=self.chance.randint(1, 5))
        words += [_canary(self.chance) for _ in range(self.chance.choice((0, 0, 1, 2)))]
        self.chance.shuffle(words)
        place = place_of("me", "conv-1", 1_000.0 + number, f"chat-{number}", first=number == 0)
        request = {"kind": "prompt", "text": " ".join(words), "caller": "me", "conversation": place.to_document()}
        document: dict[str, Any] = {"request": request}
        lines: list[Mapping[str, Any]] = []
        try:
            answer = self._run(document, world, lines)
        except StepguardError as error:
            lines += stage_lines("InvokeModel", "chat", None, error, 1, "s", 1)
            answer = answers.unavailable(SETTINGS.error_message).to_document()
        self.outcomes.append(answer["outcome"])
        texts = {"L": [document[key]["turn"] for key in ("model", "answer_guard") if "turn" in document.get(key, {})]}
        item = {"turn": {"S": place.turn}, "outcome": {"S": answer["outcome"]}, "expires": {"N": "9000"}}
        self.items.insert(0, item | ({"texts": texts} if answer["outcome"] != "unavailable" else {}))
        self._check(document, answer, world, lines)

    def _run(self, document: dict[str, Any], world: Any, lines: list[Mapping[str, Any]]) -> dict[str, Any]:
        """The states of assistant.asl.json from GuardInput to the end."""

        def ran(state: str, result: dict[str, Any]) -> dict[str, Any]:
            lines.extend(stage_lines(state, "chat", result, None, 1, "s", 1))
            return result

        request = document["request"]
        guard = ran("GuardInput", guard_input({"request": request}, SETTINGS, world, lambda: 1.0, lambda: None))
        document["input_guard"] = guard
        if guard["blocked"]:
            return dict(guard["answer"])
        if guard["has_turns"]:
            event = {"request": request, "text": guard["text"], "items": self.items}
            rewrite = ran("RewriteQuestion", rewrite_question(event, SETTINGS, world, lambda: 1.0))
            document["context"] = {"conversation": {"turns": rewrite["turns"]}, "rewrite": rewrite}
            event = {"request": request, "text": rewrite["text"], "rewrite": rewrite["outcome"]}
            judged = ran("GuardRewrite", guard_rewrite(event, SETTINGS, world))
            document["context"]["rewrite_guard"] = judged
            if judged["blocked"]:
                return dict(judged["answer"])
        document["model"] = ran("InvokeModel", invoke_model({"document": document}, SETTINGS, world, world))
        if not document["model"]["has_answer"]:
            return dict(document["model"]["answer"])
        self._stream(document["model"]["text"], world)
        document["answer_guard"] = ran("GuardAnswer", guard_answer({"document": document}, SETTINGS, world))
        return dict(document["answer_guard"]["answer"])

    def _stream(self, text: str, world: Any) -> None:
        """The same answer in guarded pieces, in parts of any size and in the middle of a longer text."""
        layer, sent = SETTINGS.guardrail(Layer.POSTPROCESS), list[str]()
        passes = partial(world.check, layer, layer=Layer.POSTPROCESS, direction=Direction.OUTPUT)
        pieces = Pieces(lambda piece: passes(text=piece).outcome is Outcome.PASSED, sent.append, lambda: 0.0)
        whole = " ".join(("plain words",) * 60 + (text,) + ("plain words",) * 60)
        while whole:
            size = self.chance.randint(1, 200)
            pieces.add(whole[:size])
            whole = whole[size:]
        assert not _held("".join(sent), {word for word in world.acted if "post" in word}), "a piece"
        self.sent += len(sent)

    def _check(
        self, document: dict[str, Any], answer: dict[str, Any], world: World, lines: list[Mapping[str, Any]]
    ) -> None:
        kept = read_turn(self.items[0])
        reply = {"execution": "chat", "status": "SUCCEEDED", "answer": answer}
        written = json.dumps([*lines, route_line("POST /chat", "me", (200, reply, {}), 1, "s", 1)])
        assert not WORD.search(written), "a log line"
        left = {
            "turn": json.dumps(kept.to_dict()),
            "frame": last_frame("chat", reply, answered=True).decode(),
            "notification": kept.outcome,
        }
        if "rewrite_guard" in document.get("context", {}) and not document["context"]["rewrite_guard"]["blocked"]:
            input_layer = {word for word in world.acted if "pre" in word}
            assert not _held(question_of(document), input_layer), "the rewritten prompt"
        for name, text in left.items():
            assert not _held(str(text), world.acted), name
        if answer["outcome"] in ("blocked", "unavailable"):
            assert (kept.question, kept.answer) == (None, None)
        allowed = {(turn.question, turn.answer) for turn in map(read_turn, self.items[1:])}
        assert all(set(prompt.turns) <= allowed for prompt in world.prompts), "a text that no turn holds"


def _canary(chance: random.Random, first: int = 0) -> str:
    """A word that the person writes; from 10 on, one that the model invents."""
    return f"{chance.choice(('mask', 'block'))}{chance.choice(('pre', 'model', 'post'))}{first + chance.randint(0, 9)}"


def _held(text: str, words: set[str]) -> set[str]:
    return {word for word in words if re.search(rf"{word}(?!\d)", text)}


@pytest.mark.parametrize("part", range(4))
def test_what_a_layer_masks_or_blocks_is_in_nothing_that_a_turn_leaves(part: int) -> None:
    """No stored turn, rewritten prompt, reply, frame or piece, log or notification; each outcome occurs."""
    seen: Counter[str] = Counter()
    pieces = 0
    for seed in range(part, CONVERSATIONS, 4):
        chat = Chat(seed)
        for number in range(chat.chance.randint(2, 6)):
            try:
                chat.turn(number)
            except AssertionError as error:
                raise AssertionError(f"conversation {seed}, turn {number}: {error}") from None
        seen.update(chat.outcomes)
        pieces += chat.sent
    assert all(seen[outcome] > 20 for outcome in ANSWERED), seen
    assert pieces > 1_000
