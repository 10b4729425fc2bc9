"""The prompt for a model.

The template is DeepSeek-R1-Distill's (`chat_template` of its tokenizer_config.json, 2025-02 and later): the
caller of an imported model must apply it itself, Bedrock applies none to a `prompt`
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

BEGIN = "<｜begin▁of▁sentence｜>"
END = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
THINK = "<think>"


SHORTEST = 2_000
"""Passages of fewer characters in all are not shortened."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A grounding source: a text the answer must rest on.

    A retrieved one has the `uri`, `title` and `page` of its document, the search's `score`, the `groups` that may read
    it, and whether it was `screened` before it was stored. `number` is the one by which an answer cites it, 0 if none.
    """

    id: str
    text: str
    uri: str = ""
    title: str = ""
    page: int | None = None
    score: float | None = None
    groups: tuple[str, ...] = ()
    screened: bool = False
    number: int = 0

    @property
    def numbered(self) -> str:
        """The text as a model gets it: after its number, if it has one."""
        return f"[{self.number}] {self.text}" if self.number else self.text

    def to_document(self) -> dict[str, Any]:
        """A retrieved passage in the form of the execution document."""
        return {
            "id": self.id,
            "text": self.text,
            "uri": self.uri,
            "title": self.title,
            "page": self.page,
            "score": self.score,
            "groups": list(self.groups),
            "screened": self.screened,
        }


@dataclass(frozen=True, slots=True)
class Question:
    """The prompt: the question (possibly masked) and the passages to answer from.

    With `screened` all passages were checked in separate requests, so that the one around the model call leaves them
    out, as it does those that were screened before they were stored.
    `turns` are the questions and answers before, which their own layers judged: they are not judged again.
    """

    text: str
    passages: tuple[Passage, ...] = ()
    screened: bool = False
    turns: tuple[tuple[str, str], ...] = ()

    @property
    def characters(self) -> int:
        """The length of all texts."""
        return len(self.text) + self.passage_characters

    @property
    def passage_characters(self) -> int:
        """The length of the passages."""
        return sum(len(passage.text) for passage in self.passages)

    @property
    def instruction(self) -> str:
        """What the model is asked to do with the passages."""
        return f"{FROM_PASSAGES} {CITE}" if any(passage.number for passage in self.passages) else FROM_PASSAGES

    def shortened(self) -> Question | None:
        """The same with the first half of each passage; None if little would be left of them."""
        if self.passage_characters < SHORTEST:
            return None
        halves = tuple(replace(passage, text=passage.text[: -(-len(passage.text) // 2)]) for passage in self.passages)
        return replace(self, passages=halves)

    def neutralised(self) -> Question:
        """The same question without control tokens of chat templates, as every model must get it."""
        from stepguard.guard.texts.control_tokens import neutralise  # its patterns take a third of a cold start

        passages = (replace(passage, text=neutralise(passage.text)) for passage in self.passages)
        turns = tuple((neutralise(asked), neutralise(answered)) for asked, answered in self.turns)
        return replace(self, text=neutralise(self.text), passages=tuple(passages), turns=turns)


FROM_PASSAGES = (
    'Answer the question from the passages only. If they do not hold the answer, say exactly "Sorry, I don\'t know."'
)
"""The instruction that goes with passages; LLM_QA_NO_HITS_REGEX matches its refusal."""


CITE = "After each sentence, write the number of the passage that it is from in brackets, as in [1]."
"""The instruction that goes with numbered passages."""


def deepseek_prompt(user: str, system: str = "", turns: Sequence[tuple[str, str]] = ()) -> str:
    """The raw prompt of DeepSeek-R1-Distill for a user's turn after earlier ones; it ends inside the thought.

    All texts must be neutralised already where they are foreign.
    """
    before = "".join(f"{USER}{asked}{ASSISTANT}{answered}{END}" for asked, answered in turns)
    return f"{BEGIN}{system}{before}{USER}{user}{ASSISTANT}{THINK}\n"


def user_turn(question: str, passages: Sequence[str], instruction: str = FROM_PASSAGES) -> str:
    """The user's turn for models that take plain text: instruction, passages, question."""
    if not passages:
        return question
    listing = "\n\n".join(f"Passage {number}:\n{text}" for number, text in enumerate(passages, 1))
    return f"{instruction}\n\n{listing}\n\nQuestion: {question}"
